"""Problem: something a check found. Made by every check, shown by the command line and the preview.

The file beside this lists every id with its severity and meaning.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path


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


@dataclass(frozen=True, slots=True)
class Rule:
    """What a check looks for."""

    severity: Severity | None
    """None: an error or a warning, by how bad the case is."""
    about: str
    """What its problems mean, one sentence or two."""

    @property
    def may_warn(self) -> bool:
        """Whether it has warnings, which a project may ignore or take for errors."""
        return self.severity is not Severity.ERROR


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by the id of its problems."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    kinds = {"error": Severity.ERROR, "warning": Severity.WARNING, "either": None}
    return {id_: Rule(kinds[kind], about) for kind, found in table.items() for id_, about in found.items()}


def named(char: str) -> str:
    """A character by its number and name, where it cannot be seen or looks like another: `U+00A0 NO-BREAK SPACE`."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def has_errors(problems: list[Problem] | tuple[Problem, ...]) -> bool:
    """Whether one of them stops a send."""
    return any(problem.severity is Severity.ERROR for problem in problems)
