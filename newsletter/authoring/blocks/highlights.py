"""highlights: the articles of an issue, with pictures between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from newsletter.authoring.block import Assembly, Block, BlockEntry, TextWriter
from newsletter.authoring.fields.values import (
    Aside,
    Focus,
    Id,
    ImagePath,
    Key,
    Line,
    Markdown,
    Minutes,
    Plain,
    Role,
    Strict,
    Translation,
    Url,
)  # fmt: skip
from newsletter.authoring.parts import Author, Authors, Credit, Picture, PictureEntry
from newsletter.authoring.short.shorthand import BARE_ARTICLE
from newsletter.columns import WIDTH, indented, wrap

HighlightStyle: TypeAlias = Annotated[Literal["lead", "rows", "cards", "list"], Role.CODE]
"""The first article large, then rows; rows with thumbnails; cards two abreast; a compact list without pictures."""


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
    focus: Focus | None = None
    """What cropping the image keeps, as in a picture."""
    alt: Plain | None = None
    """What the image shows; "" for mere decoration."""
    caption: Aside | None = None
    """Shown below the image; inline Markdown."""
    credit: Credit | None = None
    """Who made the image; inline Markdown."""
    reading_time: Minutes | None = None
    """Minutes."""
    label: Plain | None = None
    """A word above the title, such as Opinion."""


def _kind(value: object) -> str:
    of_articles = {"title", "summary", "author", "label", "reading_time"}
    return ":picture" if isinstance(value, dict) and "image" in value and not of_articles & value.keys() else ":article"


_Highlight = Annotated[
    Annotated[ArticleEntry, Tag(":article")] | Annotated[PictureEntry, Tag(":picture")],
    Discriminator(_kind),
    BARE_ARTICLE,
]


class HighlightsEntry(BlockEntry):
    """Highlighted articles, with pictures between them."""

    highlights: Annotated[list[_Highlight], Field(min_length=1, max_length=100)]
    """Articles (with a title) and pictures (with an image and no title), in order."""
    style: Annotated[HighlightStyle, Translation.SAME] | None = None
    """How they are shown; default: the theme's choice."""

    def to_block(self, assembly: Assembly) -> Block:
        return HighlightsBlock(tuple(_highlight(entry, assembly) for entry in self.highlights), self.style or "")


def _highlight(entry: ArticleEntry | PictureEntry, assembly: Assembly) -> Article | Picture:
    if isinstance(entry, PictureEntry):
        return entry.picture(assembly.image)
    picture = None
    if entry.image:
        words = {"alt": entry.alt, "caption": entry.caption, "credit": entry.credit}
        picture = PictureEntry(image=entry.image, focus=entry.focus, **words)
    return Article(
        title=entry.title,
        id=entry.id or "",
        url=entry.url or "",
        authors=assembly.authors(entry.author),
        summary=entry.summary or "",
        picture=picture.picture(assembly.image) if picture else None,
        reading_time=entry.reading_time,
        label=entry.label or "",
    )


@dataclass(frozen=True, slots=True)
class Article:
    """One highlighted article."""

    title: Line
    id: Id = ""
    url: Url = ""
    """Empty where the author has no link to give; the title is then not a link."""
    authors: Annotated[tuple[Author, ...], Key("author")] = ()
    summary: Markdown = ""
    picture: Annotated[Picture | None, Key("")] = None
    reading_time: int | None = None
    """Minutes."""
    label: Plain = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class HighlightsBlock(Block):
    items: Annotated[tuple[Article | Picture, ...], Key("highlights")]
    style: Annotated[str, Role.CODE] = ""
    """Empty for the theme's."""

    def to_text(self, writer: TextWriter) -> str:
        return "\n\n".join(_words(item, writer) for item in self.items)


def _words(item: Article | Picture, writer: TextWriter) -> str:
    if isinstance(item, Picture):
        return writer.section(writer.picture(item))
    facts = []
    if item.authors:
        facts.append(writer.t("by") + writer.names(item.authors))
    if item.reading_time:
        facts.append(writer.t("minutes", count=item.reading_time))
    if item.label:
        facts.append(writer.isolated(item.label))
    head = [wrap(item.title, first="* ", rest="  ")]
    if item.url:
        head.append(f"  {item.url}")
    if facts:
        head.append(wrap(" · ".join(facts), first="  ", rest="  "))
    picture = writer.picture(item.picture) if item.picture else ""
    summary = [indented(part, "  ") for part in writer.paragraphs(item.summary, width=WIDTH - 2)]
    return writer.section(picture, "\n".join(head), *summary, indent="  ")
