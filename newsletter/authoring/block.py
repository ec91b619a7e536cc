"""Block: what every block type has, and what it is made and written with. Each file of `blocks` holds one type.

A type is an entry (the YAML) that makes a block (the noun a template sees) that writes its text part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import Annotated, Any, Protocol

from pydantic import Discriminator, Tag

from newsletter.authoring.fields.values import Condition, Id, Strict, Translation
from newsletter.authoring.image import ImageFile
from newsletter.authoring.parts import Author, Authors, Picture
from newsletter.columns import WIDTH


@dataclass(frozen=True, slots=True)
class Assembly:
    """What an entry is made into a noun with. Markdown needs nothing: `assemble` links its contributors by its type."""

    contributor: Callable[[str], Author]
    """The author with an id in people.yaml."""
    image: Callable[[str], ImageFile]
    """An image by the name it has in the file."""

    def authors(self, written: Authors | None) -> tuple[Author, ...]:
        """Authors by their ids, or described in place."""
        entries = written if isinstance(written, list) else [] if written is None else [written]
        return tuple(self.contributor(e) if isinstance(e, str) else e.author(self.image) for e in entries)


class TextWriter(Protocol):
    """What a block writes its text part with. Links become numbered notes at the end of their section."""

    @property
    def view(self) -> str:
        """The recipient's own link to the web page of the email."""

    def t(self, key: str, **values: object) -> str:
        """A phrase of the interface in the edition's language."""

    def inline(self, markdown: str) -> str:
        """Inline Markdown as one line of words."""

    def paragraphs(self, markdown: str, width: int = WIDTH) -> list[str]:
        """Markdown as paragraphs of wrapped lines."""

    def isolated(self, words: str) -> str:
        """Words of any script that do not turn the sentence around them."""

    def names(self, authors: Sequence[Author]) -> str:
        """Names joined to a phrase."""

    def picture(self, picture: Picture) -> str:
        """The words of a picture."""

    def section(self, *parts: str, indent: str = "") -> str:
        """The parts with empty lines between them, and their notes."""

    def blocks(self, blocks: Sequence[Block]) -> str:
        """The text parts of other blocks with empty lines between them."""


@dataclass(frozen=True, slots=True)
class Block(ABC):
    """One typed piece of an issue."""

    id: Id = field(default="", kw_only=True)
    path: str = field(default="", kw_only=True)
    """Its path in the file, as `blocks[2]`: for problems."""
    show_if: Condition = field(default="", kw_only=True)
    """Who gets it; empty for everybody."""

    @property
    def type(self) -> str:
        """The first key of the block in the file, and the name of its module and of its template."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def to_text(self, writer: TextWriter) -> str:
        """The block in the text part; empty for nothing."""


class BlockEntry(Strict):
    """The keys of every block."""

    id: Id | None = None
    """The block's name, for translations."""
    show_if: Annotated[Condition, Translation.SAME] | None = None
    """Who gets it, such as country == "DE"; default: everybody."""

    @abstractmethod
    def to_block(self, assembly: Assembly) -> Block:
        """The noun, without what every type has alike."""

    def to_whole_block(self, assembly: Assembly) -> Block:
        """The noun, whole but for its path."""
        return replace(self.to_block(assembly), id=self.id or "", show_if=self.show_if or "")


def types_in(package: str, paths: Iterable[str]) -> Iterator[tuple[str, type[BlockEntry]]]:
    """The block types of a package, each in a module of its name, which is the key that names it in the YAML."""
    for module in iter_modules(paths):
        if module.ispkg:
            continue
        found = [value for value in vars(import_module(f"{package}.{module.name}")).values() if isinstance(value, type)]
        entries = [value for value in found if issubclass(value, BlockEntry) and module.name in value.model_fields]
        if len(entries) != 1:
            raise TypeError(f"{package}.{module.name} must hold one BlockEntry with a field {module.name!r}")
        yield module.name, entries[0]


def _block_type(value: object) -> str | None:
    """The type of a block: its first key, not counting an id before it."""
    if not isinstance(value, dict):
        return None
    return next((f":{key}" for key in value if key != "id"), ":")


def one_block(types: Mapping[str, type[BlockEntry]], *marks: object) -> Any:
    """The type of a block of one of these types, which its first key names."""
    tagged: Any = (Annotated[entry, Tag(f":{name}")] for name, entry in types.items())
    made: Any = Annotated
    return made[reduce(or_, tagged), Discriminator(_block_type), *marks]
