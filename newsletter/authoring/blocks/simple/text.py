"""text: paragraphs."""

from dataclasses import dataclass

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Markdown


class TextEntry(BlockEntry):
    """Paragraphs."""

    text: Markdown
    """Markdown; raw HTML is not read. [](@id) becomes a contributor's name with their link."""

    def to_block(self, assembly: Assembly) -> Block:
        return TextBlock(self.text)


@dataclass(frozen=True, slots=True)
class TextBlock(Block):
    text: Markdown

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(*writer.paragraphs(self.text))
