"""Compile: Issue → Edition, the steps in their order. Once per edition; no recipient is known here.

merge fields → markers, words checked · theme · context · Jinja2 → MJML · mjml-python → HTML · finishing, inline CSS
· pictures made · links registered · text part · content hash · checks of the finished edition, and of its web page
where that goes on after the end of the email
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from newsletter.authoring.blocks.columns import Column
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.issue import Content, Issue
from newsletter.compiler.checks.conditions import MAX_CONDITIONS, check_conditions, conditions_in
from newsletter.compiler.checks.images import check_images, check_pictures
from newsletter.compiler.checks.links import check_links
from newsletter.compiler.checks.size import check_size
from newsletter.compiler.checks.sponsors import check_labels, check_until
from newsletter.compiler.checks.words import check_people
from newsletter.compiler.conditions.formulas import formulas_of
from newsletter.compiler.context import Context, make_context
from newsletter.compiler.edition import Card, Edition, Identity
from newsletter.compiler.fingerprint import fingerprint
from newsletter.compiler.links import HtmlReader, register_links
from newsletter.compiler.mark import mark
from newsletter.compiler.mjml.templates import Rendered, Templates
from newsletter.compiler.pictures import PictureCache, Shown, make_assets
from newsletter.compiler.preheader import preheader_of
from newsletter.compiler.slots import Slots
from newsletter.compiler.theme import Theme
from newsletter.compiler.wording.phrases import WORDS, wording
from newsletter.compiler.wording.plaintext import write_text
from newsletter.errors import AuthoringError
from newsletter.expression import Values, parse_condition
from newsletter.problem import Place, Problem, has_errors

_WIDE = 300
"""CSS pixels: a picture less wide is none for a card."""


@dataclass(frozen=True, slots=True)
class CompileSettings:
    """What compiling needs beside the issue."""

    templates: Templates
    identity: Identity
    assets_url: str
    """Where images are served, without their names. No part of the content hash."""
    home_url: str
    """The newsletter's front page. No part of the content hash."""
    root: Path
    """The project folder: places are shown relative to it."""
    pictures: PictureCache = field(default_factory=PictureCache)
    oversized: frozenset[str] = frozenset()
    """Slugs of issues that may be larger than Gmail shows."""
    readers: tuple[Values, ...] = ()
    """The values of the personas: how long a preheader can become."""
    day: date | None = None
    """The day on which the edition is made, in the newsletter's time zone. None: no deadline is checked."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An edition with what was found on the way. With an error among the problems it may be previewed, not sent; None
    when the templates made nothing."""

    edition: Edition | None
    problems: tuple[Problem, ...]


