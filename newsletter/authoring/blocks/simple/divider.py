"""divider: a hairline between two blocks."""

from dataclasses import dataclass
from typing import Literal

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter


class DividerEntry(BlockEntry):
    """A hairline between two blocks."""

    divider: Literal[True] | None
    """Nothing, or true."""

    def to_block(self, assembly: Assembly) -> Block:
        return DividerBlock()


@dataclass(frozen=True, slots=True)
class DividerBlock(Block):
    def to_text(self, writer: TextWriter) -> str:
        return "* * *"
