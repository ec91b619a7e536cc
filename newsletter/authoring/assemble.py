"""assemble: the model of an issue, once nothing is wrong with it, → Content, with contributors and images in place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from newsletter.authoring.block import Assembly
from newsletter.authoring.contributors import Contributor, link_contributors
from newsletter.authoring.fields.mjml import pictures_named
from newsletter.authoring.fields.prose import picture_name, pictures_in
from newsletter.authoring.fields.rewrite import rewrite
from newsletter.authoring.fields.values import Role
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content, Correction, SendPlan, SourceLink
from newsletter.authoring.schema import IssueFile, PublicationEntry, SendEntry
from newsletter.problem import Place
from newsletter.source import Node


def assemble(
    entry: IssueFile,
    tree: Node,
    language: str,
    original: str,
    contributors: Mapping[str, Contributor],
    image: Callable[[str], ImageFile],
) -> Content:
    """The content in one language, its contributors linked; `original` is for names that this one does not have."""

    pictures: dict[str, ImageFile] = {}

    def link(_path: str, role: Role, value: str) -> str:
        if role is Role.MARKDOWN:
            pictures.update((name, image(name)) for name in map(picture_name, pictures_in(value)))
        elif role is Role.MJML:
            pictures.update((picture.name, image(picture.name)) for picture in pictures_named(value))
        is_markdown = role in (Role.INLINE, Role.MARKDOWN)
        return link_contributors(value, contributors, language, original) if is_markdown else value

    assembly = Assembly(lambda id_: contributors[id_].author(language, original), image)
    named = entry.publication
    publication, url = (named.name, named.url) if isinstance(named, PublicationEntry) else (named, None)
    content = Content(
        language=language,
        title=entry.title,
        date=entry.date,
        blocks=tuple(block.to_whole_block(assembly) for block in entry.blocks),
        subtitle=entry.subtitle or "",
        subject=entry.subject or entry.title,
        preheader=entry.preheader or "",
        authors=assembly.authors(entry.author),
        reading_time=entry.reading_time,
        publication=publication or "",
        publication_url=url or "",
        source=SourceLink(entry.source.url, entry.source.title or "") if entry.source else None,
        hero=entry.hero.picture(assembly.image) if entry.hero else None,
        closing=entry.closing or "",
        signature=entry.signature or "",
        theme=entry.theme,
        layout=entry.layout,
        corrections=tuple(Correction(one.date, one.text) for one in entry.corrections or ()),
        places=places(tree),
    )
    return replace(rewrite(content, link), pictures=pictures)


def send_plan(entry: SendEntry | None, sent: date | None = None) -> SendPlan:
    """The plan of an issue for its own sending."""
    if entry is None:
        return SendPlan(sent=sent)
    lists = (entry.list,) if isinstance(entry.list, str) else tuple(entry.list)
    return SendPlan(lists, entry.at or "", entry.timezone or "", sent, entry.segment or "")


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
