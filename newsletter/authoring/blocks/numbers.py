"""numbers: a few large numbers, each with the words for what it counts."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Id, Inline, Key, Name, Strict
from newsletter.columns import WIDTH, columns, wrap

_MAX = 14
"""Characters of a number: more do not fit into a tile on a narrow screen."""
_ROOM = {3: 5, 2: 9, 1: 2 * _MAX}
"""Tiles in a row → columns of a number that each has room for, 375 pixels wide."""


def _written(value: object) -> object:
    """A whole number needs no quotes. Others do: YAML reads 3.10 as 3.1."""
    return str(value) if type(value) is int else value


Figure = Annotated[
    Name,
    BeforeValidator(_written),
    Field(max_length=_MAX),
    WithJsonSchema({"type": ["string", "integer"], "minLength": 1, "maxLength": _MAX}),
]


class NumberEntry(Strict):
    """One number and what it counts."""

    number: Figure
    """As readers see it: 42, "1,234", "38 %"."""
    label: Inline
    """What it counts, in two or three words; inline Markdown."""
    id: Id | None = None
    """Its name, for translations."""


class NumbersEntry(BlockEntry):
    """Large numbers side by side, each with a label."""

    numbers: Annotated[list[NumberEntry], Field(min_length=1, max_length=12)]
    """Numbers with their labels."""

    def to_block(self, assembly: Assembly) -> Block:
        return NumbersBlock(tuple(Number(one.number, one.label, one.id or "") for one in self.numbers))


@dataclass(frozen=True, slots=True)
class Number:
    """One number and what it counts."""

    number: Figure
    label: Inline
    id: Id = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class NumbersBlock(Block):
    items: Annotated[tuple[Number, ...], Key("numbers")]

    @property
    def abreast(self) -> int:
        """Tiles in a row: as many as hold the longest number on a narrow screen; four stand two by two."""
        longest = max(columns(item.number) for item in self.items)
        most = next(tiles for tiles, room in _ROOM.items() if longest <= room)
        return min(len(self.items), 2 if len(self.items) == 4 else 3, most)

    def to_text(self, writer: TextWriter) -> str:
        widest = max(columns(item.number) for item in self.items)
        lines = []
        for item in self.items:
            number = " " * (widest - columns(item.number)) + item.number
            lines.append(wrap(writer.inline(item.label), first=f"{number}  ", rest=" " * (widest + 2), width=WIDTH))
        return writer.section("\n".join(lines))
