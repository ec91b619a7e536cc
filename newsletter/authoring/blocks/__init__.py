"""The block types, one file each: the YAML, the noun, and its words in the text part.

A file here is a type of that name; nothing else lists them.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from newsletter.authoring.block import BlockEntry
from newsletter.authoring.short.shorthand import BARE_TEXT, INCLUDED


def _block_types() -> Iterator[tuple[str, type[BlockEntry]]]:
    for module in iter_modules(__path__):
        found = [
            value for value in vars(import_module(f"{__name__}.{module.name}")).values() if isinstance(value, type)
        ]
        entries = [value for value in found if issubclass(value, BlockEntry) and module.name in value.model_fields]
        if len(entries) != 1:
            raise TypeError(f"blocks/{module.name}.py must hold one BlockEntry with a field {module.name!r}")
        yield module.name, entries[0]


BLOCKS = dict(_block_types())
"""Block type, which is the first key of a block → its keys."""


def _block_type(value: object) -> str | None:
    """The type of a block: its first key, not counting an id before it."""
    if not isinstance(value, dict):
        return None
    return next((f":{key}" for key in value if key != "id"), ":")


def any_block(types: Mapping[str, type[BlockEntry]]) -> Any:
    """The type of a block of one of these types, which its first key names."""
    tagged: Any = (Annotated[entry, Tag(f":{name}")] for name, entry in types.items())
    return Annotated[reduce(or_, tagged), Discriminator(_block_type), BARE_TEXT, INCLUDED]


if TYPE_CHECKING:
    AnyBlock = BlockEntry
else:
    AnyBlock = any_block(BLOCKS)
