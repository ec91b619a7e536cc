"""Editions: issues compiled with this project's templates, identity and address; and `newsletter build`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.app.project import Project
from newsletter.authoring.issue import Issue
from newsletter.compiler.edition import Edition
from newsletter.problem import Problem


@dataclass(frozen=True, slots=True)
class Compilation:
    """Every edition of an issue by language, the issue's own first, and what was found. With an error among the
    problems the editions are good for a look, not to send; a language whose templates fail has no edition."""

    editions: Mapping[str, Edition]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What `build` wrote. `editions` are the entries of build.json; nothing was written if a problem is an error."""

    out: Path
    editions: tuple[Mapping[str, object], ...]
    problems: tuple[Problem, ...]


def compile_editions(project: Project, issue: Issue, *, assets_url: str | None = None) -> Compilation:
    """Compile every language of an issue. Images are served under `[public] url` unless `assets_url` is given."""
    raise NotImplementedError


def build(project: Project, paths: Sequence[Path], out: Path) -> BuildReport:
    """Compile issues into files below `out`; the same input gives the same bytes. Written only if all of it compiles."""
    raise NotImplementedError
