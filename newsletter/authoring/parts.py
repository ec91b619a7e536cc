"""Parts of issues and blocks: authors as readers of one language know them, and pictures with what belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from newsletter.authoring.fields.values import Aside, Focus, Id, ImagePath, Name, Plain, Role, Strict, Translation, Url
from newsletter.authoring.image import ImageFile


class AuthorEntry(Strict):
    """An author who is named only in this issue."""

    name: Name
    """As readers see it."""
    url: Url | None = None
    """Profile; the name is linked to it."""
    avatar: ImagePath | None = None
    """A small picture beside this file."""
    bio: Annotated[Aside, Translation.OPTIONAL] | None = None
    """One sentence."""

    def author(self, image: Callable[[str], ImageFile]) -> Author:
        """The author, with the avatar by the name that it has here."""
        avatar = image(self.avatar) if self.avatar else None
        return Author(self.name, self.url or "", avatar, self.bio or "")


def _author_kind(value: object) -> str:
    return ":inline" if isinstance(value, dict) else ":id"


def _authors_kind(value: object) -> str:
    return ":several" if isinstance(value, list) else _author_kind(value)


_ContributorId = Annotated[Id, Role.CONTRIBUTOR, Tag(":id")]
_OneAuthor = Annotated[_ContributorId | Annotated[AuthorEntry, Tag(":inline")], Discriminator(_author_kind)]
Authors = Annotated[
    _ContributorId
    | Annotated[AuthorEntry, Tag(":inline")]
    | Annotated[list[_OneAuthor], Field(min_length=1, max_length=50), Tag(":several")],
    Discriminator(_authors_kind),
]
"""An id in people.yaml, an author described in place, or a list of both."""


@dataclass(frozen=True, slots=True)
class Author:
    """An author as readers of one language know them."""

    name: Name
    url: Url = ""
    avatar: ImageFile | None = None
    bio: Aside = ""
    id: Id = ""
    """The id in people.yaml; empty for an author named only in this issue."""


Credit = Annotated[Aside, Translation.OPTIONAL]


class PictureEntry(Strict):
    """An image with what belongs to it."""

    image: ImagePath
    """An image file (JPEG, PNG, WebP, AVIF or GIF) beside this file."""
    focus: Focus | None = None
    """What cropping keeps: top, bottom, left, right, center, or "30% 20%" from the left and the top."""
    alt: Plain | None = None
    """What the image shows, for those who cannot see it; "" for mere decoration."""
    caption: Aside | None = None
    """Shown below it; inline Markdown."""
    credit: Credit | None = None
    """Who made it; inline Markdown, so that it can link to them."""
    url: Url | None = None
    """Where a click on the image leads."""
    id: Id | None = None
    """Its name, for translations."""

    def picture(self, image: Callable[[str], ImageFile]) -> Picture:
        """The picture, with its file by the name that it has here."""
        words = (self.alt or "", self.caption or "", self.credit or "")
        return Picture(image(self.image), *words, url=self.url or "", id=self.id or "", focus=self.focus or "")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with what belongs to it."""

    file: ImageFile
    alt: Plain = ""
    """Empty for decoration, which the author marks with `alt: ""`."""
    caption: Aside = ""
    credit: Credit = ""
    url: Url = ""
    """Where a click on the image leads; empty for nowhere."""
    id: Id = ""
    focus: Focus = ""
    """What cropping keeps, as `30% 20%` from the left and the top; empty for the middle."""
    path: str = ""
    """Its path in the file, as `blocks[2].highlights[3]`: for problems."""
