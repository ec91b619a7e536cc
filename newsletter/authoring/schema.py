"""What the YAML of an issue may say, as strict models; the first key of a block names its type. Read by `explain`.

`json_schema` exports the same models for editors; the sentences under the fields are what an editor shows beside them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, RootModel, Tag

from newsletter.authoring.values import (
    Aside,
    Day,
    Id,
    ImagePath,
    Inline,
    Language,
    Line,
    Markdown,
    Minutes,
    Moment,
    Plain,
    Strict,
    Url,
    Zone,
)


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


class SourceEntry(Strict):
    """Where this issue first appeared."""

    title: Plain | None = None
    """Title of the original."""
    url: Url
    """Link to the original."""


class PublicationEntry(Strict):
    """Where this issue is published."""

    name: Line
    """As readers see it."""
    url: Url | None = None
    """The name is linked to it."""


Publication = Annotated[
    Annotated[Plain, Tag(":name")] | Annotated[PublicationEntry, Tag(":publication")],
    Discriminator(lambda value: ":publication" if isinstance(value, dict) else ":name"),
]
"""A name, or a name with its link."""


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

TAGGED: dict[str, type[Strict]] = {
    **{f":{name}": model for name, model in BLOCKS.items()},
    ":inline": AuthorEntry, ":article": ArticleEntry, ":picture": PictureEntry, ":item": LinkEntry,
    ":publication": PublicationEntry,
}  # fmt: skip
"""Which model a tag in the location of an error stands for."""


class SendEntry(Strict):
    """What the issue says about its own sending; the command line may say otherwise."""

    list: Annotated[
        Annotated[Line, Tag(":one")] | Annotated[list[Line], Field(min_length=1, max_length=50), Tag(":several")],
        Discriminator(lambda value: ":several" if isinstance(value, list) else ":one"),
    ]
    """The list, or lists, it goes to."""
    at: Moment | None = None
    """When: 2024-01-25 09:00."""
    timezone: Zone | None = None
    """The time zone of `at`; default: the newsletter's."""


class IssueFile(Strict):
    """One issue of the newsletter."""

    title: Line
    """The title, plain words."""
    subtitle: Plain | None = None
    """A line below the title."""
    subject: Line | None = None
    """What an inbox shows; default: the title. Merge fields are allowed."""
    preheader: Plain | None = None
    """What an inbox shows after the subject. Merge fields are allowed."""
    date: Day
    """The date of the issue, as 2024-01-25."""
    language: Language
    """The language this file is written in: en, zh, pt-BR."""
    author: Authors | None = None
    """An id in people.yaml, a list of ids, or name, url and avatar in place."""
    reading_time: Minutes | None = None
    """Minutes."""
    publication: Publication | None = None
    """Where it is published: a name, or name and url."""
    source: SourceEntry | None = None
    """Where it first appeared: the "original" link."""
    hero: PictureEntry | None = None
    """The picture at the top."""
    theme: Id = "default"
    """A theme in templates/themes."""
    layout: Id = "default"
    """A layout in templates/layouts."""
    blocks: Annotated[list[BlockEntry], Field(min_length=1, max_length=200)]
    """The issue itself, in order. The first key of a block names its type."""
    closing: Aside | None = None
    """The last line, such as "Until the next one,"."""
    signature: Aside | None = None
    """Who signs."""
    fallback: Literal["allow", "refuse"] = "refuse"
    """Whether what a translation lacks may be shown in the issue's own language."""
    send: SendEntry | None = None
    """To whom and when."""


AnyModel = type[BaseModel]


def known_keys(model: AnyModel) -> tuple[str, ...]:
    """The keys that a mapping of this kind may have."""
    return tuple(model.model_fields)


def nested_model(model: AnyModel, key: str) -> AnyModel | None:
    """The model of what stands under a key, where there is only one."""
    field = model.model_fields.get("root" if issubclass(model, RootModel) else key)
    found = list(_models_in(field.annotation)) if field else []
    return found[0] if len(found) == 1 else None


def _models_in(annotation: Any) -> list[AnyModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
