"""Preview: an issue as it stands on disk, compiled and checked, whatever its state. Shown by `newsletter preview`.

Unlike a build it never stops at an error: what cannot be shown is left out, and why stands among the problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.app.issues.examine import examine, find, load
from newsletter.app.project import Project, check_sender
from newsletter.authoring.files import shown
from newsletter.authoring.issue import Issue
from newsletter.authoring.load import slug_of
from newsletter.compiler.edition import Edition
from newsletter.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class IssueView:
    """One issue as far as it could be read and compiled."""

    slug: str
    file: str
    """Relative to the project, as problems name it."""
    issue: Issue | None
    """None when it could not be read."""
    editions: Mapping[str, Edition]
    """Language → edition, without the languages that do not compile."""
    problems: tuple[Problem, ...]
    """Errors first, those of the original first among them, each kind in the order of its place."""

    def count(self, severity: Severity) -> int:
        """How many problems are of this kind."""
        return sum(problem.severity == severity for problem in self.problems)


def slugs(project: Project) -> dict[str, Path]:
    """The issues of a project by slug, the newest name first."""
    return {slug_of(path): path for path in sorted(find(project), key=slug_of, reverse=True)}


def summary(project: Project, path: Path) -> IssueView:
    """Read one issue without compiling it: enough for a list, and quick enough for a long one."""
    loaded = load(project, path)
    return IssueView(slug_of(path), shown(path, project.folder), loaded.issue, {}, loaded.problems)


def look(project: Project, path: Path) -> IssueView:
    """Read, compile and check one issue, and whether we say who sends it."""
    examined = examine(project, path)
    found = [*examined.problems, *check_sender(project)]
    file = shown(path, project.folder)
    # What is wrong with the original often is what is wrong with its translations.
    found.sort(key=lambda problem: (problem.severity is not Severity.ERROR, problem.place.file != file))
    return IssueView(slug_of(path), file, examined.issue, examined.editions, tuple(found))
