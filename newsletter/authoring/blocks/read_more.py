"""read_more: the email ends here; its web page goes on with the blocks below."""

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Key, Line
from newsletter.columns import wrap


class ReadMoreEntry(BlockEntry):
    """The end of the email. Its web page goes on with the blocks below."""

    read_more: Line
    """The words of the link to the page, such as "Read the rest"."""

    def to_block(self, assembly: Assembly) -> Block:
        return ReadMoreBlock(self.read_more)


@dataclass(frozen=True, slots=True)
class ReadMoreBlock(Block):
    label: Annotated[Line, Key("read_more")]

    def to_text(self, writer: TextWriter) -> str:
        return f"{wrap(self.label, first='→ ', rest='  ')}\n  {writer.view}"
