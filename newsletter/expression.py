"""The small language of merge fields: `subscriber.name | default("there")`. The ground; used by compiler and delivery.

    field  = name { "." name } { "|" filter }
    filter = name [ "(" literal { "," literal } ")" ]

It has no calls, loops, indexing or attribute access on objects: a value is looked up in nested mappings, nothing else,
so a subscriber's data can never become code.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from newsletter.errors import ExpressionError

Values: TypeAlias = Mapping[str, Any]
"""Nested mappings of what a field may name: `{"subscriber": {"name": "Ana"}, "link": {…}}`."""

FIELD = re.compile(r"(?<!\\)\{\{(?P<source>[^{}]*)\}\}")
"""A merge field in a text; a backslash before it makes it words."""
LITERAL = r"To show braces as they are write \{{, or code."
_ESCAPED = re.compile(r"\\(?=\{[{%#])")


def unescaped(words: str) -> str:
    """Plain words without the backslashes that keep braces from meaning anything; Markdown has escapes of its own."""
    return _ESCAPED.sub("", words)


_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LITERAL = r"""(?:"[^"\\]*"|'[^'\\]*'|-?\d+)"""
_PATH = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*")
_FILTER = re.compile(
    rf"\|\s*(?P<name>{_NAME})?\s*"
    rf"(?P<brackets>\(\s*(?P<arguments>(?:{_LITERAL}\s*(?:,\s*{_LITERAL}\s*)*)?)(?P<close>\))?)?\s*"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One step a value goes through."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeField:
    """A parsed merge field. `source` is the text between the braces, trimmed."""

    source: str
    path: tuple[str, ...]
    filters: tuple[Filter, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether a missing value is provided for."""
        return any(item.name == "default" for item in self.filters)

    def evaluate(self, values: Values) -> str:
        """The value as text; empty when it is missing and has no default."""
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
    """Parse the text between the braces. Raises ExpressionError, a sentence the author can act on."""
    path = _PATH.match(source)
    if path is None:
        raise ExpressionError(f"A merge field begins with a name such as subscriber.name, not {source.strip()!r}")
    at, filters = path.end(), []
    while at < len(source):
        match = _FILTER.match(source, at)
        if match is None:
            raise ExpressionError(
                f"{source[at:].strip()!r} cannot be read in the merge field {source.strip()!r}",
                position=at,
                hint='A merge field looks like {{ subscriber.name | default("there") }}',
            )
        filters.append(_filter(match, source.strip()))
        at = match.end()
    names = tuple(name.strip() for name in path[1].split("."))
    return MergeField(source=source.strip(), path=names, filters=tuple(filters))


def _filter(match: re.Match[str], source: str) -> Filter:
    name = match["name"] or ""
    if name not in FILTERS:
        raise ExpressionError(
            f"There is no filter {name!r} (in {source!r})", hint=f"The filters are {', '.join(FILTERS)}"
        )
    if match["brackets"] and not match["close"]:
        raise ExpressionError(f"A closing bracket is missing in {source!r}")
    literals: list[str] = re.findall(_LITERAL, match["arguments"] or "")
    arguments = tuple(literal[1:-1] if literal[0] in "\"'" else literal for literal in literals)
    wanted = _ARGUMENTS.get(name, 0)
    if len(arguments) != wanted:
        raise ExpressionError(f"The filter {name!r} takes {wanted} value{'' if wanted == 1 else 's'} in brackets")
    return Filter(name, arguments)
