"""Problem: something a check found. Made by every check, shown by the command line and the preview."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: an error stops a send, a warning does not (unless `--strict`)."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in which file. `line` and `column` count from 1; 0 means the file or the line as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, described for the author or operator who can fix it."""

    id: str
    """Which rule, in kebab-case, stable for scripts: `unknown-key`, `missing-alt`."""
    message: str
    place: Place
    severity: Severity = Severity.ERROR
    path: str = ""
    """The value inside the file: `blocks[1].highlights[2].url`."""
    hint: str = ""
    """What to do, one sentence."""
    quote: str = ""
    """The source line, without its line end."""


def named(char: str) -> str:
    """A character by its number and name, where it cannot be seen or looks like another: `U+00A0 NO-BREAK SPACE`."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def has_errors(problems: list[Problem] | tuple[Problem, ...]) -> bool:
    """Whether one of them stops a send."""
    return any(problem.severity is Severity.ERROR for problem in problems)
