"""Render: a layout and the blocks' templates with what they may see → MJML. Jinja2's door for mail, open in the child.

Templates run in Jinja's sandbox and see plain values: no object of ours, no file, no way to the program. They are
asked for by name; the worker reads them. Their text is escaped and was never a template.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import groupby
from types import CodeType
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from newsletter.authoring.fields.mjml import has_sections, pictures_named
from newsletter.compiler.conditions.formulas import ALWAYS, any_of, chosen, nearest
from newsletter.compiler.mjml.limits import OUTPUT, FailedError, TooLongError
from newsletter.compiler.rendition import rendition
from newsletter.compiler.slots import Slots
from newsletter.compiler.style import markdown_styles, on_plates, outlook_fonts, typeface
from newsletter.compiler.wording.markdown import Page, plain_words, render_inline, render_markdown
from newsletter.compiler.wording.phrases import issue_date, phrase
from newsletter.language import isolate

SUFFIX = ".mjml.j2"
_GAP_IN_COLUMN = 16
"""Pixels between two blocks in a column."""
_SECTIONS = re.compile(r"<mj-(?:section|wrapper|hero)\b")


def render(job: Mapping[str, Any], ask: Callable[[Any], Any], note: Callable[[str], None]) -> dict[str, Any]:
    """The MJML of an edition, and what the worker must know of how it was made. Raises FailedError with a place."""
    slots = Slots(job["seed"])
    slots.make(job["slots"])
    for formula in job["regions"]:
        slots.region(formula)
    context = {name: from_data(value) for name, value in job["context"].items()}
    theme, language = context["theme"], context["language"]
    theme.typeface = cache(lambda tag: typeface(theme, tag))  # texts ask for it by the hundred
    theme.markdown_styles = cache(lambda tag: markdown_styles(theme, tag))
    loader = _Loader(ask, job["templates"])
    formulas: Mapping[str, str] = job["formulas"]
    pieces: list[tuple[str, str, str]] = []
    shown: list[tuple[object, ...]] = []

    def image(picture: Any, width: float, ratio: str | float | None = None) -> Noun:
        file, focus, path = getattr(picture, "file", picture), *(getattr(picture, one, "") for one in ("focus", "path"))
        made = rendition(file, width, ratio, focus)
        shown.append((file.sha256, width, ratio, focus, path))
        url = f"{job['assets_url'].rstrip('/')}/{made.name}"
        return _noun("Shown", {"url": url, "width": made.width, "height": made.height})

    def own_mjml(mjml: str, previous: Any) -> str:
        """An author's MJML with its pictures in place, and a gap above what stands in a column."""
        parts, end = [], 0
        for picture in pictures_named(mjml):
            if picture.name in files:
                made: Any = image(files[picture.name], min(picture.width or theme.column, theme.width))
                parts += [mjml[end : picture.start], made.url]
                end = picture.end
        own = "".join([*parts, mjml[end:]])
        is_apart = has_sections(own) or (previous is not None and previous.type == "spacer")
        return own if is_apart else f'<mj-spacer height="{theme.spacing.block}px" />\n{own}'

    def render_piece(block: Any, previous: Any, column: Any = None) -> str:
        if block.type == "mjml":  # of its author: it has no template
            text = own_mjml(block.mjml, previous)
            pieces.append(("", block.path, text))
            return text
        name = f"blocks/{block.type}{SUFFIX}"
        note(name)
        template = environment.get_template(name)
        text = _within(template.render(block=block, previous=previous, column=column), name, loader)
        if column is not None and _SECTIONS.search(text):
            file = next((file for file, used in loader.files.items() if used == name), "")
            raise FailedError("template", "it writes a section, which a column cannot hold", trace=[(file, 0)])
        pieces.append((name, block.path, text))
        note(job["layout"])
        return text

    def render_row(blocks: Iterable[Any], previous: Any, column: Any = None) -> Iterator[tuple[str, str, str]]:
        """Formula of the block, formula of the text, and text: of a block one for each way it can look, by what is
        shown before it."""
        before: list[tuple[str, Any]] = []
        for block in blocks:
            own = formulas.get(block.path, ALWAYS)
            notes, first = page.notes, len(shown)
            looks: list[tuple[str, str]] = []
            for formula, above in nearest(own, before, previous):
                page.notes = notes  # counted once
                looks.append((formula, render_piece(block, above, column)))
            shown[first:] = dict.fromkeys(shown[first:])
            for text in dict.fromkeys(text for _, text in looks):
                yield own, chosen(own, [(formula, one == text) for formula, one in looks]), text
            before = [*before, (own, block)] if own else [(own, block)]

    def render_blocks(blocks: Iterable[Any], previous: Any = None) -> Markup:
        made = in_sections(render_row(blocks, previous), slots)
        return Markup(made)  # noqa: S704 - made by templates with autoescape on

    def render_column(blocks: Iterable[Any], width: int, ratio: str | None = None) -> Markup:
        """Inside a column the text is as wide as that, and gaps are smaller, for every template."""
        around = theme.column, theme.spacing
        column = _noun("Column", {"type": "column", "width": width, "ratio": ratio})
        gaps = dict.fromkeys(("block", "section"), _GAP_IN_COLUMN)
        theme.column, theme.spacing = width, _noun("Spacing", {**vars(theme.spacing), **gaps})
        made = "".join(_marked(text, formula, slots) for _, formula, text in render_row(blocks, column, column))
        theme.column, theme.spacing = around
        return Markup(made)  # noqa: S704 - as in `render_blocks`

    environment = _environment(loader)
    files = context["content"].pictures
    page = Page(
        lambda name: image(files[name], theme.column) if name in files else None,
        number=slots.note if formulas else str,
    )
    environment.filters |= _filters(language, markdown_styles(theme, language), slots, page)
    environment.globals |= context | {
        "t": lambda key, **values: phrase(key, language, **values), "image": image,
        "render_blocks": render_blocks, "render_block": lambda block, previous=None: render_blocks([block], previous),
        "render_column": render_column,
    }  # fmt: skip
    try:
        mjml = _within(environment.get_template(job["layout"]).render(), job["layout"], loader)
    except FailedError:
        raise
    except Exception as error:  # a template's code may raise anything; it is the template's mistake
        raise _failure(error, loader) from error
    used = list(loader.files.values())
    regions = [region.when.source for region in slots.regions]
    return {"mjml": mjml, "pieces": pieces, "shown": shown, "slots": slots.made, "regions": regions, "used": used}


