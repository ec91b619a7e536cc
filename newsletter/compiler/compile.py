"""Compile: Issue → Edition, the steps in their order. Once per edition; no recipient is known here.

merge fields → markers, words checked · theme · context · Jinja2 → MJML · mjml-python → HTML · finishing, inline CSS
· links registered · text part · content hash · checks of the finished edition
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter.authoring.issue import Content, Issue
from newsletter.compiler.checks.images import check_images
from newsletter.compiler.checks.links import check_links
from newsletter.compiler.checks.size import check_size
from newsletter.compiler.checks.words import check_people
from newsletter.compiler.context import Context, Pictures, make_context, preheader_of
from newsletter.compiler.edition import Edition, Identity
from newsletter.compiler.fingerprint import fingerprint
from newsletter.compiler.links import HtmlReader, register_links
from newsletter.compiler.mjml.convert import NoHtml, to_html
from newsletter.compiler.mjml.finish import StylesheetError, finish, take_inline_css
from newsletter.compiler.mjml.templates import Rendered, Templates, mjml_traps
from newsletter.compiler.slots import Slots, mark
from newsletter.compiler.theme import load_theme
from newsletter.compiler.wording.phrases import WORDS, wording
from newsletter.compiler.wording.plaintext import write_text
from newsletter.errors import TemplateError
from newsletter.problem import Place, Problem, has_errors


@dataclass(frozen=True, slots=True)
class CompileSettings:
    """What compiling needs beside the issue."""

    folders: tuple[Path, ...]
    """Template folders, the project's own first."""
    identity: Identity
    assets_url: str
    """Where images are served, without their names. No part of the content hash."""
    root: Path
    """The project folder: places are shown relative to it."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An edition with what was found on the way. With an error among the problems it is good for a look, not to send;
    None when the templates made nothing to look at."""

    edition: Edition | None
    problems: tuple[Problem, ...]


def compile_issue(issue: Issue, language: str, kit: CompileSettings) -> Compiled:
    """Compile one language of an issue. Raises KeyError for a language that the issue does not have."""
    content = issue.contents[language]
    slots = Slots(fingerprint(issue.slug, content, kit.identity)[:12])
    marked, problems = mark(content, slots)
    problems += check_people(marked, slots)
    loaded = load_theme(content.theme, kit.folders, root=kit.root)
    problems += loaded.problems
    if loaded.theme is None:
        return Compiled(None, tuple(problems))
    pictures = Pictures(kit.assets_url)
    context = make_context(issue.slug, marked, loaded.theme, kit.identity, slots, pictures)
    templates = Templates(kit.folders, root=kit.root)
    try:
        rendered = templates.render(content.layout, context, slots)
        html = _make_html(rendered, context, templates)
    except TemplateError as error:
        return Compiled(None, (*problems, *error.problems))
    text = write_text(context, slots)
    reader = HtmlReader(html)
    edition = Edition(
        issue=issue.slug,
        language=language,
        direction=context.direction,
        title=content.title,
        subject=context.subject,
        preheader=preheader_of(marked),
        html=html,
        text=text,
        mjml=rendered.mjml,
        slots=slots.used_in(context.subject, preheader_of(marked), html, text, rendered.mjml),
        links=register_links(reader, slots.unmark),
        assets=pictures.assets,
        identity=kit.identity,
        hash=fingerprint(
            issue.slug, content, loaded.theme, rendered.sources, kit.identity, WORDS[wording(language)]
        ),
    )  # fmt: skip
    problems += _check(edition, reader, content, templates.place(rendered.layout), is_sound=not has_errors(problems))
    return Compiled(edition, tuple(problems))


def _make_html(rendered: Rendered, context: Context, templates: Templates) -> str:
    """MJML → finished HTML. Raises TemplateError that names the template whose MJML is at fault."""
    traps = [_fault(rendered, templates, *trap) for trap in mjml_traps(rendered)]
    if traps:
        raise TemplateError(traps)
    mjml, css = take_inline_css(rendered.mjml)
    html = to_html(mjml)
    if isinstance(html, NoHtml):
        raise TemplateError([_fault(rendered, templates, html.line, html.message)])
    unknown = [
        _fault(rendered, templates, _line_of(mjml, name), f"MJML has no element <{name}>")
        for name in dict.fromkeys(re.findall(r"<(mj-[a-z-]+)", html, re.IGNORECASE))
    ]
    if unknown:
        raise TemplateError(unknown)
    try:
        return finish(html, language=context.language, direction=context.direction, css=css)
    except StylesheetError as error:
        problem = Problem("inline-style", str(error), templates.place(rendered.layout), hint=error.hint)
        raise TemplateError([problem]) from error


def _fault(rendered: Rendered, templates: Templates, line: int, message: str, hint: str = "") -> Problem:
    """A fault of the MJML, told of the template that made that line."""
    piece = rendered.origin(line) if line else None
    lines = rendered.mjml.split("\n")
    maker = f"for {piece.path}" if piece and piece.path else "here"
    return Problem(
        id="mjml",
        message=f"the MJML made {maker} does not compile: {message}" + (f" (line {line} of the MJML)" if line else ""),
        place=templates.place(piece.template if piece else rendered.layout),
        hint=hint,
        quote=lines[line - 1].strip()[:200] if 0 < line <= len(lines) else "",
    )


def _line_of(mjml: str, tag: str) -> int:
    at = mjml.lower().find(f"<{tag}")
    return mjml.count("\n", 0, at) + 1 if at >= 0 else 0


def _check(
    edition: Edition, reader: HtmlReader, content: Content, layout: Place, *, is_sound: bool
) -> Iterator[Problem]:
    place = content.place("")
    if is_sound:  # else a link that its author must mend is empty here, which no template is to blame for
        yield from check_links(edition, place, layout)
    yield from check_images(edition, reader, layout)
    yield from check_size(edition, place)
