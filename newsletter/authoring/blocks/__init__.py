"""The block types, one file each: the YAML, the noun, and its words in the text part.

A file here, or in `simple`, is a type of that name; nothing else lists them. Those in `simple` may stand in `columns`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from newsletter.authoring.block import BlockEntry, one_block, types_in
from newsletter.authoring.blocks.simple import SIMPLE
from newsletter.authoring.short.shorthand import BARE_TEXT, INCLUDED

BLOCKS = dict(sorted([*SIMPLE.items(), *types_in(__name__, __path__)]))
"""Block type, which is the first key of a block → its keys."""


def any_block(types: Mapping[str, type[BlockEntry]]) -> Any:
    """The type of a block of an issue that is of one of these types."""
    return one_block(types, BARE_TEXT, INCLUDED)


if TYPE_CHECKING:
    AnyBlock = BlockEntry
else:
    AnyBlock = any_block(BLOCKS)
