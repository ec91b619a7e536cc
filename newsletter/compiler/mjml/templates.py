"""Templates: the layout and the blocks' templates with a context → MJML. Jinja2's door for mail.

A project's own templates come first, then those that ship with the program; templates are code of the project, the
text they show is not: it is escaped, and was never a template.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from jinja2.loaders import split_template_path
from markupsafe import Markup

from newsletter.authoring.block import Block
from newsletter.authoring.files import names_in, quotable, read_file, shown, unreadable
from newsletter.compiler.context import Context
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import Styles, plain_words, render_inline, render_markdown
from newsletter.compiler.wording.phrases import issue_date
from newsletter.errors import TemplateError
from newsletter.language import isolate
from newsletter.problem import Place, Problem
from newsletter.source import MAX_BYTES

SUFFIX = ".mjml.j2"


@dataclass(frozen=True, slots=True)
class Piece:
    """The MJML that one block's template made: tells whose fault a line of the whole is."""

    template: str
    path: str
    """Of the block, as `blocks[2]`."""
    mjml: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """MJML, and what went into it."""

    mjml: str
    layout: str
    """The layout's template name."""
    pieces: tuple[Piece, ...]
    sources: Mapping[str, str]
    """Name → text of every template that was used, in order of names."""

    def origin(self, line: int) -> Piece | None:
        """The block's piece that holds a line (from 1) of the MJML; None when the layout itself does."""
        start = sum(len(text) + 1 for text in self.mjml.split("\n")[: line - 1])
        end = start + len(self.mjml[start:].split("\n", 1)[0])
        for piece in self.pieces:
            at = self.mjml.find(piece.mjml) if piece.mjml.strip() else -1
            if 0 <= at <= end and start < at + len(piece.mjml):
                return piece
        return None


def looks_in(folders: Sequence[Path], *, root: Path) -> dict[str, list[str]]:
    """What an issue may choose its look from: `theme` and `layout` → the names there are in template folders."""
    kinds = {"theme": ("themes", ".yaml"), "layout": ("layouts", SUFFIX)}
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    for folder in folders:
        for kind, (where, end) in kinds.items():
            try:
                names = names_in(folder / where, None if folder is folders[-1] else root)
            except OSError:
                continue
            found[kind] |= {name.removesuffix(end) for name in names if name.endswith(end) and name.isprintable()}
    return {kind: sorted(names) for kind, names in found.items()}


class Templates:
    """The template folders of a project, read when they are used."""

    def __init__(self, folders: Sequence[Path], *, root: Path) -> None:
        self._loader = _Loader(folders, root)
        self._root = root

    def render(self, layout: str, context: Context, slots: Slots) -> Rendered:
        """The MJML of an edition. Raises TemplateError with the place in the template."""
        environment = _environment(self._loader, context, slots)
        pieces: list[Piece] = []
        variables = {field.name: getattr(context, field.name) for field in fields(context)}

        def render_block(block: Block, previous: Block | None = None) -> Markup:
            name = f"blocks/{block.type}{SUFFIX}"
            text = environment.get_template(name).render(block=block, previous=previous)
            pieces.append(Piece(name, block.path, text))
            return Markup(text)  # noqa: S704 - made by a template with autoescape on

        environment.globals |= variables | {
            "start": context.start, "end": context.end, "render_block": render_block,
        }  # fmt: skip
        name = f"layouts/{layout}{SUFFIX}"
        try:
            mjml = environment.get_template(name).render()
        except TemplateError:
            raise
        except Exception as error:  # a template's code may raise anything; it is the template's mistake
            raise TemplateError([self._problem(error, name)]) from error
        return Rendered(mjml, name, tuple(pieces), environment.sources())

    def place(self, name: str, line: int = 0) -> Place:
        """Where a template stands, relative to the project folder when it is inside."""
        for folder in self._loader.folders:
            if os.path.lexists(file := folder / name):
                return Place(shown(file, self._root), line)
        return Place(f"templates/{name}")

    def _problem(self, error: Exception, layout: str) -> Problem:
        if isinstance(error, jinja2.TemplateNotFound):
            name = str(error.name)
            return Problem(
                id="missing-template",
                message=f"there is no template {name}",
                place=self.place(name),
                hint="Looked in " + ", ".join(shown(folder, self._root) for folder in self._loader.folders),
            )
        file, line = self._raised_at(error, layout)
        what = str(error).strip() or type(error).__name__
        if not isinstance(error, jinja2.TemplateError):
            what = f"{type(error).__name__}: {what}"
        place = Place(shown(file, self._root), line)
        source = quotable(place.file, self._root)
        return Problem(id="template", message=what, place=place, quote=source.quote(place).strip() if source else "")

    def _raised_at(self, error: Exception, layout: str) -> tuple[Path, int]:
        """The innermost line of a template that was being worked on."""
        if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
            return Path(error.filename), error.lineno
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if any(Path(frame.filename).is_relative_to(folder) for folder in self._loader.folders):
                return Path(frame.filename), frame.lineno or 0
        return self._root / self.place(layout).file, 0


