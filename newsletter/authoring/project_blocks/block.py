"""block: the noun of a block of a project's own type, and the text part that is written from its fields."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from newsletter.authoring.block import Block, TextWriter
from newsletter.authoring.fields.shape import Shape, fields_of
from newsletter.authoring.fields.values import Id, Role
from newsletter.authoring.parts import Picture
from newsletter.authoring.project_blocks.type_file import PLACEHOLDER
from newsletter.columns import WIDTH, indented, wrap

_EMPTY = ("", None, ())


@dataclass(frozen=True, slots=True)
class ProjectBlock(Block):
    """A block of one of the project's own types; each type is a class below this one, with its fields."""

    TYPE: ClassVar[str]
    LINES: ClassVar[tuple[str, ...]]
    """Of the text part: words and `{field}`; an empty one ends a paragraph."""

    @property
    def type(self) -> str:
        """The name of the type."""
        return self.TYPE

    def to_text(self, writer: TextWriter) -> str:
        """The lines with the values in place, without those whose fields are all empty."""
        return writer.section(*_paragraphs(self, writer, WIDTH))


@dataclass(frozen=True, slots=True)
class ProjectItem:
    """An item with fields in a list of such a block."""

    LINES: ClassVar[tuple[str, ...]]
    id: Id = ""
    path: str = ""


def _paragraphs(noun: ProjectBlock | ProjectItem, writer: TextWriter, width: int) -> Iterator[str]:
    """The text part of a noun in paragraphs. What is large is one of its own."""
    kind: type = type(noun)
    shapes = fields_of(kind)
    together: list[str] = []
    for line in noun.LINES:
        names = PLACEHOLDER.findall(line)
        values = {name: getattr(noun, name) for name in names}
        if names and all(value in _EMPTY for value in values.values()):
            continue
        is_alone = len(names) == 1 and line.strip() == f"{{{names[0]}}}"
        if is_alone and (parts := list(_large(values[names[0]], shapes[names[0]], writer, width))):
            yield from ("\n".join(together), *parts)
            together = []
        elif line.strip():
            words = {name: _words(value, shapes[name], writer) for name, value in values.items()}
            together.append(wrap(_filled(line.strip(), words), width=width))
        else:
            yield "\n".join(together)
            together = []
    yield "\n".join(together)


def _filled(line: str, words: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: words[found[1]], line)


def _large(value: object, shape: Shape, writer: TextWriter, width: int) -> Iterator[str]:
    """The paragraphs of a value that takes more than a line; nothing for another one."""
    if isinstance(value, tuple):
        yield from _items(value, shape.inner or Shape(), writer, width)
    elif isinstance(value, Picture):
        yield writer.picture(value)
    elif shape.role is Role.MARKDOWN:
        yield from writer.paragraphs(str(value), width=width)


def _items(items: Sequence[object], shape: Shape, writer: TextWriter, width: int) -> Iterator[str]:
    for item in items:
        if isinstance(item, ProjectItem):
            parts = [part for part in _paragraphs(item, writer, width - 2) if part]
        else:
            parts = list(_large(item, shape, writer, width - 2)) or [wrap(_words(item, shape, writer), width=width - 2)]
        yield "* " + indented("\n\n".join(parts), "  ")[2:]


def _words(value: object, shape: Shape, writer: TextWriter) -> str:
    """A value inside a line."""
    match value:
        case None:
            return ""
        case tuple():
            return ", ".join(_words(item, shape.inner or Shape(), writer) for item in value)
        case Picture():
            return value.alt
        case ProjectItem():
            return ", ".join(part.replace("\n", " ") for part in _paragraphs(value, writer, WIDTH) if part)
    if shape.role in (Role.INLINE, Role.MARKDOWN):
        return writer.inline(str(value))
    return writer.isolated(str(value)) if shape.role is Role.WORDS else str(value)
