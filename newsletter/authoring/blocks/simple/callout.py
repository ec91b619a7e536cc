"""callout: a short text on a tinted ground, such as a note."""

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Aside, Key, Markdown
from newsletter.columns import WIDTH, indented, wrap

_BAR = "| "


class CalloutEntry(BlockEntry):
    """A short text on a tinted ground, such as a note."""

    callout: Markdown
    """The text; Markdown."""
    title: Aside | None = None
    """A line above it in bold; inline Markdown."""

    def to_block(self, assembly: Assembly) -> Block:
        return CalloutBlock(self.callout, self.title or "")


@dataclass(frozen=True, slots=True)
class CalloutBlock(Block):
    text: Annotated[Markdown, Key("callout")]
    title: Aside = ""

    def to_text(self, writer: TextWriter) -> str:
        title = [wrap(writer.inline(self.title), width=WIDTH - len(_BAR))] if self.title else []
        words = "\n\n".join((*title, *writer.paragraphs(self.text, width=WIDTH - len(_BAR))))
        return writer.section(indented(words, _BAR))
