"""heading: a line above what follows."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Inline, refused
from newsletter.columns import underlined


def _without_sign(value: str) -> str:
    if value.lstrip().startswith("#"):
        raise refused("heading-sign", "the # would be shown: this is a heading already", "Delete it.")
    return value


class HeadingEntry(BlockEntry):
    """A heading."""

    heading: Annotated[Inline, AfterValidator(_without_sign)]
    """Inline Markdown, without #."""

    def to_block(self, assembly: Assembly) -> Block:
        return HeadingBlock(self.heading)


@dataclass(frozen=True, slots=True)
class HeadingBlock(Block):
    heading: Inline

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(underlined(writer.inline(self.heading), "-"))
