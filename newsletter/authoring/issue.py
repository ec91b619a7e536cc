"""Issue, frozen and finished: contributors are resolved, images are read, translations are merged.

Made by `load`; read by `check` and by the compiler. `schema` describes the YAML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from newsletter.authoring.block import Block
from newsletter.authoring.fields.values import (
    Aside,
    Id,
    Inline,
    Key,
    Language,
    Line,
    Name,
    Plain,
    Role,
    Translation,
    Url,
)
from newsletter.authoring.image import ImageFile
from newsletter.authoring.parts import Author, Picture
from newsletter.problem import Place


@dataclass(frozen=True, slots=True)
class SourceLink:
    """Where an issue first appeared: the "original" link."""

    url: Url
    title: Name = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """What was wrong in an issue when it was sent, for its readers."""

    date: date
    text: Annotated[Inline, Translation.EXPECTED]
    """Without merge fields."""


@dataclass(frozen=True, slots=True)
class Content:
    """An issue in one language: everything an edition of that language is compiled from."""

    language: Language
    """BCP 47 tag."""
    title: Annotated[Line, Role.FACT]
    date: date
    blocks: tuple[Block, ...]
    subtitle: Plain = ""
    subject: Line = ""
    """Never empty once loaded: the title unless the author wrote another. May hold merge fields."""
    preheader: Plain = ""
    """May hold merge fields; empty lets the compiler take the first sentence."""
    authors: Annotated[tuple[Author, ...], Key("author")] = ()
    reading_time: int | None = None
    """Minutes."""
    publication: Name = ""
    publication_url: Annotated[Url, Key("publication.url")] = ""
    """Empty where the publication is only named."""
    source: SourceLink | None = None
    hero: Picture | None = None
    closing: Aside = ""
    signature: Aside = ""
    theme: Id = "default"
    layout: Id = "default"
    corrections: tuple[Correction, ...] = ()
    """The newest first. No part of the email, only of its web page."""
    pictures: Mapping[str, ImageFile] = field(default_factory=dict, compare=False)
    """The pictures inside texts, by the names that they have there."""
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
    """The `send:` of the issue file; options of the command line come first."""

    lists: tuple[str, ...] = ()
    at: str = ""
    timezone: str = ""
    sent: date | None = None
    """The day on which it was sent elsewhere or earlier; then it is only archived."""
    segment: str = ""
    """A name in segments.yaml or an expression; empty for everybody."""


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
        """The content in the language it was first written in."""
        return self.contents[self.language]
