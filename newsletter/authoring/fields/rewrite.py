"""rewrite: a noun → the same with its texts changed, each by the role of its type.

The compiler puts merge fields' markers in this way, `assemble` the names of contributors; the editorial rules read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import cache
from typing import Any, TypeVar, cast

from newsletter.authoring.fields.shape import Shape, fields_of
from newsletter.authoring.fields.values import Role
from newsletter.authoring.image import ImageFile

_KEPT = frozenset({Role.CODE, Role.LITERAL, Role.CONDITION})
"""What is never changed."""

Change = Callable[[str, Role, str], str]
"""(path, role, value) → the new value."""
_Noun = TypeVar("_Noun")


def rewrite(noun: _Noun, change: Change, path: str = "") -> _Noun:
    """The noun with every value that its author wrote changed, and each noun in it with its path.

    Raises TypeError for a value whose type has no role: it would be shown unread and unchecked.
    """
    shapes: Mapping[str, Shape] = fields_of(cast("Any", type(noun)))
    changes: dict[str, Any] = {}
    for field in fields(cast("Any", noun)):
        if field.name == "path":
            changes["path"] = path
        elif field.compare:
            shape = shapes[field.name]
            inside = f"{path}.{field.name if shape.key is None else shape.key}".strip(".")
            changes[field.name] = _rewritten(getattr(noun, field.name), shape, change, inside)
    return cast("_Noun", replace(cast("Any", noun), **changes))


def texts(noun: object) -> Iterator[tuple[str, Role, str]]:
    """Path, role and value of everything that its author wrote, in order."""
    found: list[tuple[str, Role, str]] = []

    def note(path: str, role: Role, value: str) -> str:
        found.append((path, role, value))
        return value

    rewrite(noun, note)
    return iter(found)


def nouns_in(noun: object, kind: type[_Noun]) -> Iterator[_Noun]:
    """Every noun of a kind inside another, in order."""
    if isinstance(noun, kind):
        yield noun
    parts = noun if isinstance(noun, tuple) else [getattr(noun, name) for name in _fields(cast("Any", type(noun)))]
    for part in parts:
        if not isinstance(part, str):  # most are, and there are many
            yield from nouns_in(part, kind)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _rewritten(value: Any, shape: Shape, change: Change, path: str) -> Any:
    if isinstance(value, str) and shape.role is not None:
        return change(path, shape.role, value) if value and shape.role not in _KEPT else value
    if isinstance(value, tuple):
        return tuple(_rewritten(v, shape.inner or Shape(), change, f"{path}[{n}]") for n, v in enumerate(value))
    if value is None or isinstance(value, (int, float, date, ImageFile)):
        return value
    if is_dataclass(value):
        return rewrite(value, change, path)
    raise TypeError(f"the type of {path} ({type(value).__name__}) has no role: use one of authoring/fields/values")
