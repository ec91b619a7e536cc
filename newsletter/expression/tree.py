"""Tree: what a merge field or condition means, as frozen nouns. Made by `parse`; read by `evaluate` and, for SQL, by
`storage/audience/expression`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Values: TypeAlias = Mapping[str, Any]
"""Nested mappings of what a name may mean: `{"subscriber": {"name": "Ana"}, "link": {…}}`."""
Scalar: TypeAlias = str | int | float | bool


class Operator(StrEnum):
    """How two values are compared."""

    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Name:
    """A value that is looked up."""

    path: tuple[str, ...]
    position: int = field(default=0, compare=False)
    """Of its first character in the source, from 0."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the source."""

    value: Scalar
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """One step a value goes through."""

    name: str
    arguments: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A name or literal with its filters."""

    of: Name | Literal
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values with a sign between them."""

    left: Value
    operator: Operator
    right: Value


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a value is one of several: `in`, and `not in`, which is false too where there is no value."""

    value: Value
    choices: tuple[Literal, ...] | Name
    """Those of the source, or the list that a name means."""
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """A value alone: true where there is one; a truth value is what it is."""

    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    of: Tree


@dataclass(frozen=True, slots=True)
class And:
    """Whether all of several conditions are true."""

    of: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Whether one of several conditions is true."""

    of: tuple[Tree, ...]


Tree: TypeAlias = Comparison | Among | Present | Not | And | Or


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `source` is the text that was parsed, trimmed."""

    source: str
    tree: Tree


def names_in(part: object) -> Iterator[Name]:
    """Every name in a condition or a part of it, in order."""
    return (found for found in _walk(part) if isinstance(found, Name))


def literals_in(part: object) -> Iterator[Literal]:
    """Every literal in a condition or a part of it that values are compared with, in order."""
    return (found for found in _walk(part) if isinstance(found, Literal))


def collections_in(part: object) -> Iterator[Name]:
    """Every name in a condition that must mean a list, in order."""
    return (found.choices for found in _walk(part) if isinstance(found, Among) and isinstance(found.choices, Name))


def filtered_in(part: object) -> Iterator[Value]:
    """Every value with a filter in a condition, in order."""
    return (found for found in _walk(part) if isinstance(found, Value) and found.filters)


def alone_in(part: object) -> Iterator[Literal]:
    """Every text or number that is a condition by itself, and so true of everybody, as in `a == "x" or "y"`."""
    tested = (found.value.of for found in _walk(part) if isinstance(found, Present))
    return (of for of in tested if isinstance(of, Literal) and not isinstance(of.value, bool))


def compared_in(part: object) -> Iterator[tuple[Name, Literal]]:
    """Every name with each literal that it is compared with."""
    for found in _walk(part):
        if isinstance(found, (Comparison, Among)):
            yield from ((name, literal) for name in names_in(found) for literal in literals_in(found))


def equals_in(part: object) -> Iterator[tuple[Name, Name]]:
    """Every two names that are compared by == or !=."""
    for found in _walk(part):
        if isinstance(found, Comparison) and found.operator in (Operator.EQUAL, Operator.UNEQUAL):
            left, right = found.left.of, found.right.of
            if isinstance(left, Name) and isinstance(right, Name):
                yield left, right


def unlike(condition: Condition) -> Iterator[Literal]:
    """The numbers and truth values that names are compared with: a name that means a text is never equal to them."""
    for part in _walk(condition):
        if isinstance(part, (Comparison, Among)) and any(names_in(part)):
            yield from (literal for literal in literals_in(part) if not isinstance(literal.value, str))


def _walk(part: object) -> Iterator[object]:
    yield part
    if isinstance(part, tuple):
        for item in part:
            yield from _walk(item)
    elif is_dataclass(part):
        for each in fields(part):
            yield from _walk(getattr(part, each.name))