class _Loader(jinja2.BaseLoader):
    """Reads templates of the project, else those in the last folder, which is the program's."""

    def __init__(self, folders: Sequence[Path], root: Path) -> None:
        self.folders = folders
        self._root = root

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:  # noqa: ARG002
        for folder in self.folders:
            file = folder.joinpath(*split_template_path(template))
            try:
                text = read_file(file, None if folder is self.folders[-1] else self._root, MAX_BYTES)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise TemplateError([unreadable(error, shown(file, self._root))]) from error
            if len(text) > MAX_BYTES:
                message, hint = "the template has more than 1 MiB", "Keep images and data in files of their own."
                raise TemplateError([Problem("too-large", message, Place(shown(file, self._root)), hint=hint)])
            return text.decode().replace("\r\n", "\n").replace("\r", "\n"), str(file), None
        raise jinja2.TemplateNotFound(template)


class _Environment(jinja2.Environment):
    """Remembers which templates were used: the content hash covers them and no others."""

    used: set[str]

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> jinja2.Template:  # noqa: A002
        return self._remember(super().get_template(name, parent, globals))

    def select_template(self, names: Any, parent: str | None = None, globals: Any = None) -> jinja2.Template:  # noqa: A002
        return self._remember(super().select_template(names, parent, globals))

    def sources(self) -> dict[str, str]:
        assert self.loader is not None
        return {name: self.loader.get_source(self, name)[0] for name in sorted(self.used)}

    def _remember(self, template: jinja2.Template) -> jinja2.Template:
        if template.name:
            self.used.add(template.name)
        return template


class _CompiledTemplates(jinja2.BytecodeCache):
    """The compiled code of each template file, kept in memory as long as its text stays the same.

    Compiling takes three quarters of the time of an edition; every language and every save in the preview profits.
    """

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, CodeType]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._codes.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key] = (bucket.checksum, bucket.code)


@cache
def _compiled() -> _CompiledTemplates:
    return _CompiledTemplates()


def _environment(loader: jinja2.BaseLoader, context: Context, slots: Slots) -> _Environment:
    environment = _Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(),
    )
    environment.used = set()
    environment.filters |= _filters(context, slots)
    return environment


def _filters(context: Context, slots: Slots) -> dict[str, Callable[..., object]]:
    styles: Styles = context.theme.markdown_styles(context.language)

    # S704: what is marked as safe here was escaped by the Markdown renderer
    def markdown(text: str) -> Markup:
        return Markup(render_markdown(text, styles, slots))  # noqa: S704

    def inline(text: str) -> Markup:
        return Markup(render_inline(text, styles, slots))  # noqa: S704

    def issue_day(day: date) -> str:
        return issue_date(day, context.language)

    def isolated(text: str) -> str:
        return isolate(text, context.language)

    return {
        "markdown": markdown, "inline": inline, "plain": plain_words, "issue_date": issue_day, "isolated": isolated,
    }  # fmt: skip


def mjml_traps(rendered: Rendered) -> Iterator[tuple[int, str, str]]:
    """What mjml-python takes without a word and makes wrong: the line of the MJML, what is wrong, and what to do.

    It breaks the layout of includes and dies on loops of them; after a first bare 0 it knows no other padding, so that
    what stands inside is laid out too wide.
    """
    for match in _TRAP.finditer(rendered.mjml):
        line = rendered.mjml.count("\n", 0, match.start()) + 1
        if match["padding"]:
            yield line, f"{match['padding']} begins with a bare 0", "Write 0px."
        else:
            yield line, f"{match.group()} does not work here", 'Use {% include "…" %} of the templates'


_TRAP = re.compile(
    r"""<mj-include\b[^>]*>|<mj-[^<>]*?(?P<padding>\b(?:inner-)?padding=(?:"\s*0\s[^"]*"|'\s*0\s[^']*'))"""
)