def in_sections(pieces: Iterable[tuple[str, str, str]], slots: Slots) -> str:
    """The MJML of blocks in a row, for `<mj-body>`. Of each piece: formula of the block, formula of the text, text.

    Neighbours that hold what belongs in a column share one section: each section costs 900 bytes of HTML. A piece that
    brings its own sections stands between them as it is. A section of which nothing is shown is not there either.
    """
    parts = []
    there = (piece for piece in pieces if piece[2].strip())
    for is_whole, group in groupby(there, lambda piece: bool(_SECTIONS.search(piece[2]))):
        if is_whole:
            parts += [_marked(text, formula, slots) for _, formula, text in group]
            continue
        together = list(group)
        around = any_of(own for own, _, _ in together)
        inside = "".join(
            _marked(text, ALWAYS if formula == around else formula, slots) for _, formula, text in together
        )
        parts.append(_marked(f"<mj-section><mj-column>\n{inside}\n</mj-column></mj-section>\n", around, slots))
    return "".join(parts)


def _marked(mjml: str, formula: str, slots: Slots) -> str:
    """MJML between the markers of its region."""
    if not formula:
        return mjml
    region = slots.region(formula)
    return f"<mj-raw>{region.marker}</mj-raw>{mjml}<mj-raw>{region.end}</mj-raw>"


class Noun:
    """One of our nouns as a template sees it: its values, by their names."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


@cache
def _kind(name: str) -> type[Noun]:
    return type(name, (Noun,), {"__module__": "builtins"})  # messages then call it by its name alone


def _noun(name: str, values: Mapping[str, Any]) -> Noun:
    return _kind(name)(values)


def from_data(value: Any) -> Any:
    """What `context.to_data` made of a value, to be seen by templates; none of it can be changed by them."""
    if isinstance(value, list):
        return tuple(map(from_data, value))
    if not isinstance(value, dict):
        return value
    (kind, held), *_ = value.items()
    match kind:
        case "@markup":
            return Markup(held)  # noqa: S704 - it was Markup before
        case "@date":
            return date.fromisoformat(held)
        case "@map":
            return {key: from_data(one) for key, one in held.items()}
    return _noun(kind, {key: from_data(one) for key, one in held.items()})


class _Loader(jinja2.BaseLoader):
    """Has the templates that came with the job; asks the worker, which knows the project's folders, for others."""

    def __init__(self, ask: Callable[[Any], Any], given: Mapping[str, Any]) -> None:
        self._ask = ask
        self._given = given
        self.files: dict[str, str] = {}
        """Path of a template that was used → its name."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:  # noqa: ARG002
        found = self._given.get(template) or self._ask({"want": template})
        if "refused" in found:
            raise FailedError("refused")
        if "text" not in found:
            raise jinja2.TemplateNotFound(template)
        self.files[found["file"]] = template
        return found["text"], found["file"], None


class _CompiledTemplates(jinja2.BytecodeCache):
    """The compiled code of each template, kept in memory as long as its text stays the same.

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


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, quicker about our own nouns: they hold plain values, so that a look at the name is enough."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not attr.startswith("_") if isinstance(obj, Noun) else super().is_safe_attribute(obj, attr, value)