def compile_issue(issue: Issue, language: str, kit: CompileSettings) -> Compiled:
    """Compile one language of an issue. Raises KeyError for a language that the issue does not have."""
    content = issue.contents[language]
    slots = Slots(fingerprint(issue.slug, content, kit.identity)[:12])
    marked, problems = mark(content, slots)
    problems += check_people(marked, slots)
    problems += check_conditions(marked)
    conditions = conditions_in(marked)
    if len(conditions) > MAX_CONDITIONS:
        return Compiled(None, tuple(problems))
    loaded = kit.templates.theme(content.theme)
    problems += loaded.problems
    if loaded.theme is None:
        return Compiled(None, tuple(problems))
    email, beyond = divide(marked)
    preheader = preheader_of(email, slots, kit.readers)
    try:
        shown = _show(issue.slug, email, loaded.theme, preheader, conditions, slots, kit)
        page = _show(issue.slug, beyond, loaded.theme, preheader, conditions, slots, kit) if beyond else None
        made = (shown, page) if page else (shown,)
        assets = make_assets([one for each in made for one in each.rendered.shown], kit.pictures, kit.root)
    except AuthoringError as error:
        return Compiled(None, (*problems, *error.problems))
    problems += check_until(content, kit.day)
    problems += check_labels(marked, [one for each in made for one in each.rendered.pieces], kit.templates.place)
    context, rendered, html = shown.context, shown.rendered, shown.html
    text = write_text(context, slots, shown.formulas)
    sources = {name: source for each in made for name, source in each.rendered.sources.items()}
    edition = Edition(
        issue=issue.slug,
        language=language,
        direction=context.direction,
        title=marked.title,
        subject=context.subject,
        preheader=preheader,
        html=html,
        text=text,
        mjml=rendered.mjml,
        slots=slots.used_in(context.subject, preheader, html, text, rendered.mjml, page.html if page else ""),
        links=(),
        assets=assets,
        identity=kit.identity,
        hash=fingerprint(
            issue.slug, content, loaded.theme, sources, kit.identity, WORDS[wording(language)],
            *([preheader] if slots.used_in(preheader) else []),  # its length then depends on the personas
        ),
        page=page.html if page else "",
        until=min((one.until for one in nouns_in(content.blocks, SponsorBlock) if one.until), default=None),
        conditions=tuple(map(parse_condition, conditions)),
        regions=slots.regions,
        notes=slots.notes if slots.regions else "",
    )  # fmt: skip
    edition = replace(edition, card=_card(edition, marked, (page or shown).rendered.shown))
    everything = edition.whole
    reader = HtmlReader(everything.html)
    links = register_links(reader, slots.unmark)
    edition, everything = replace(edition, links=links), replace(everything, links=links)
    layout, is_sound = kit.templates.place(rendered.layout), not has_errors(problems)
    problems += _check(everything, reader, content, layout, kit.home_url, is_sound=is_sound)
    if page:
        reader = HtmlReader(everything.page)
        text = write_text(page.context, slots, page.formulas)
        links, known = register_links(reader, slots.unmark), {link.id for link in edition.links}
        whole = replace(replace(edition, html=page.html, text=text).whole, links=links)
        problems += _check(whole, reader, content, layout, kit.home_url, is_sound=is_sound)
        edition = replace(edition, page_links=tuple(link for link in links if link.id not in known))
    problems += check_pictures(edition, content, (page or shown).rendered.shown)
    problems += check_size(
        edition, content, lambda: kit.templates.heaviest_blocks(rendered, context, html),
        is_allowed=issue.slug in kit.oversized,
    )  # fmt: skip
    return Compiled(edition, tuple(dict.fromkeys(problems)))


def _card(edition: Edition, content: Content, pictures: Sequence[Shown]) -> Card:
    """The card of an edition; merge fields show their defaults. The picture is the hero, else the first wide one."""
    picture = next((one for one in pictures if one.path and one.rendition.width >= _WIDE), None)
    return Card(
        summary=edition.fill_words(" ".join(content.subtitle.split()) or edition.preheader, {"subscriber": {}}),
        day=content.date,
        source=content.source.url if content.source else "",
        picture=picture.rendition.name if picture else "",
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the templates made of a content: the email, or the web page that goes on."""

    context: Context
    rendered: Rendered
    html: str
    formulas: Mapping[str, str]
    """Of the blocks that not everybody gets, by path."""


def _show(
    slug: str,
    content: Content,
    theme: Theme,
    preheader: str,
    conditions: Sequence[str],
    slots: Slots,
    kit: CompileSettings,
) -> _Shown:
    context = make_context(slug, content, theme, kit.identity, slots, kit.home_url, preheader)
    rows = [content.blocks, *(column.blocks for column in nouns_in(content.blocks, Column))]
    formulas = {path: formula for row in rows for path, formula in formulas_of(row, conditions).items()}
    rendered = kit.templates.render(f"layouts/{content.layout}", context, slots, kit.assets_url, formulas)
    return _Shown(context, rendered, kit.templates.to_html(rendered, context), formulas)


def divide(content: Content) -> tuple[Content, Content | None]:
    """What the email shows, and its web page, which goes on after a `read_more`; None where both are the same."""
    blocks = content.blocks
    end = next((number for number, block in enumerate(blocks) if isinstance(block, ReadMoreBlock)), None)
    if end is None:
        return content, None
    rest = tuple(block for block in blocks if not isinstance(block, ReadMoreBlock))
    return replace(content, blocks=blocks[: end + 1]), replace(content, blocks=rest)


def _check(
    edition: Edition,
    reader: HtmlReader,
    content: Content,
    layout: Place,
    home: str,
    *,
    is_sound: bool,
) -> Iterator[Problem]:
    place = content.place("")
    if is_sound:  # else a faulty link of the author is empty here, which is no fault of a template
        yield from check_links(edition, place, layout, home=home)
    yield from check_images(edition, reader, layout, home=home)
