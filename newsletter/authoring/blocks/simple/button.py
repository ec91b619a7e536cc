"""button: the call to action."""

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Key, Line, Url
from newsletter.columns import wrap


class ButtonEntry(BlockEntry):
    """The call to action."""

    button: Line
    """Its label: two or three words."""
    url: Url
    """Where it leads."""

    def to_block(self, assembly: Assembly) -> Block:
        return ButtonBlock(self.button, self.url)


@dataclass(frozen=True, slots=True)
class ButtonBlock(Block):
    label: Annotated[Line, Key("button")]
    url: Url

    def to_text(self, writer: TextWriter) -> str:
        return f"{wrap(self.label, first='→ ', rest='  ')}\n  {self.url}"
