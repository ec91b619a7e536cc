"""recipe: a boxed recipe. Does not ship: `test_block_type` adds this file to a copy of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Key, Markdown, Plain


class RecipeEntry(BlockEntry):
    """A boxed recipe."""

    recipe: Markdown
    """Markdown."""
    label: Plain | None = None
    """A word above it."""

    def to_block(self, assembly: Assembly) -> Block:
        return RecipeBlock(self.recipe, self.label or "")


@dataclass(frozen=True, slots=True)
class RecipeBlock(Block):
    dish: Annotated[Markdown, Key("recipe")]
    label: Plain = ""

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(self.label, *writer.paragraphs(self.dish))
