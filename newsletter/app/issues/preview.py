"""Preview: an issue as it is on disk, compiled and checked, whatever its state. Shown by `newsletter preview`.

Unlike a build it never stops at an error: what cannot be shown is missing, and why is among the problems.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

from newsletter.app.issues.editions import compile_editions
from newsletter.app.issues.examine import Examined, examine, find, load
from newsletter.app.project import Project
from newsletter.app.sender_checks import check_sender
from newsletter.authoring.files import shown
from newsletter.authoring.load import slug_of
from newsletter.compiler.edition import Edition
from newsletter.problem import Severity


def slugs(project: Project) -> dict[str, Path]:
    """The issues of a project by slug, the newest name first."""
    return {slug_of(path): path for path in sorted(find(project), key=slug_of, reverse=True)}


def summary(project: Project, path: Path) -> Examined:
    """Read one issue without compiling it: enough for a list, and quick enough for a long one."""
    loaded = load(project, path)
    return Examined(slug_of(path), shown(path, project.folder), loaded.issue, {}, {}, loaded.problems)


def glimpse(project: Project, path: Path, language: str, day: date | None = None) -> Edition | None:
    """One edition of an issue, whatever is wrong with the others: what the author sees first after a save."""
    issue = load(project, path).issue
    if issue is None or language not in issue.contents:
        return None
    return compile_editions(project, issue, languages=[language], day=day).editions.get(language)


def look(project: Project, path: Path, day: date | None = None) -> Examined:
    """Read, compile and check one issue as on a `day`, and the configured sender; errors come first."""
    examined = examine(project, path, day)
    found = [*examined.problems, *check_sender(project)]
    # What is wrong with the original often is what is wrong with its translations.
    found.sort(key=lambda problem: (problem.severity is not Severity.ERROR, problem.place.file != examined.file))
    return replace(examined, problems=tuple(found))
