"""assemble: the models of an issue, once nothing is wrong with them, → Content, with people and images in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.authoring import blocks, schema
from newsletter.authoring.contributors import Contributor, link_people
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import (
    Article,
    Author,
    Block,
    ButtonBlock,
    Content,
    DividerBlock,
    HeadingBlock,
    HighlightsBlock,
    ImageBlock,
    LinksBlock,
    ListItem,
    Picture,
    QuoteBlock,
    SendPlan,
    SourceLink,
    SpacerBlock,
    TextBlock,
)
from newsletter.problem import Place
from newsletter.source import Node


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a content is put together with."""

    language: str
    original: str
    """The language of the issue, for names that this one does not have."""
    people: Mapping[str, Contributor]
    image: Callable[[str], ImageFile]
    """An image by the name it has in the file."""

    def content(self, entry: schema.IssueFile, tree: Node) -> Content:
        """What the issue says in this language."""
        publication, publication_url = publication_of(entry.publication)
        return Content(
            language=self.language,
            title=entry.title,
            date=entry.date,
            blocks=tuple(self.block(block, f"blocks[{number}]") for number, block in enumerate(entry.blocks)),
            subtitle=entry.subtitle or "",
            subject=entry.subject or entry.title,
            preheader=entry.preheader or "",
            authors=self.authors(entry.author),
            reading_time=entry.reading_time,
            publication=publication,
            publication_url=publication_url,
            source=SourceLink(entry.source.url, entry.source.title or "") if entry.source else None,
            hero=self.picture(entry.hero, "hero") if entry.hero else None,
            closing=self.words(entry.closing),
            signature=self.words(entry.signature),
            theme=entry.theme,
            layout=entry.layout,
            places=places(tree),
        )

    def words(self, text: str | None) -> str:
        """Markdown with its people in place."""
        return link_people(text or "", self.people, self.language, self.original)

    def authors(self, written: blocks.Authors | None) -> tuple[Author, ...]:
        """Who wrote it: ids, people described in place, or several of them."""
        entries = written if isinstance(written, list) else [] if written is None else [written]
        return tuple(self.author(entry) for entry in entries)

    def author(self, written: str | blocks.AuthorEntry) -> Author:
        """One author."""
        if isinstance(written, str):
            return self.people[written].author(self.language, self.original)
        avatar = self.image(written.avatar) if written.avatar else None
        return Author(written.name, written.url or "", avatar, self.words(written.bio))

    def picture(self, entry: blocks.PictureEntry, path: str) -> Picture:
        """An image with what belongs to it."""
        return Picture(
            file=self.image(entry.image),
            alt=entry.alt or "",
            caption=self.words(entry.caption),
            credit=self.words(entry.credit),
            url=entry.url or "",
            id=entry.id or "",
            path=path,
        )

    def article(self, entry: blocks.ArticleEntry, path: str) -> Article:
        """One highlighted article."""
        picture = None
        if entry.image is not None:
            picture = Picture(
                file=self.image(entry.image),
                alt=entry.alt or "",
                caption=self.words(entry.caption),
                credit=self.words(entry.credit),
                path=path,
            )
        return Article(
            title=entry.title,
            id=entry.id or "",
            url=entry.url or "",
            authors=self.authors(entry.author),
            summary=self.words(entry.summary),
            picture=picture,
            reading_time=entry.reading_time,
            label=entry.label or "",
            path=path,
        )

    def block(self, entry: blocks.BlockEntry, path: str) -> Block:
        """One block."""
        name = entry.id or ""
        match entry:
            case blocks.TextEntry():
                return TextBlock(self.words(entry.text), id=name, path=path)
            case blocks.HeadingEntry():
                return HeadingBlock(self.words(entry.heading), id=name, path=path)
            case blocks.HighlightsEntry():
                return HighlightsBlock(self.highlights(entry.highlights, path), id=name, path=path)
            case blocks.LinksEntry():
                return LinksBlock(self.links(entry.links, path), id=name, path=path)
            case blocks.ImageEntry():
                return ImageBlock(self.picture(entry, path), id=name, path=path)
            case blocks.QuoteEntry():
                return QuoteBlock(self.words(entry.quote), entry.by or "", id=name, path=path)
            case blocks.ButtonEntry():
                return ButtonBlock(entry.button, entry.url, id=name, path=path)
            case blocks.DividerEntry():
                return DividerBlock(id=name, path=path)
            case blocks.SpacerEntry():
                return SpacerBlock(entry.spacer, id=name, path=path)

    def highlights(
        self, entries: Sequence[blocks.ArticleEntry | blocks.PictureEntry], path: str
    ) -> tuple[Article | Picture, ...]:
        """Articles and the pictures between them."""
        return tuple(
            self.article(entry, f"{path}.highlights[{number}]")
            if isinstance(entry, blocks.ArticleEntry)
            else self.picture(entry, f"{path}.highlights[{number}]")
            for number, entry in enumerate(entries)
        )

    def links(self, entries: Sequence[str | blocks.LinkEntry], path: str) -> tuple[ListItem, ...]:
        """The sentences of a compact list."""
        return tuple(
            ListItem(self.words(entry), path=f"{path}.links[{number}]")
            if isinstance(entry, str)
            else ListItem(self.words(entry.text), entry.id or "", f"{path}.links[{number}]")
            for number, entry in enumerate(entries)
        )


def publication_of(written: str | schema.PublicationEntry | None) -> tuple[str, str]:
    """Name and link of the publication; either may be empty."""
    if isinstance(written, schema.PublicationEntry):
        return written.name, written.url or ""
    return written or "", ""


def send_plan(entry: schema.SendEntry | None) -> SendPlan:
    """What the issue says about its own sending."""
    if entry is None:
        return SendPlan()
    lists = (entry.list,) if isinstance(entry.list, str) else tuple(entry.list)
    return SendPlan(lists, entry.at or "", entry.timezone or "")


def places(tree: Node) -> Mapping[str, Place]:
    """Path → where it was written, for every value of a (merged) tree."""
    found: dict[str, Place] = {}
    waiting = [("", tree)]
    while waiting:
        path, node = waiting.pop()
        found[path] = node.place
        waiting += [(f"{path}.{key}".lstrip("."), child) for key, child in node.mapping.items()]
        waiting += [(f"{path}[{number}]", item) for number, item in enumerate(node.items)]
    return found
