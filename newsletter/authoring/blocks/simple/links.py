"""links: a compact list of sentences with links inside."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import Id, Inline, Key, Strict
from newsletter.columns import wrap


class LinkEntry(Strict):
    """One sentence of a compact list."""

    text: Inline
    """A sentence of inline Markdown with its links."""
    id: Id | None = None
    """Its name, for translations."""


def _kind(value: object) -> str:
    """A mapping without text and id is a sentence that YAML took apart at `: `."""
    return ":item" if isinstance(value, dict) and {"text", "id"} & value.keys() else ":sentence"


_Item = Annotated[Annotated[Inline, Tag(":sentence")] | Annotated[LinkEntry, Tag(":item")], Discriminator(_kind)]


class LinksEntry(BlockEntry):
    """A compact list of sentences with links."""

    links: Annotated[list[_Item], Field(min_length=1, max_length=100)]
    """Sentences of inline Markdown; with an id when the issue is translated."""

    def to_block(self, assembly: Assembly) -> Block:
        return LinksBlock(
            tuple(ListItem(e) if isinstance(e, str) else ListItem(e.text, e.id or "") for e in self.links)
        )


@dataclass(frozen=True, slots=True)
class ListItem:
    """One item of a compact list: a sentence that may hold links, such as the author's."""

    text: Inline
    id: Id = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class LinksBlock(Block):
    items: Annotated[tuple[ListItem, ...], Key("links")]

    def to_text(self, writer: TextWriter) -> str:
        return writer.section(*(wrap(writer.inline(item.text), first="* ", rest="  ") for item in self.items))
