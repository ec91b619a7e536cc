"""The small language of merge fields: `subscriber.name | default("there")`. The ground; used by compiler and delivery.

    field  = name { "." name } { "|" filter }
    filter = name [ "(" literal { "," literal } ")" ]

It has no calls, loops, indexing or attribute access on objects: a value is looked up in nested mappings, nothing else,
so a subscriber's data can never become code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from newsletter.errors import ExpressionError

Values: TypeAlias = Mapping[str, Any]
"""Nested mappings of what a field may name: `{"subscriber": {"name": "Ana"}, "link": {…}}`."""

FIELD = re.compile(r"\{\{(?P<source>[^{}]*)\}\}")
"""A merge field as it stands in a text."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d+)"""
    r"""|"(?P<double>[^"\\]*)"|'(?P<single>[^'\\]*)'|(?P<sign>[.|(),]))"""
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One step a value goes through."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeField:
    """A parsed merge field. `source` is what stood between the braces, trimmed."""

    source: str
    path: tuple[str, ...]
    filters: tuple[Filter, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether a missing value is provided for."""
        return any(item.name == "default" for item in self.filters)

    def evaluate(self, values: Values) -> str:
        """The text this field stands for; an empty string when the value is missing and no default is given."""
        value: Any = values
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        text = "" if value is None else str(value)
        for item in self.filters:
            text = FILTERS[item.name](text, *item.arguments)
        return text


def _default(text: str, fallback: str) -> str:
    return text if text.strip() else fallback


FILTERS: Mapping[str, Callable[..., str]] = {
    "default": _default,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "first_word": lambda text: text.split()[0] if text.split() else "",
}
"""Every filter there is; the first argument is the value. Listed in docs/reference/issue.md."""

_ARGUMENTS = {"default": 1}


def parse_field(source: str) -> MergeField:
    """Parse what stands between the braces. Raises ExpressionError, a sentence the author can act on."""
    tokens = list(_tokens(source))
    path, at = _path(tokens, source)
    filters = []
    while at < len(tokens):
        if tokens[at] != ("sign", "|"):
            raise ExpressionError(f"I do not understand {tokens[at][1]!r} in the merge field {source.strip()!r}")
        item, at = _filter(tokens, at + 1, source)
        filters.append(item)
    return MergeField(source=source.strip(), path=path, filters=tuple(filters))


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(source.rstrip())
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None:
            raise ExpressionError(
                f"I do not understand {source[at:end].strip()!r} in a merge field",
                position=at,
                hint='A merge field looks like {{ subscriber.name | default("there") }}',
            )
        kind = str(match.lastgroup)
        yield ("text" if kind in ("double", "single", "number") else kind), match[kind]
        at = match.end()


def _path(tokens: list[tuple[str, str]], source: str) -> tuple[tuple[str, ...], int]:
    if not tokens or tokens[0][0] != "name":
        raise ExpressionError(f"A merge field begins with a name such as subscriber.name, not {source.strip()!r}")
    names, at = [tokens[0][1]], 1
    while at + 1 < len(tokens) and tokens[at] == ("sign", ".") and tokens[at + 1][0] == "name":
        names.append(tokens[at + 1][1])
        at += 2
    return tuple(names), at


def _filter(tokens: list[tuple[str, str]], at: int, source: str) -> tuple[Filter, int]:
    name = tokens[at][1] if at < len(tokens) and tokens[at][0] == "name" else ""
    if name not in FILTERS:
        raise ExpressionError(
            f"There is no filter {name!r} (in {source.strip()!r})", hint=f"The filters are {', '.join(FILTERS)}"
        )
    arguments: list[str] = []
    at += 1
    if at < len(tokens) and tokens[at] == ("sign", "("):
        at += 1
        while at < len(tokens) and tokens[at][0] == "text":
            arguments.append(tokens[at][1])
            at += 1
            if at < len(tokens) and tokens[at] == ("sign", ","):
                at += 1
        if at >= len(tokens) or tokens[at] != ("sign", ")"):
            raise ExpressionError(f"A closing bracket is missing in {source.strip()!r}")
        at += 1
    wanted = _ARGUMENTS.get(name, 0)
    if len(arguments) != wanted:
        raise ExpressionError(f"The filter {name!r} takes {wanted} value{'' if wanted == 1 else 's'} in brackets")
    return Filter(name, tuple(arguments)), at
