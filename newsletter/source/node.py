"""Source and Node: a file's text and the tree of its values, each of which knows where it was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

from newsletter.problem import Place, Problem, Severity

MAX_QUOTE = 1000
"""Longer source lines are not quoted whole."""

Scalar: TypeAlias = str | int | float | bool | None

FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\u202c\u202f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Control characters, line ends that editors do not show as such (U+0085, U+2028, U+2029), and what turns the letters
after it round for the eye alone (U+202D, U+202E)."""

LINE_END = re.compile(r"\r\n|\r|\n")
_WHITE_ESCAPES = frozenset([*"nrtvfNLP_ \t\r\n", "\r\n"])
_ESCAPE = re.compile(r"\\(?:x(..)|u(.{4})|U(.{8})|(\r\n|.))|.", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """The text of one file and the name it has in problems."""

    file: str
    text: str = field(repr=False)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in LINE_END.finditer(self.text))]

    def place(self, index: int) -> Place:
        """The place of a character; lines and columns count from 1."""
        line = bisect_right(self._starts, index)
        return Place(self.file, line, index - self._starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """A line, counted from 1, without its end; an empty string where there is none."""
        if not 1 <= number <= len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def quote(self, place: Place) -> str:
        """The line of a place as a problem shows it: without control characters, and not without end."""
        line = FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", self.line(place.line)).replace("\t", " ")
        if len(line) <= MAX_QUOTE:
            return line
        return line[:MAX_QUOTE] + "…" if place.column <= MAX_QUOTE else ""

    def problem(
        self, rule: str, message: str, place: Place, *, path: str = "", hint: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Problem:  # fmt: skip
        """A problem of this file with its line quoted."""
        return Problem(rule, message, place, severity, path, hint, self.quote(place))


@dataclass(frozen=True, eq=False)
class Node:
    """One value as it was written: a scalar, a mapping or a list. `start` and `end` are characters of the text."""

    source: Source = field(repr=False)
    path: str
    """Inside its file: `blocks[1].highlights[2].url`; empty for the whole."""
    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    start: int
    end: int
    key: int | None = None
    """Where its key begins, for a value of a mapping."""
    style: str = ""
    """How a scalar was written: `'`, `"`, `|`, `>` or plain (empty); `*` for an alias, which was refused."""

    @property
    def mapping(self) -> Mapping[str, Node]:
        """Its values by key; empty when it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """Its items; empty when it is no list."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str:
        """Its text; empty when it is none."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def place(self) -> Place:
        """Where the value begins; its key when nothing is written after it."""
        return self.source.place(self.key if self.start == self.end and self.key is not None else self.start)

    @property
    def key_place(self) -> Place:
        """Where its key begins; the value itself in a list."""
        return self.source.place(self.start if self.key is None else self.key)

    def place_at(self, offset: int) -> Place:
        """Where a character of its text was written, through quotes, escapes, folding and indentation.

        YAML only ever turns white space into white space, so the visible characters of text and source correspond
        one to one.
        """
        seen, visible = self._visible
        before = seen[min(max(offset, 0), len(seen) - 1)]
        return self.source.place(self.start + visible[before] if before < len(visible) else self.start)

    def part(self, start: int, end: int, path: str) -> Node:
        """Characters of its text as a value of their own, without the white space around them."""
        seen, visible = self._visible
        is_quoted = self.style in ("'", '"')  # then the characters around a value belong to it
        behind = visible[seen[end]] if seen[end] < len(visible) else self.end - self.start - is_quoted
        first, last = self.start + visible[seen[start]] - is_quoted, self.start + behind + is_quoted
        style = self.style if is_quoted else ""
        return Node(self.source, path, self.text[start:end].strip(), first, last, style=style)

    @cached_property
    def _visible(self) -> tuple[list[int], list[int]]:
        """How many visible characters stand before each one of the text, and where each of them was written."""
        seen = list(accumulate((not character.isspace() for character in self.text), initial=0))
        return seen, list(_visible_in(self.source.text[self.start : self.end], self.style))

    def plain(self) -> Any:
        """The value without places: str, int, float, bool, None, dict, list."""
        if isinstance(self.value, Mapping):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value

    def problem(
        self, rule: str, message: str, *, hint: str = "", at: Place | None = None, severity: Severity = Severity.ERROR
    ) -> Problem:
        """A problem of this value."""
        return self.source.problem(rule, message, at or self.place, path=self.path, hint=hint, severity=severity)


def _visible_in(raw: str, style: str) -> Iterator[int]:
    """The positions of what can be seen of a scalar, in its source."""
    if style == '"':
        for match in _ESCAPE.finditer(raw, 1, len(raw) - 1):
            code, simple = match[1] or match[2] or match[3], match[4]
            if code:
                is_white = chr(int(code, 16)).isspace()
            else:
                is_white = simple in _WHITE_ESCAPES if simple else match.group().isspace()
            if not is_white:
                yield match.start()
        return
    start, end = 0, len(raw)
    if style == "'":
        start, end = 1, len(raw) - 1
    elif style in ("|", ">"):
        start = next((match.end() for match in LINE_END.finditer(raw)), end)
    skip = False
    for at in range(start, end):
        if skip or raw[at].isspace():
            skip = False
            continue
        skip = style == "'" and raw[at] == "'"
        yield at
