"""Editions: an issue compiled in all its languages with this project's templates, identity and address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path

from newsletter.app.composing import values_of
from newsletter.app.issues.leaks import secrets_of
from newsletter.app.project import Project
from newsletter.authoring.files import quotable, shown
from newsletter.authoring.issue import Issue
from newsletter.authoring.persona import FILE as PERSONAS
from newsletter.authoring.persona import load_personas
from newsletter.compiler.compile import CompileSettings, compile_issue
from newsletter.compiler.edition import Edition
from newsletter.compiler.mjml.templates import Templates
from newsletter.compiler.pictures import PictureCache
from newsletter.delivery.compose.message import merge_values
from newsletter.problem import Place, Problem

_TELLING = 4
"""Characters of a quoted line that are enough to know it by."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """Every edition of an issue by language, the issue's own first, and what was found.

    With an error among the problems the editions may be previewed, not sent; a language whose templates fail, or
    whose edition holds a secret of the project, has no edition.
    """

    editions: Mapping[str, Edition]
    problems: tuple[Problem, ...]
    """Of all languages, each once."""
    found: Mapping[str, tuple[Problem, ...]]
    """The same by language."""


def compile_editions(
    project: Project,
    issue: Issue,
    *,
    assets_url: str | None = None,
    languages: Sequence[str] = (),
    day: date | None = None,
) -> Compilation:
    """Compile an issue in these languages, without any in all of its own. Images are served under `[public] url` unless
    `assets_url` is given; what must not be sent on this `day` is an error.
    """
    personas, _ = load_personas(project.issues / PERSONAS, root=project.folder)
    kit = CompileSettings(
        templates=Templates(project.template_folders, root=project.folder),
        identity=project.identity,
        assets_url=project.assets_url if assets_url is None else assets_url,
        home_url=f"{project.config.public.url}/",
        root=project.folder,
        pictures=PictureCache(project.picture_folder),
        oversized=frozenset(project.config.checks.allow_oversized),
        readers=tuple(merge_values(values_of(one), one.email, unsubscribe="", view="") for one in personas),
        day=day,
    )
    secrets, place = secrets_of(project), Place(shown(issue.file, project.folder))
    editions, found = {}, {}
    for language in languages or issue.languages:
        compiled = compile_issue(issue, language, kit)
        problems = [sharpen(problem, project.folder) for problem in compiled.problems]
        if compiled.edition is not None and (leak := secrets.check_edition(compiled.edition, place)):
            problems.append(leak)
        elif compiled.edition is not None:
            editions[language] = compiled.edition
        found[language] = tuple(secrets.mask(problems))
    return Compilation(
        editions=editions,
        problems=tuple(dict.fromkeys(chain.from_iterable(found.values()))),
        found=found,
    )


def sharpen(problem: Problem, folder: Path) -> Problem:
    """A problem inside a long text with the very line it is in, where the line it quotes is found there."""
    if len(problem.quote) < _TELLING or not problem.place.column:
        return problem
    source = quotable(problem.place.file, folder)
    if source is None:
        return problem
    for number, line in enumerate(source.text.splitlines()[problem.place.line - 1 :], problem.place.line):
        column = line.find(problem.quote)
        if column >= 0:
            first = problem.place.column if number == problem.place.line else 0
            place = Place(problem.place.file, number, max(column + 1, first))
            return replace(problem, place=place, quote=source.quote(place))
    return problem
