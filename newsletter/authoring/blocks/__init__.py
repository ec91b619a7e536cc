"""The block types, one file each: the YAML, the noun, and its words in the text part.

A file here is a type of that name; nothing else lists them.
"""

from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from newsletter.authoring.block import BlockEntry


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


if TYPE_CHECKING:
    AnyBlock = BlockEntry
else:
    _tagged: Any = (Annotated[entry, Tag(f":{name}")] for name, entry in BLOCKS.items())
    AnyBlock = Annotated[reduce(or_, _tagged), Discriminator(_block_type)]
