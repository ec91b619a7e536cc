"""columns: two or three columns of simple blocks, side by side on a wide screen, below each other on a narrow one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter, one_block
from newsletter.authoring.blocks.simple import SIMPLE
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.fields.values import Id, Key, Strict, Translation
from newsletter.authoring.parts import Picture
from newsletter.authoring.short.shorthand import BARE_TEXT

if TYPE_CHECKING:
    SimpleBlock = BlockEntry
else:
    SimpleBlock = one_block(SIMPLE, BARE_TEXT)


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    blocks: tuple[Block, ...]
    width: int = 1
    """Its share of the width."""
    id: Id = ""
    path: str = ""


class ColumnEntry(Strict):
    """One column."""

    blocks: Annotated[list[SimpleBlock], Field(min_length=1, max_length=20)]
    """What stands in it, in order: simple blocks, no articles, sponsors or columns."""
    width: Annotated[int, Field(ge=1, le=4), Translation.SAME] | None = None
    """Its share of the width: 2 beside 1 is two thirds. Default: 1."""
    id: Id | None = None
    """Its name, for translations."""

    def column(self, assembly: Assembly) -> Column:
        """The noun, with the blocks in it."""
        return Column(tuple(block.to_whole_block(assembly) for block in self.blocks), self.width or 1, self.id or "")


class ColumnsEntry(BlockEntry):
    """Simple blocks in columns, which stand below each other on a narrow screen."""

    columns: Annotated[list[ColumnEntry], Field(min_length=2, max_length=3)]
    """Two or three columns, in reading order."""

    def to_block(self, assembly: Assembly) -> Block:
        return ColumnsBlock(tuple(one.column(assembly) for one in self.columns))


@dataclass(frozen=True, slots=True)
class ColumnsBlock(Block):
    items: Annotated[tuple[Column, ...], Key("columns")]

    @property
    def has_several_pictures(self) -> bool:
        """Whether there are pictures to be alike: those are cropped to one ratio."""
        return len(list(nouns_in(self.items, Picture))) > 1

    def to_text(self, writer: TextWriter) -> str:
        return writer.blocks([block for column in self.items for block in column.blocks])
