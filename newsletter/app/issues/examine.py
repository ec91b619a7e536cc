"""Finding, loading and checking the issues of a project; what `check`, `build`, `send` and the preview begin with."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from functools import partial
from heapq import nlargest
from itertools import chain, islice
from pathlib import Path

from newsletter.app.issues.composed import check_variants
from newsletter.app.issues.editions import compile_editions
from newsletter.app.issues.leaks import secrets_of
from newsletter.app.issues.plans import check_plans
from newsletter.app.issues.policy import check_comments, judged
from newsletter.app.issues.processes import in_processes
from newsletter.app.project import Project
from newsletter.app.project_segments import read_segments
from newsletter.app.project_series import read_series, slug_in
from newsletter.app.sender_checks import check_real_sender, check_sender
from newsletter.authoring.check import check_issue
from newsletter.authoring.contributors import FILE as PEOPLE
from newsletter.authoring.contributors import load_contributors
from newsletter.authoring.fields.explain import MAX_PROBLEMS
from newsletter.authoring.files import is_inside, located, names_in, quotable, read_file, shown, unreadable
from newsletter.authoring.issue import Issue
from newsletter.authoring.load import (
    Loaded,
    find_issues,
    load_issue,
    load_snippet,
    may_be_issue,
    misnamed,
    misnamed_files,
    slug_of,
)
from newsletter.authoring.persona import BUILT_IN, Persona, load_personas
from newsletter.authoring.persona import FILE as PERSONAS
from newsletter.authoring.placeholders import check_authors, check_placeholders
from newsletter.authoring.project_blocks.load import block_types
from newsletter.authoring.segments import FILE as SEGMENTS
from newsletter.authoring.series import FILE as SERIES
from newsletter.authoring.series import FOLDER as SERIES_FOLDER
from newsletter.authoring.short.defaults import load_defaults, may_be_defaults
from newsletter.authoring.short.snippets import FOLDER as SNIPPETS
from newsletter.authoring.short.snippets import may_be_snippet
from newsletter.compiler.checks.characters import check_characters
from newsletter.compiler.checks.sponsors import OVER
from newsletter.compiler.checks.untranslated import check_untranslated
from newsletter.compiler.checks.words import check_words
from newsletter.compiler.edition import Edition
from newsletter.compiler.mjml.templates import looks_in
from newsletter.delivery.checks.identity import RESERVED_DOMAIN
from newsletter.errors import NotFoundError
from newsletter.problem import Place, Problem, Severity, has_errors
from newsletter.source import Source

_NAMED = 5
"""Issues that are named in place of one that is not there."""
_HINT = 'An issue is issues/<slug>/issue.yaml; start one with newsletter new "A title".'


@dataclass(frozen=True, slots=True)
class Examined:
    """One issue as far as it could be read and compiled, with every problem of it."""

    slug: str
    file: str
    """Relative to the project, as problems name it."""
    issue: Issue | None
    """None when it could not be read."""
    editions: Mapping[str, Edition]
    """Language → edition, without the languages that do not compile."""
    found: Mapping[str, tuple[Problem, ...]]
    """What compiling found, by language; `problems` has it too."""
    problems: tuple[Problem, ...]

    def count(self, severity: Severity) -> int:
        """How many problems are of this kind."""
        return sum(problem.severity == severity for problem in self.problems)


def find(project: Project, paths: Sequence[Path] = ()) -> list[Path]:
    """The issue files that these paths mean, each once; without any, or with the project's folder, all of the project.

    What is no path may be an issue's slug. Raises NotFoundError, which names the issues there are, the nearest first.
    """
    everything = find_issues([project.issues] if project.issues.exists() else [], root=project.folder)
    meant = (file for path in paths for file in _meant(project, path, everything))
    return sorted({located(file, project.folder): file for file in meant}.values()) if paths else everything


def _meant(project: Project, path: Path, everything: Sequence[Path]) -> Sequence[Path]:
    if path.resolve() == project.folder.resolve():
        return everything
    named = [file for file in everything if slug_of(file) == str(path)]
    # A file outside that has the name of an issue is not meant: with -C the working directory may be anywhere.
    if os.path.exists(path) and not (named and not is_inside(path, project.folder)):  # noqa: PTH110  a long name
        return find_issues([path], root=project.folder)
    if not named:
        raise NotFoundError(f"There is no issue {str(path)!r}", hint=_nearest(path.name, map(slug_of, everything)))
    return named


def _nearest(name: str, slugs: Iterable[str]) -> str:
    """A sentence that names issues, those whose slug is most like `name` first."""
    likeness = {slug: SequenceMatcher(None, name.lower(), slug.lower()).ratio() for slug in slugs}
    first, rest = nlargest(_NAMED, likeness, key=likeness.__getitem__), len(likeness) - _NAMED
    if not first:
        return 'There are none yet; start one with newsletter new "A title"'
    return f"There are: {', '.join(first)}" + (f", and {rest} more" if rest > 0 else "")


def load(project: Project, path: Path) -> Loaded:
    """Read one issue of a project. One in which a secret was written is not given out."""
    folders, root = project.template_folders, project.folder
    types = block_types(folders[:-1], root)
    loaded = load_issue(path, root=root, looks=looks_in(folders, root=root), types=types)
    secrets = secrets_of(project)
    leaks = [leak for node in loaded.files.values() if (leak := secrets.check_source(node.source))]
    problems = (*leaks, *secrets.mask(loaded.problems))
    issue = replace(loaded.issue, slug=slug_in(project, path)) if loaded.issue and not leaks else None
    return replace(loaded, issue=issue, problems=problems)


def read_personas(project: Project) -> tuple[tuple[Persona, ...], tuple[Problem, ...]]:
    """Whose eyes the issues of a project can be seen with, never none; and what is wrong with their file."""
    file, secrets = project.issues / PERSONAS, secrets_of(project)
    personas, problems = load_personas(file, root=project.folder)
    place = Place(shown(file, project.folder))
    leaks = [leak for persona in personas if (leak := secrets.check_persona(persona, place))]
    return ((BUILT_IN,), (*leaks, *problems)) if leaks else (personas, problems)


def examine(project: Project, path: Path, day: date | None = None) -> Examined:
    """Read, compile and check one issue; what is wrong with it stops nothing that can be shown all the same.

    `day`: as `compile_editions` takes it.
    """
    loaded = load(project, path)
    words = {language: _words(loaded, language) for language in loaded.files}
    problems = [*loaded.problems, *chain.from_iterable(words.values())]
    editions: Mapping[str, Edition] = {}
    found: Mapping[str, tuple[Problem, ...]] = {}
    if loaded.issue is not None:
        compilation = compile_editions(project, loaded.issue, day=day)
        editions = compilation.editions
        found = {
            language: tuple(judged((*words[language], *more), project)) for language, more in compilation.found.items()
        }
        problems += [*check_issue(loaded.issue), *check_authors(loaded.issue), *compilation.problems]
        if any(edition.conditions for edition in editions.values()) and not has_errors(check_sender(project)):
            personas = read_personas(project)[0]
            problems += check_variants(project, loaded.issue, shown(path, project.folder), editions, personas)
    problems = [*problems, *(one for file in loaded.files.values() for one in check_comments(file))]
    written = list(loaded.files.items())  # the original is the first
    for language, file in written[1:]:
        problems += check_untranslated(written[0][1], file, (written[0][0], language), loaded.schema)
    problems = sorted(_quoted(dict.fromkeys(judged(problems, project)), project), key=lambda problem: problem.place)
    return Examined(slug_in(project, path), shown(path, project.folder), loaded.issue, editions, found, tuple(problems))


def _words(loaded: Loaded, language: str) -> tuple[Problem, ...]:
    """Leftovers in a file, but for places that have a worse problem already (a link that leads nowhere is a leftover
    too); and placeholders."""
    file = loaded.files[language]
    places = {problem.place for problem in loaded.problems if problem.severity is Severity.ERROR}
    found = islice(check_words(file, loaded.schema), MAX_PROBLEMS)
    kept = (
        problem for problem in found
        if problem.id != "leftover-markup" or problem.place not in places
    )  # fmt: skip
    return (
        *kept,
        *islice(check_characters(file, language, loaded.schema), MAX_PROBLEMS),
        *check_placeholders(file, language, loaded.schema),
    )


def examine_all(
    project: Project, paths: Sequence[Path] = (), day: date | None = None
) -> tuple[list[Examined], list[Problem]]:
    """These issues (without paths, all), and every problem of them, of their personas and of what lies beside them."""
    files = find(project, paths)
    examined = [examine(project, file, day) for file in files]
    return examined, _every_problem(project, paths, files, (one.problems for one in examined))


def _every_problem(
    project: Project, paths: Sequence[Path], files: Sequence[Path], found: Iterable[Iterable[Problem]]
) -> list[Problem]:
    """What was found in these files, in their personas and in what lies beside them."""
    strays = list(_misnamed(project, paths))
    problems = [
        *read_personas(project)[1],
        *strays,
        *(_defaults(project) if _is_whole(project, paths) else ()),
        *(problem for path in paths if path.is_file() and not may_be_issue(path) for problem in _beside(project, path)),
        *_same_slugs(project, files),
        *chain.from_iterable(found),
    ]
    if not files and not strays and not any(map(_may_lie_beside, paths)):
        problems.append(no_issues(project, paths))
    return _quoted(dict.fromkeys(judged(problems, project)), project)


def check(project: Project, paths: Sequence[Path] = (), *, now: datetime | None = None) -> list[Problem]:
    """Every check on these issues: the file, editorial rules, compiling, to whom and when, and who sends.

    What only a real relay is refused is a warning; while there is none, an address that was made up on purpose is none.
    A sponsor whose last day has passed is a warning too: the issue may have been sent before.
    """
    series, strays = read_series(project) if _is_whole(project, paths) else ({}, ())
    steps = [step.file for one in series.values() for step in one.steps if step.file.is_file()]
    files, now = list(dict.fromkeys([*find(project, paths), *steps])), now or datetime.now(UTC)
    found = list(in_processes(partial(_examined, project, now.astimezone(project.zone).date()), files))
    problems = _every_problem(project, paths, files, (problems for problems, _ in found))
    problems = [replace(one, severity=Severity.WARNING) if one.id == OVER else one for one in problems]
    if _is_whole(project, paths):
        problems += chain.from_iterable(_of_snippet(project, file) for file in _snippets(project))
        problems += [*read_segments(project)[1], *strays]
    problems += check_plans(project, [issue for _, issue in found if issue], now)
    real = [one for one in check_real_sender(project) if project.has_real_relay or one.id != RESERVED_DOMAIN]
    return judged(dict.fromkeys([*problems, *check_sender(project), *real]), project)


def _is_whole(project: Project, paths: Sequence[Path]) -> bool:
    """Whether these paths mean the whole project."""
    return not paths or any(path.resolve() == project.folder.resolve() for path in paths)


def _examined(project: Project, day: date, file: Path) -> tuple[tuple[Problem, ...], Issue | None]:
    """The issue comes without its blocks: those of a project's own types exist in one process alone."""
    examined = examine(project, file, day)
    if (issue := examined.issue) is not None:
        issue = replace(issue, contents={tag: replace(one, blocks=()) for tag, one in issue.contents.items()})
    return examined.problems, issue


