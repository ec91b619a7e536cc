"""quote: a pull quote and its speaker."""

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Inline, Translation
from newsletter.columns import wrap


class QuoteEntry(BlockEntry):
    """A pull quote."""

    quote: Inline
    """Inline Markdown, without quotation marks."""
    by: Annotated[Inline, Translation.OPTIONAL] | None = None
    """The speaker or the source; inline Markdown."""

    def to_block(self, assembly: Assembly) -> Block:
        return QuoteBlock(self.quote, self.by or "")


@dataclass(frozen=True, slots=True)
class QuoteBlock(Block):
    quote: Inline
    by: Inline = ""

    def to_text(self, writer: TextWriter) -> str:
        lines = [writer.inline(self.quote)]
        if self.by:
            lines.append(writer.t("said_by") + writer.isolated(writer.inline(self.by)))
        return writer.section("\n".join(wrap(line, first="> ", rest="> ") for line in lines))
