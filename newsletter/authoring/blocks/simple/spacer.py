"""spacer: empty space."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter


class SpacerEntry(BlockEntry):
    """Empty space."""

    spacer: Annotated[int, Field(ge=4, le=96)]
    """Pixels."""

    def to_block(self, assembly: Assembly) -> Block:
        return SpacerBlock(self.spacer)


@dataclass(frozen=True, slots=True)
class SpacerBlock(Block):
    height: int = 24
    """Pixels."""

    def to_text(self, writer: TextWriter) -> str:
        return ""
