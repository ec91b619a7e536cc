"""Templates: the layout and the blocks' templates with a context → MJML → HTML, and whose fault a failure is.

A project's own templates come first, then those that ship with the program. They are read here and run in the worker.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.authoring.files import names_in, quotable, read_file, shown, unreadable
from newsletter.authoring.image import ImageFile
from newsletter.compiler.context import Context, to_data
from newsletter.compiler.mjml.convert import deepest, unbalanced
from newsletter.compiler.mjml.worker import worker
from newsletter.compiler.pictures import Shown
from newsletter.compiler.rendition import rendition
from newsletter.compiler.slots import Slots
from newsletter.compiler.theme import LoadedTheme, load_theme
from newsletter.errors import TemplateError
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
    shown: tuple[Shown, ...] = ()
    """The images, in order of their places."""

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
    """The template folders of a project, the project's own first. Each file is read once, when it is first used.

    Places are shown relative to `root`, the project folder. Threads may share one.
    """

    def __init__(self, folders: Sequence[Path], *, root: Path) -> None:
        self._folders = folders
        self._root = root
        self._texts: dict[str, tuple[Path, str]] = {}
        self._themes: dict[str, LoadedTheme] = {}

    def theme(self, name: str) -> LoadedTheme:
        """The theme of this name, or what is wrong with it."""
        if name not in self._themes:
            self._themes[name] = load_theme(name, self._folders, root=self._root)
        return self._themes[name]

    def render(self, layout: str, context: Context, slots: Slots, assets_url: str) -> Rendered:
        """The MJML of an edition. Raises TemplateError with the place in the template."""
        images: dict[str, ImageFile] = {}
        ((_, plain),) = to_data(context, images).items()
        used: dict[str, str] = {}
        refused: list[Problem] = []

        def read(name: str) -> dict[str, object]:
            """What the worker gets of a template."""
            try:
                file, used[name] = self._texts[name] = self._texts.get(name) or self._read(name)
            except FileNotFoundError:
                return {"missing": name}
            except TemplateError as error:
                refused.extend(error.problems)
                return {"refused": name}
            return {"file": str(file), "text": used[name]}

        job = {
            "do": "render", "layout": f"layouts/{layout}{SUFFIX}", "context": plain, "assets_url": assets_url,
            "seed": slots.seed, "slots": slots.made,
        }  # fmt: skip
        answer = worker().do(job, read)
        if "error" in answer:
            raise TemplateError(refused or [self._problem(answer["error"], job["layout"])])
        made = answer["done"]
        slots.make(made["slots"])
        pieces = tuple(Piece(*piece) for piece in made["pieces"])
        # Decided once more, from what was asked for: nothing that comes from there has a say about sizes.
        shown = tuple(
            Shown(images[sha256], rendition(images[sha256], width, ratio, focus), path)
            for sha256, width, ratio, focus, path in made["shown"]
        )
        return Rendered(made["mjml"], job["layout"], pieces, dict(sorted(used.items())), shown)

    def to_html(self, rendered: Rendered, context: Context) -> str:
        """The finished HTML. Raises TemplateError that names the template whose MJML is at fault."""
        if traps := [
            self._fault(rendered, line, message, hint, piece=rendered.origin(line))
            for line, message, hint in _traps(rendered)
        ]:
            raise TemplateError(traps)
        answer = convert(rendered.mjml, context.language, context.direction)
        if "done" in answer:
            return str(answer["done"])
        error = answer["error"]
        match error["kind"]:
            case "mjml":
                raise TemplateError(
                    [
                        self._fault(rendered, line, message, piece=_torn(rendered, line))
                        for message, line in error["faults"]
                    ]
                )
            case "style":
                place = self.place(rendered.layout)
                raise TemplateError([Problem("inline-style", error["message"], place, hint=error["hint"])])
            case "died":
                message = f"the MJML compiler died ({error['message']}): tags are nested too deeply, or too many"
                line = deepest(rendered.mjml)
                raise TemplateError([self._fault(rendered, line, message, piece=rendered.origin(line))])
        raise TemplateError([self._problem(error, rendered.layout)])

    def heaviest_blocks(self, rendered: Rendered, context: Context, html: str, count: int = 3) -> dict[str, int]:
        """Path and bytes of the blocks that take most of the HTML: what it would lose without each of them."""
        weights = {}
        for piece in sorted(rendered.pieces, key=lambda piece: len(piece.mjml.encode()), reverse=True)[:count]:
            answer = convert(rendered.mjml.replace(piece.mjml, "", 1), context.language, context.direction)
            if "done" in answer:
                weights[piece.path] = len(html.encode()) - len(answer["done"].encode())
        return dict(sorted(weights.items(), key=lambda item: -item[1]))

    def place(self, name: str, line: int = 0) -> Place:
        """Where a template stands, relative to the project folder when it is inside."""
        for folder in self._folders:
            if os.path.lexists(file := folder / name):
                return Place(shown(file, self._root), line)
        return Place(f"templates/{name}")

    def _read(self, name: str) -> tuple[Path, str]:
        """A template of the project, else that of the last folder, which is the program's. Raises FileNotFoundError,
        and TemplateError for one that must not or cannot be read.
        """
        parts = name.split("/")
        if any(part in ("", os.curdir, os.pardir) or os.sep in part for part in parts):
            raise FileNotFoundError(name)
        for folder in self._folders:
            file = folder.joinpath(*parts)
            try:
                data = read_file(file, None if folder is self._folders[-1] else self._root, MAX_BYTES)
                text = data.decode()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise TemplateError([unreadable(error, shown(file, self._root))]) from error
            except UnicodeDecodeError as error:
                raise TemplateError([self._unfit(file, "bad-encoding", "the template is not UTF-8")]) from error
            if len(data) > MAX_BYTES:
                raise TemplateError([self._unfit(file, "too-large", "the template has more than 1 MiB")])
            return file, text.replace("\r\n", "\n").replace("\r", "\n")
        raise FileNotFoundError(name)

    def _unfit(self, file: Path, rule: str, message: str) -> Problem:
        return Problem(rule, message, Place(shown(file, self._root)))

    def _problem(self, error: Mapping[str, Any], layout: str) -> Problem:
        """A failure of the worker, told of the template that it was working on."""
        kind = error["kind"]
        if kind == "missing":
            hint = "Looked in " + ", ".join(shown(folder, self._root) for folder in self._folders)
            return Problem(
                "missing-template", f"there is no template {error['name']}", self.place(error["name"]), hint=hint
            )
        place = self.place(error.get("at") or layout)
        if error.get("file"):
            raised = Place(shown(Path(error["file"]), self._root), error.get("line", 0))
            # The layout waits while a block's text is put together, which runs no line of the block's template.
            is_waiting = kind in _FAILURES and raised.file == self.place(layout).file != place.file
            place = place if is_waiting else raised
        message, hint = _FAILURES.get(kind, (error.get("message", ""), ""))
        source = quotable(place.file, self._root)
        return Problem("template", message, place, hint=hint, quote=source.quote(place).strip() if source else "")

    def _fault(self, rendered: Rendered, line: int, message: str, hint: str = "", *, piece: Piece | None) -> Problem:
        """A fault of the MJML, told of the template that made it: that of a block's piece, or the layout."""
        lines = rendered.mjml.split("\n")
        maker = f"for {piece.path}" if piece and piece.path else "here"
        where = f" (line {line} of the MJML)" if line else ""
        return Problem(
            id="mjml",
            message=f"the MJML made {maker} does not compile: {message}{where}",
            place=self.place(piece.template if piece else rendered.layout),
            hint=hint,
            quote=lines[line - 1].strip()[:200] if 0 < line <= len(lines) else "",
        )


def _torn(rendered: Rendered, line: int) -> Piece | None:
    """The piece at fault for a line. Tags that do not fit are the fault of a piece whose own tags do not fit."""
    if next(unbalanced(rendered.mjml), None) is None:
        return rendered.origin(line) if line else None
    return next((piece for piece in rendered.pieces if next(unbalanced(piece.mjml), None)), None)


def convert(mjml: str, language: str = "en", direction: str = "ltr") -> dict[str, Any]:
    """What the worker answers to an MJML document."""
    return worker().do({"do": "convert", "mjml": mjml, "language": language, "direction": direction})


_FAILURES = {
    "late": ("rendering does not end within the time it is given", "Look for a loop over too many things."),
    "memory": ("rendering takes more memory than it is given", "Look for a text that is repeated too often."),
    "died": ("rendering ended the process it runs in", "Look for what is nested too deeply."),
    "stopped": ("rendering was stopped", ""),
}
"""Kind of failure → what the template's author is told, and what to do."""


def _traps(rendered: Rendered) -> Iterator[tuple[int, str, str]]:
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
