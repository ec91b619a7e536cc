"""load: issue.yaml and its translations → Issue, with people resolved and images read; or every problem at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from newsletter.authoring.issue import Issue
from newsletter.problem import Problem


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of reading one issue. `issue` is None when there are errors; warnings may stand beside an issue."""

    issue: Issue | None
    problems: tuple[Problem, ...]


def find_issues(paths: Iterable[Path]) -> list[Path]:
    """The issue files among these files and folders, sorted; a translation stands for its issue."""
    raise NotImplementedError


def load_issue(file: Path, *, root: Path) -> Loaded:
    """Read one issue with its translations. Places are shown relative to `root` when the file lies inside it."""
    raise NotImplementedError
