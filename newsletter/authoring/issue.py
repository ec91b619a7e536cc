"""Issue and its nouns, frozen and finished: people are resolved, images are read, translations are merged.

Made by `load`; read by `check` and by the compiler. What the YAML itself may say stands in `schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import ClassVar

from newsletter.authoring.image import ImageFile
from newsletter.problem import Place


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote something, in one language."""

    name: str
    url: str = ""
    avatar: ImageFile | None = None
    bio: str = ""
    id: str = ""
    """The id in people.yaml; empty for somebody named only in this issue."""


@dataclass(frozen=True, slots=True)
class SourceLink:
    """Where an issue first appeared: the "original" link."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with what belongs to it. `caption` and `credit` are inline Markdown."""

    file: ImageFile
    alt: str = ""
    """Empty for decoration, which the author says with `alt: ""`."""
    caption: str = ""
    credit: str = ""
    url: str = ""
    """Where a click on the image leads; empty for nowhere."""
    id: str = ""
    path: str = ""
    """Where it stands in the file, as `blocks[2].highlights[3]`: for problems."""


@dataclass(frozen=True, slots=True)
class Article:
    """One highlighted article. `summary` is Markdown."""

    title: str
    id: str = ""
    url: str = ""
    """Empty where the author has no link to give; the title is then not a link."""
    authors: tuple[Author, ...] = ()
    summary: str = ""
    picture: Picture | None = None
    reading_time: int | None = None
    """Minutes."""
    label: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class ListItem:
    """One item of a compact list: a sentence of inline Markdown that may hold links, such as the author's."""

    text: str
    id: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One typed piece of an issue. `type` is the first key of the block in the file and the name of its template."""

    type: ClassVar[str] = ""
    id: str = field(default="", kw_only=True)
    path: str = field(default="", kw_only=True)
    """Where it stands in the file, as `blocks[2]`: for problems."""


@dataclass(frozen=True, slots=True)
class TextBlock(Block):
    """Paragraphs of Markdown."""

    type: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class HeadingBlock(Block):
    """A heading; inline Markdown."""

    type: ClassVar[str] = "heading"
    heading: str


@dataclass(frozen=True, slots=True)
class HighlightsBlock(Block):
    """The heart of an issue: highlighted articles, with pictures between them where the author put some."""

    type: ClassVar[str] = "highlights"
    items: tuple[Article | Picture, ...]


@dataclass(frozen=True, slots=True)
class LinksBlock(Block):
    """A compact list of sentences with links inside."""

    type: ClassVar[str] = "links"
    items: tuple[ListItem, ...]


@dataclass(frozen=True, slots=True)
class ImageBlock(Block):
    """A picture on its own."""

    type: ClassVar[str] = "image"
    picture: Picture


@dataclass(frozen=True, slots=True)
class QuoteBlock(Block):
    """A pull quote, inline Markdown, and who said it."""

    type: ClassVar[str] = "quote"
    quote: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class ButtonBlock(Block):
    """The call to action."""

    type: ClassVar[str] = "button"
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class DividerBlock(Block):
    """A hairline between two blocks."""

    type: ClassVar[str] = "divider"


@dataclass(frozen=True, slots=True)
class SpacerBlock(Block):
    """Empty space of `height` pixels."""

    type: ClassVar[str] = "spacer"
    height: int = 24


@dataclass(frozen=True, slots=True)
class Content:
    """What an issue says in one language: everything an edition of that language is compiled from."""

    language: str
    """BCP 47 tag."""
    title: str
    date: date
    blocks: tuple[Block, ...]
    subtitle: str = ""
    subject: str = ""
    """Never empty once loaded: the title unless the author wrote another. May hold merge fields."""
    preheader: str = ""
    """May hold merge fields; empty lets the compiler take the first sentence."""
    authors: tuple[Author, ...] = ()
    reading_time: int | None = None
    """Minutes."""
    publication: str = ""
    publication_url: str = ""
    """Empty where the publication is only named."""
    source: SourceLink | None = None
    hero: Picture | None = None
    closing: str = ""
    signature: str = ""
    theme: str = "default"
    layout: str = "default"
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)
    """Path (`blocks[1].highlights[2].url`) → where it was written, translations over the original."""

    def place(self, path: str) -> Place:
        """Where a value was written, or the nearest enclosing thing that was."""
        while path:
            if path in self.places:
                return self.places[path]
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        return self.places[""]


@dataclass(frozen=True, slots=True)
class SendPlan:
    """What the issue file says about its own sending (`send:`); the command line may say otherwise."""

    lists: tuple[str, ...] = ()
    at: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """One dated number of the newsletter, in all its languages."""

    slug: str
    """The folder's (or file's) name; identifies the issue in the ledger."""
    file: Path
    """The issue.yaml itself."""
    language: str
    """The language it was first written in."""
    contents: Mapping[str, Content]
    """Language → content; always holds `language`."""
    send: SendPlan = SendPlan()

    @property
    def languages(self) -> tuple[str, ...]:
        """The original's language first, then the translations in order of their tags."""
        return (self.language, *sorted(tag for tag in self.contents if tag != self.language))

    @property
    def original(self) -> Content:
        """What the issue says in the language it was first written in."""
        return self.contents[self.language]
