"""Foreign tags: merge tags of other newsletter systems, found where they were written. The table is a file beside this.

Whoever moves to this program pastes old texts, and readers would get the tags as typed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.authoring.files import read_file
from newsletter.problem import Problem, Severity
from newsletter.source import MAX_BYTES, Node, shortened

FIELD_HERE = '{{ subscriber.name | default("there") }}'
"""What a merge field looks like here."""

_HINTS = (
    (
        r"unsub|opt-?out|remove",
        "Every email has a link to unsubscribe; another one is [words]({{ link.unsubscribe }}).",
    ),
    (r"browser|web|archive|online", "Every email has a link to view it; another one is [words]({{ link.view }})."),
    (r"\bif\b|\bif:|else|\bend|\bfor\b", "There are no conditions here: write it for everybody."),
    (r"mail", "Write {{ subscriber.email }}."),
)
"""What a tag is about → what to write for it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The tags of one system."""

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
        """The problem of a value in which the tag stands."""
        words = next((hint for about, hint in _HINTS if re.search(about, self.text, re.IGNORECASE)), "")
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
def _kinds() -> tuple[_Kind, ...]:
    file = Path(__file__).with_name("foreign_tags.toml")
    table = tomllib.loads(read_file(file, None, MAX_BYTES).decode())
    return tuple(
        _Kind(
            tag["system"],
            re.compile(tag["pattern"].replace("FIELD", f"(?:{table['fields']})"), re.IGNORECASE | re.VERBOSE),
            Severity.WARNING if tag.get("warning") else Severity.ERROR,
        )
        for tag in table["tag"]
    )
