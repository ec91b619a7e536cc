"""What a block of an issue may say: a strict model for each type, and those of the articles, pictures and people in it.

`schema` holds the rest of the file. The sentences under the fields are what an editor shows beside them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from newsletter.authoring.values import Aside, Id, ImagePath, Inline, Line, Markdown, Minutes, Plain, Strict, Url


class AuthorEntry(Strict):
    """Somebody who is named only in this issue."""

    name: Line
    """As readers see it."""
    url: Url | None = None
    """Profile; the name is linked to it."""
    avatar: ImagePath | None = None
    """A small picture beside this file."""
    bio: Aside | None = None
    """One sentence."""


def _author_kind(value: object) -> str:
    return ":inline" if isinstance(value, dict) else ":id"


def _authors_kind(value: object) -> str:
    return ":several" if isinstance(value, list) else _author_kind(value)


OneAuthor = Annotated[Annotated[Id, Tag(":id")] | Annotated[AuthorEntry, Tag(":inline")], Discriminator(_author_kind)]
Authors = Annotated[
    Annotated[Id, Tag(":id")]
    | Annotated[AuthorEntry, Tag(":inline")]
    | Annotated[list[OneAuthor], Field(min_length=1, max_length=50), Tag(":several")],
    Discriminator(_authors_kind),
]
"""An id in people.yaml, somebody described in place, or a list of both."""


class PictureEntry(Strict):
    """An image with what belongs to it."""

    image: ImagePath
    """An image file (PNG, JPEG or GIF) beside this file."""
    alt: Plain | None = None
    """What the image shows, for those who cannot see it; "" for mere decoration."""
    caption: Aside | None = None
    """Shown below it; inline Markdown."""
    credit: Aside | None = None
    """Who made it; inline Markdown, so that it can link to them."""
    url: Url | None = None
    """Where a click on the image leads."""
    id: Id | None = None
    """Its name, for translations."""


class ArticleEntry(Strict):
    """One highlighted article."""

    id: Id | None = None
    """Its name, for translations."""
    title: Line
    """As readers see it."""
    url: Url | None = None
    """Link to the article; without it the title is not a link."""
    author: Authors | None = None
    """An id in people.yaml, a list of ids, or name, url and avatar in place."""
    summary: Markdown | None = None
    """Why to read it; Markdown."""
    image: ImagePath | None = None
    """An image file beside this file."""
    alt: Plain | None = None
    """What the image shows; "" for mere decoration."""
    caption: Aside | None = None
    """Shown below the image; inline Markdown."""
    credit: Aside | None = None
    """Who made the image; inline Markdown."""
    reading_time: Minutes | None = None
    """Minutes."""
    label: Plain | None = None
    """A word above the title, such as Opinion."""


class LinkEntry(Strict):
    """One sentence of a compact list."""

    text: Inline
    """A sentence of inline Markdown with its links."""
    id: Id | None = None
    """Its name, for translations."""


class _BlockEntry(Strict):
    id: Id | None = None
    """The block's name, for translations."""


class TextEntry(_BlockEntry):
    """Paragraphs."""

    text: Markdown
    """Markdown; raw HTML is not read. [](@id) becomes a person's name with their link."""


class HeadingEntry(_BlockEntry):
    """A heading."""

    heading: Inline
    """Inline Markdown, without #."""


def _highlight_kind(value: object) -> str:
    of_articles = {"title", "summary", "author", "label", "reading_time"}
    return ":picture" if isinstance(value, dict) and "image" in value and not of_articles & value.keys() else ":article"


class HighlightsEntry(_BlockEntry):
    """Highlighted articles; pictures may stand between them."""

    highlights: Annotated[
        list[
            Annotated[
                Annotated[ArticleEntry, Tag(":article")] | Annotated[PictureEntry, Tag(":picture")],
                Discriminator(_highlight_kind),
            ]
        ],
        Field(min_length=1, max_length=100),
    ]
    """Articles (with a title) and pictures (with an image and no title), in order."""


def _link_kind(value: object) -> str:
    """A mapping without text and id is a sentence that YAML took apart at `: `."""
    return ":item" if isinstance(value, dict) and {"text", "id"} & value.keys() else ":sentence"


class LinksEntry(_BlockEntry):
    """A compact list of sentences with links."""

    links: Annotated[
        list[
            Annotated[
                Annotated[Inline, Tag(":sentence")] | Annotated[LinkEntry, Tag(":item")], Discriminator(_link_kind)
            ]
        ],
        Field(min_length=1, max_length=100),
    ]
    """Sentences of inline Markdown; with an id when the issue is translated."""


class ImageEntry(PictureEntry):
    """A picture on its own."""


class QuoteEntry(_BlockEntry):
    """A pull quote."""

    quote: Inline
    """Inline Markdown, without quotation marks."""
    by: Plain | None = None
    """Who said it."""


class ButtonEntry(_BlockEntry):
    """The call to action."""

    button: Line
    """Its label: two or three words."""
    url: Url
    """Where it leads."""


class DividerEntry(_BlockEntry):
    """A hairline between two blocks."""

    divider: Literal[True] | None
    """Nothing, or true."""


class SpacerEntry(_BlockEntry):
    """Empty space."""

    spacer: Annotated[int, Field(ge=4, le=96)]
    """Pixels."""


BLOCKS: dict[str, type[Strict]] = {
    "text": TextEntry,
    "heading": HeadingEntry,
    "highlights": HighlightsEntry,
    "links": LinksEntry,
    "image": ImageEntry,
    "quote": QuoteEntry,
    "button": ButtonEntry,
    "divider": DividerEntry,
    "spacer": SpacerEntry,
}
"""Block type → its model; the types are what the first key of a block may be."""


def block_kind(value: object) -> str | None:
    """The type a block says it has: its first key, where an id before it does not count."""
    if not isinstance(value, dict):
        return None
    return next((f":{key}" for key in value if key != "id"), ":")


BlockEntry = Annotated[
    Annotated[TextEntry, Tag(":text")]
    | Annotated[HeadingEntry, Tag(":heading")]
    | Annotated[HighlightsEntry, Tag(":highlights")]
    | Annotated[LinksEntry, Tag(":links")]
    | Annotated[ImageEntry, Tag(":image")]
    | Annotated[QuoteEntry, Tag(":quote")]
    | Annotated[ButtonEntry, Tag(":button")]
    | Annotated[DividerEntry, Tag(":divider")]
    | Annotated[SpacerEntry, Tag(":spacer")],
    Discriminator(block_kind),
]
