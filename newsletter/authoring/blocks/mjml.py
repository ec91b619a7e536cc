"""mjml: MJML of the author's own, for what no other block shows."""

from dataclasses import dataclass

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Alternative, Mjml


class MjmlEntry(BlockEntry):
    """MJML of your own, for what no other block shows."""

    mjml: Mjml
    """Sections, or what belongs into a column; begin it with `|`. Merge fields are allowed among words and in links."""
    text: Alternative | None = None
    """What it says, for the text part; Markdown. "" for mere decoration."""

    def to_block(self, assembly: Assembly) -> Block:
        return MjmlBlock(self.mjml, self.text or "")


@dataclass(frozen=True, slots=True)
class MjmlBlock(Block):
    mjml: Mjml
    text: Alternative = ""

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(*writer.paragraphs(self.text)) if self.text else ""
