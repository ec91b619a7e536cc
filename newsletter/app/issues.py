"""Finding, loading and checking the issues of a project; what `check`, `build`, `send` and the preview begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from newsletter.app.project import Project
from newsletter.authoring.load import Loaded
from newsletter.problem import Problem


def find(project: Project, paths: Sequence[Path] = ()) -> list[Path]:
    """The issue files that these paths mean; without any, all of the project."""
    raise NotImplementedError


def load(project: Project, path: Path) -> Loaded:
    """Read one issue of a project."""
    raise NotImplementedError


def check(project: Project, paths: Sequence[Path] = ()) -> list[Problem]:
    """Every check on these issues: the file, editorial rules, compiling, and who sends."""
    raise NotImplementedError
