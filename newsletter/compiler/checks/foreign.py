"""Foreign tags: merge tags of other newsletter systems, found where they were written. The table is a file beside this.

Authors who move to this program paste old texts, and readers would get the tags as typed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from newsletter.authoring.files import read_file
from newsletter.problem import Problem, Severity
from newsletter.source import MAX_BYTES, Node, shortened

FIELD_HERE = '{{ subscriber.name | default("there") }}'
"""What a merge field looks like here."""


@dataclass(frozen=True, slots=True)
class _Kind:
    system: str
    pattern: re.Pattern[str]
    severity: Severity


@dataclass(frozen=True, slots=True)
class ForeignTag:
    """A tag in a text. `start` and `end` are characters of the text."""

    text: str
    start: int
    end: int
    system: str
    severity: Severity

    def problem(self, node: Node) -> Problem:
        """The problem of a value that holds the tag."""
        hints: Mapping[str, str] = _table()["hints"]
        words = next((hint for about, hint in hints.items() if re.search(about, self.text, re.IGNORECASE)), "")
        return node.problem(
            "foreign-tag",
            f"{shortened(self.text)} is a merge tag of {self.system}; readers would get it as typed",
            hint=f"{words} A merge field looks like {FIELD_HERE}".strip() if words else f"Write {FIELD_HERE}",
            at=node.place_at(self.start),
            severity=self.severity,
        )


def foreign_tags(text: str) -> Iterator[ForeignTag]:
    """The tags in a text, in its order, none inside another."""
    found = sorted(
        (ForeignTag(match.group(), *match.span(), kind.system, kind.severity) for kind in _kinds()
         for match in kind.pattern.finditer(text)),
        key=lambda tag: (tag.start, -tag.end),
    )  # fmt: skip
    end = 0
    for tag in found:
        if tag.start >= end:
            end = tag.end
            yield tag


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(read_file(Path(__file__).with_name("foreign_tags.toml"), None, MAX_BYTES).decode())


@cache
def _kinds() -> tuple[_Kind, ...]:
    table = _table()
    return tuple(
        _Kind(
            tag["system"],
            re.compile(tag["pattern"].replace("FIELD", f"(?:{table['fields']})"), re.IGNORECASE | re.VERBOSE),
            Severity.WARNING if tag.get("warning") else Severity.ERROR,
        )
        for tag in table["tag"]
    )
