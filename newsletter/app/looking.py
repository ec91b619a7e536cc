"""Looking: an issue as it stands on disk, compiled and checked, whatever its state. Asked for by the preview.

Unlike a build it never stops at an error: what cannot be shown is left out, and why stands among the problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.app.editions import compile_editions
from newsletter.app.issues import find, load
from newsletter.app.project import Project
from newsletter.authoring.check import check_issue
from newsletter.authoring.issue import Issue
from newsletter.authoring.persona import Persona, load_personas
from newsletter.compiler.edition import Edition
from newsletter.delivery.checks.identity import check_identity
from newsletter.expression import Values
from newsletter.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Look:
    """One issue as far as it could be read and compiled."""

    slug: str
    file: str
    """Relative to the project, as problems name it."""
    issue: Issue | None
    """None when it could not be read."""
    editions: Mapping[str, Edition]
    """Language → edition, without the languages that do not compile."""
    problems: tuple[Problem, ...]
    """Errors first, each kind in the order of its place."""


def slugs(project: Project) -> dict[str, Path]:
    """The issues of a project by slug, the newest name first."""
    return {_slug(path): path for path in sorted(find(project), key=_slug, reverse=True)}


def look(project: Project, path: Path) -> Look:
    """Read, compile and check one issue."""
    loaded = load(project, path)
    if loaded.issue is None:
        return Look(_slug(path), _shown(project, path), None, {}, _sorted(loaded.problems))
    compilation = compile_editions(project, loaded.issue)
    config = project.config
    found = [
        *loaded.problems,
        *check_issue(loaded.issue),
        *compilation.problems,
        *check_identity(project.identity, config.public.url, config.bounces.address),
    ]
    return Look(_slug(path), _shown(project, path), loaded.issue, compilation.editions, _sorted(found))


def personas(project: Project) -> tuple[Persona, ...]:
    """Whose eyes an issue can be seen with; never none."""
    found, _ = load_personas(project.issues / "personas.yaml", root=project.folder)
    return found


def values_for(persona: Persona, *, unsubscribe: str, view: str) -> Values:
    """What merge fields name when this persona looks."""
    subscriber = {
        **persona.attributes,
        "name": persona.name,
        "email": persona.email,
        "language": persona.language,
        "timezone": persona.timezone,
    }
    return {"subscriber": subscriber, "link": {"unsubscribe": unsubscribe, "view": view}}


def _slug(path: Path) -> str:
    return path.parent.name if path.stem == "issue" else path.stem


def _shown(project: Project, path: Path) -> str:
    return str(path.relative_to(project.folder)) if path.is_relative_to(project.folder) else str(path)


def _sorted(problems: list[Problem] | tuple[Problem, ...]) -> tuple[Problem, ...]:
    unique = dict.fromkeys(problems)  # a rule may see the same place in two rooms
    return tuple(sorted(unique, key=lambda problem: (problem.severity is not Severity.ERROR, problem.place)))