def _environment(loader: _Loader) -> jinja2.Environment:
    return _Sandbox(
        loader=loader,
        autoescape=True,
        undefined=_Undefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(),
    )


class _Undefined(jinja2.StrictUndefined):
    """What does not exist, with what does in its message."""

    @property
    def _undefined_message(self) -> str:
        name, held = self._undefined_name, self._undefined_obj
        values = held if isinstance(held, Mapping) else vars(held) if isinstance(held, Noun) else {}
        if self._undefined_hint or not values:
            return str(super()._undefined_message)
        from newsletter.source import near_miss  # only for a message: it loads the parser of YAML

        what = values.get("type") or type(held).__name__.lower() if isinstance(held, Noun) else "this mapping"
        message = f"{what!r} has no attribute {name!r}".replace("'this mapping'", "this mapping")
        there = ", ".join(key for key in values if not key.startswith("_"))
        return f"{message}. {near_miss(str(name), values)} It has {there}".replace(".  ", ". ")


def _filters(language: str, styles: Mapping[str, str], slots: Slots, page: Page) -> dict[str, Callable[..., object]]:
    # S704: what is marked as safe here was escaped by the Markdown renderer
    return {
        "markdown": lambda text: Markup(on_plates(render_markdown(text, styles, slots, page), styles)),  # noqa: S704
        "inline": lambda text: Markup(render_inline(text, styles, slots)),  # noqa: S704
        "plain": plain_words,
        "outlook": outlook_fonts,
        "issue_date": lambda day: issue_date(day, language),
        "isolated": lambda text: _isolated(text, language),
    }


def _isolated(text: str, language: str) -> str:
    """A name, or inline Markdown, kept from turning the sentence around it."""
    if not isinstance(text, Markup):
        return isolate(text, language)
    words = str(text.striptags())
    return text if isolate(words, language) == words else Markup("\u2068{}\u2069").format(text)


def _within(text: str, name: str, loader: _Loader) -> str:
    """The text unless it is too long."""
    if len(text) > OUTPUT:
        file = next((file for file, used in loader.files.items() if used == name), "")
        raise FailedError("template", f"it makes more than {OUTPUT >> 20} MiB of MJML", trace=[(file, 0)])
    return text


def _failure(error: Exception, loader: _Loader) -> FailedError:
    """What went wrong, with the lines of templates that were being worked on."""
    if isinstance(error, jinja2.TemplateNotFound):
        return FailedError("missing", name=str(error.name))
    if isinstance(error, jinja2.TemplateSyntaxError):
        trace = [(error.filename or "", error.lineno)]
    else:
        trace = _raised_at(error, loader)
    match error:
        case TooLongError():
            return FailedError("late", trace=trace)
        case MemoryError():
            return FailedError("memory", trace=trace)
    what = str(error).strip() or type(error).__name__
    if isinstance(error, jinja2.exceptions.SecurityError):
        what = f"the sandbox refuses this: {what}"
    elif not isinstance(error, jinja2.TemplateError):
        what = f"{type(error).__name__}: {what}"
    return FailedError("template", what, trace=trace)


def _raised_at(error: Exception, loader: _Loader) -> list[tuple[str, int]]:
    """File and line of each template in the traceback, the innermost last."""
    found, trace = [], error.__traceback__
    while trace is not None:
        if (file := trace.tb_frame.f_code.co_filename) in loader.files:
            found.append((file, trace.tb_lineno))
        trace = trace.tb_next
    return found
