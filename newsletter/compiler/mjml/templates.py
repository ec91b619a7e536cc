"""Templates: the layout and the blocks' templates with a context → MJML → HTML, and whose fault a failure is.

A project's own templates come first, then those that ship with the program. They are read here and run in the worker.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from newsletter.authoring.blocks.columns import Column
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.files import names_in, quotable, read_file, shown, unreadable
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content
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
_NAMED = re.compile(r"""["']([\w./-]+\.mjml\.j2)["']""")


@dataclass(frozen=True, slots=True)
class Piece:
    """The MJML that one block's template made: tells whose fault a line of the whole is."""

    template: str
    """Empty for MJML that the author wrote."""
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

    Places are shown relative to `root`, the project folder.
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

    def render(
        self, layout: str, context: Context, slots: Slots, assets_url: str, formulas: Mapping[str, str] | None = None
    ) -> Rendered:
        """The MJML of an edition in a layout, such as `layouts/default`. `formulas`: of the blocks that not everybody
        gets, by path. Raises TemplateError with the place in the template.
        """
        images: dict[str, ImageFile] = {}
        ((_, plain),) = to_data(context, images).items()
        refused: list[Problem] = []

        def read(name: str) -> dict[str, object]:
            """What the worker gets of a template."""
            try:
                file, text = self._read(name)
            except FileNotFoundError:
                return {"missing": name}
            except TemplateError as error:
                refused.extend(error.problems)
                return {"refused": name}
            return {"file": str(file), "text": text}

        job = {
            "do": "render", "layout": f"{layout}{SUFFIX}", "context": plain, "assets_url": assets_url,
            "seed": slots.seed, "slots": slots.made, "formulas": dict(formulas or {}),
            "regions": [region.when.source for region in slots.regions],
        }  # fmt: skip
        columns = nouns_in(context.content.blocks, Column)
        blocks = (*context.content.blocks, *(block for column in columns for block in column.blocks))
        likely = self._likely([job["layout"], *dict.fromkeys(f"blocks/{block.type}{SUFFIX}" for block in blocks)])
        job["templates"] = {name: read(name) for name in likely}  # else it would ask for each, and wait
        answer = worker().do(job, read)
        if "error" in answer:
            raise TemplateError(refused or [self._problem(answer["error"], job["layout"])])
        made = answer["done"]
        slots.make(made["slots"])
        for formula in made["regions"]:
            slots.region(formula)
        pieces = tuple(Piece(*piece) for piece in made["pieces"])
        # Decided once more, from what was asked for: nothing that comes from there has a say about sizes.
        shown = tuple(
            Shown(images[sha256], rendition(images[sha256], width, ratio, focus), path)
            for sha256, width, ratio, focus, path in made["shown"]
        )
        sources = {name: self._texts[name][1] for name in sorted(made["used"])}
        return Rendered(made["mjml"], job["layout"], pieces, sources, shown)

    def to_html(self, rendered: Rendered, context: Context) -> str:
        """The finished HTML. Raises TemplateError that names the template whose MJML is at fault."""
        if traps := [
            self._fault(rendered, line, message, hint, piece=rendered.origin(line), content=context.content)
            for line, message, hint in _traps(rendered)
        ]:
            raise TemplateError(traps)
        answer = convert(rendered.mjml, context.language, context.direction)
        if "done" in answer:
            return str(answer["done"])
        error = answer["error"]
        match error["kind"]:
            case "mjml":
                faults = (self._torn(rendered, message, line, context.content) for message, line in error["faults"])
                raise TemplateError(list(dict.fromkeys(faults)))
            case "style":
                place = self.place(rendered.layout)
                raise TemplateError([Problem("inline-style", error["message"], place, hint=error["hint"])])
            case "died":
                message = f"the MJML compiler died ({error['message']}): tags are nested too deeply, or too many"
                line = deepest(rendered.mjml)
                piece = rendered.origin(line)
                raise TemplateError([self._fault(rendered, line, message, piece=piece, content=context.content)])
        raise TemplateError([self._problem(error, rendered.layout)])

    def heaviest_blocks(self, rendered: Rendered, context: Context, html: str, count: int = 3) -> dict[str, int]:
        """Path and bytes of the blocks that take most of the HTML: what it would lose without each of them."""
        weights = {}
        whole = [piece for piece in rendered.pieces if "." not in piece.path]  # not also what stands in columns
        for piece in sorted(whole, key=lambda piece: len(piece.mjml.encode()), reverse=True)[:count]:
            answer = convert(rendered.mjml.replace(piece.mjml, "", 1), context.language, context.direction)
            if "done" in answer:
                weights[piece.path] = len(html.encode()) - len(answer["done"].encode())
        return dict(sorted(weights.items(), key=lambda item: -item[1]))

    def place(self, name: str, line: int = 0) -> Place:
        """Where a template stands, relative to the project folder when it is inside."""
        file = self._file(name)
        return Place(shown(file, self._root), line) if file.is_absolute() else Place(f"templates/{name}")

    def _likely(self, names: Iterable[str]) -> Iterator[str]:
        """These templates and those that they name, where they can be read."""
        waiting, seen = list(names), set[str]()
        while waiting:
            if (name := waiting.pop()) in seen:
                continue
            seen.add(name)
            try:
                _, text = self._read(name)
            except (FileNotFoundError, TemplateError):
                continue  # it may never be asked for
            yield name
            waiting += _NAMED.findall(text)

    def _read(self, name: str) -> tuple[Path, str]:
        if name not in self._texts:
            self._texts[name] = self._find(name)
        return self._texts[name]

    def _find(self, name: str) -> tuple[Path, str]:
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
        if trace := [(Path(file), line) for file, line in error.get("trace", []) if file]:
            own = [(file, line) for file, line in trace if self._is_own(file)]  # shipped ones do what they are told
            file, line = (own or trace)[-1]
            raised = Place(shown(file, self._root), line)
            # The layout waits while a block's text is put together, which runs no line of the block's template.
            is_waiting = kind in _FAILURES and raised.file == self.place(layout).file != place.file
            place = place if is_waiting else raised
        message, hint = _FAILURES.get(kind, (error.get("message", ""), ""))
        source = quotable(place.file, self._root)
        return Problem("template", message, place, hint=hint, quote=source.quote(place).strip() if source else "")

    def _fault(
        self, rendered: Rendered, line: int, message: str, hint: str = "", *, piece: Piece | None, content: Content
    ) -> Problem:
        """A fault of the MJML, told of what made it: an author, the template of a block's piece, or the layout."""
        if piece and not piece.template:
            path = f"{piece.path}.mjml"
            return Problem("mjml", f"this MJML does not compile: {message}", content.place(path), path=path, hint=hint)
        lines = rendered.mjml.split("\n")
        made = lines[line - 1].strip()[:200] if 0 < line <= len(lines) else ""
        maker = f"for {piece.path}" if piece and piece.path else "here"
        where = f" (line {line} of the MJML)" if line else ""
        suspect = piece.template if piece else rendered.layout
        suspects = self._suspects(rendered, suspect)
        found = ((name, number) for name in suspects
                 if (number := _line_that_made(rendered.sources[name], made)))  # fmt: skip
        name, number = next(found, (suspects[0], 0))
        return Problem(
            id="mjml",
            message=f"the MJML made {maker} does not compile: {message}{where}",
            place=self.place(name, number),
            hint=hint,
            quote=made,
        )

    def _torn(self, rendered: Rendered, message: str, line: int, content: Content) -> Problem:
        """A fault of the MJML; where tags do not fit, told of a template in whose own source they do not."""
        if next(unbalanced(rendered.mjml), None) is None:
            piece = rendered.origin(line) if line else None
            return self._fault(rendered, line, message, piece=piece, content=content)
        torn = [piece for piece in rendered.pieces if next(unbalanced(piece.mjml), None)]
        pieces = {piece.template: piece.path for piece in torn}
        suspects = self._suspects(rendered, *pieces, rendered.layout)
        tags = set(_TAG.findall(message))
        # Tags of HTML may open in one branch of a template and close in another one: those of MJML come first.
        for left_out, name in product((_NOT_MJML, _JINJA), suspects):
            source = left_out.sub(lambda code: "\n" * code.group().count("\n"), rendered.sources[name])
            fault = next(unbalanced(source), None)
            if fault and tags & set(_TAG.findall(fault[0])):  # else only its branches do not fit
                maker = f"for {pieces[name]}" if pieces.get(name) else "here"
                quote = rendered.sources[name].split("\n")[fault[1] - 1].strip()[:200]
                told = f"the MJML made {maker} does not compile: {fault[0]}"
                return Problem("mjml", told, self.place(name, fault[1]), quote=quote)
        opened = re.search(r"of line (\d+) must", message)
        at = int(opened[1]) if opened else line
        return self._fault(rendered, at, message, piece=next(iter(torn), None), content=content)

    def _suspects(self, rendered: Rendered, *first: str) -> list[str]:
        """The templates that may be at fault: the project's own before shipped ones, among them `first`."""
        names = dict.fromkeys((*(name for name in first if name in rendered.sources), *rendered.sources))
        own = [name for name in names if self._is_own(self._file(name))]
        return own or list(dict.fromkeys(first))

    def _is_own(self, file: Path) -> bool:
        return any(file.is_relative_to(folder) for folder in self._folders[:-1])

    def _file(self, name: str) -> Path:
        return next((file for folder in self._folders if os.path.lexists(file := folder / name)), Path(name))


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


_TAG = re.compile(r"</?([a-z][\w-]*)>")
_NOT_MJML = re.compile(rf"{_JINJA.pattern}|</?(?!mj)[a-z][^<>]*>", re.DOTALL)


def _line_that_made(source: str, made: str) -> int:
    """The line of a template that made a line of the MJML: the one with the most words in common; 0 for none."""
    best = (3, 0)  # characters in common, below which it is chance
    for number, line in enumerate(source.split("\n"), 1):
        parts = [part for part in _JINJA.split(line.strip()) if part.strip()]
        if made and re.search(".*?".join(map(re.escape, parts)), made):
            best = max(best, (sum(map(len, parts)), -number))
    return -best[1]


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