def no_issues(project: Project, paths: Sequence[Path]) -> Problem:
    """The problem of paths that hold no issue."""
    where = ", ".join(shown(path, project.folder) for path in paths) or "issues"
    return Problem("no-issues", "there is no issue here", Place(where), hint=_HINT)


def _misnamed(project: Project, paths: Sequence[Path]) -> Iterator[Problem]:
    """Files that are not read because of their names: those meant, without paths all of the project."""
    folders = [path for path in paths if path.is_dir()] if paths else [project.issues]
    yield from misnamed_files(folders, root=project.folder)
    for file in paths or (project.folder / name for name in names_in(project.folder, project.folder)):
        if (problem := misnamed(file, root=project.folder)) and (paths or problem.severity is Severity.ERROR):
            yield problem


def _defaults(project: Project) -> Iterator[Problem]:
    """What is wrong with the defaults of all issues, also those for a language that no issue has yet."""
    try:
        names = names_in(project.issues, project.folder)
    except OSError:  # reported as an issue that cannot be read, or there are none
        return
    for file in (project.issues / name for name in names):
        if may_be_defaults(file):
            yield from load_defaults(file, project.folder).problems


def _may_lie_beside(file: Path) -> bool:
    return file.name in (PEOPLE, PERSONAS, SEGMENTS, SERIES) or may_be_defaults(file) or may_be_snippet(file)


def _beside(project: Project, file: Path) -> Sequence[Problem]:
    """A file that is no issue, from a pattern of the shell: contributors, personas and defaults are read as such."""
    if misnamed(file, root=project.folder):
        return []
    if file.name == PEOPLE:
        return load_contributors(file, project.folder)[1]
    if may_be_defaults(file):
        return load_defaults(file, project.folder).problems
    if may_be_snippet(file):
        return _of_snippet(project, file)
    if file.name == SEGMENTS:
        return read_segments(project)[1]
    if file.name == SERIES and file.parent.parent.name == SERIES_FOLDER:
        return read_series(project)[1]
    if file.name == PERSONAS:
        return load_personas(file, root=project.folder)[1]
    name = shown(file, project.folder)
    try:
        read_file(file, project.folder, 0)
    except OSError as error:
        return [unreadable(error, name)]
    return [Problem("no-issue", "this is not an issue", Place(name), Severity.WARNING, hint=_HINT)]


def _snippets(project: Project) -> Iterator[Path]:
    folder = project.folder / SNIPPETS
    try:
        names = names_in(folder, project.folder)
    except OSError:
        return
    yield from (folder / name for name in names if name.endswith(".yaml"))


def _of_snippet(project: Project, file: Path) -> Sequence[Problem]:
    """Everything wrong with a snippet, whether or not an issue includes it."""
    folders, root = project.template_folders, project.folder
    types = block_types(folders[:-1], root)
    language = project.config.newsletter.language
    loaded = load_snippet(file, language, root=root, issues=project.issues, types=types)
    leaks = (secrets_of(project).check_source(node.source) for tree in loaded.files.values()
             for node in tree.mapping["blocks"].items[:1])  # fmt: skip
    words = (one for language in loaded.files for one in _words(loaded, language))
    comments = (one for tree in loaded.files.values() for one in check_comments(tree))
    return _quoted([*filter(None, leaks), *loaded.problems, *words, *comments], project)


def _same_slugs(project: Project, files: Iterable[Path]) -> Iterator[Problem]:
    """Two issues with one slug would be one issue in the ledger: each recipient would get only one of them."""
    seen: dict[str, Path] = {}
    for file in files:
        slug = slug_in(project, file)
        if slug in seen:
            message = f"this issue has the name of {shown(seen[slug], project.folder)}"
            yield Problem("same-slug", message, Place(shown(file, project.folder)), hint="Rename its folder.")
        seen.setdefault(slug, file)


def _quoted(problems: Iterable[Problem], project: Project) -> list[Problem]:
    """Problems with the line they are in, where they do not bring it themselves; none shows a secret."""
    sources: dict[str, Source | None] = {}

    def quoted(problem: Problem) -> Problem:
        place = problem.place
        if problem.quote or not place.line:
            return problem
        if place.file not in sources:
            sources[place.file] = quotable(place.file, project.folder)
        source = sources[place.file]
        return replace(problem, quote=source.quote(place)) if source else problem

    return secrets_of(project).mask(map(quoted, problems))
