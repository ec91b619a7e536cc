"""The series of a project: folders in series/, each with a series.yaml that puts the issues beside it in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from newsletter.app.project import Project
from newsletter.authoring.files import names_in
from newsletter.authoring.load import slug_of
from newsletter.authoring.series import FILE, FOLDER, load_series
from newsletter.errors import AuthoringError, NotFoundError
from newsletter.problem import Problem
from newsletter.source import near_miss


@dataclass(frozen=True, slots=True)
class SeriesStep:
    """One issue of a series."""

    issue: str
    """The slug by which the ledger knows it: welcome/hello."""
    file: Path
    wait: timedelta
    """From the confirmation to its moment: its own wait and those before it."""


@dataclass(frozen=True, slots=True)
class Series:
    """A sequence of issues with waits, which starts when somebody confirms a list."""

    name: str
    list: str
    steps: tuple[SeriesStep, ...]


def slug_in(project: Project, file: Path) -> str:
    """The name of an issue in the ledger. One in the folder of a series begins with the name of that; no other issue
    can have such a name."""
    home, slug = (project.folder / FOLDER).resolve(), slug_of(file)
    above = file.resolve().parents
    at = above.index(home) if home in above else 0
    return f"{above[at - 1].name}/{slug}" if at else slug


def read_series(project: Project) -> tuple[Mapping[str, Series], tuple[Problem, ...]]:
    """Name → series, as far as their files can be used; and what is wrong with these."""
    found: dict[str, Series] = {}
    problems: tuple[Problem, ...] = ()
    for folder in _folders(project):
        try:
            model, node, wrong = load_series(folder / FILE, root=project.folder)
        except FileNotFoundError:
            continue
        problems += wrong
        if model is None or node is None:
            continue
        wait, steps = timedelta(), list[SeriesStep]()
        for number, entry in enumerate(model.steps):
            file, wait = folder / f"{entry.issue}.yaml", wait + entry.wait
            steps.append(SeriesStep(slug_in(project, file), file, wait))
            written = node.mapping["steps"].items[number].mapping["issue"]
            if entry.issue in [one.issue for one in model.steps[:number]]:
                problems += (written.problem("same-slug", "this issue is a step already", hint="Copy its file."),)
            elif not file.is_file():
                hint = f"Write {FOLDER}/{folder.name}/{file.name}: it is an issue like any other."
                problems += (written.problem("missing-step", f"there is no {file.name} beside this file", hint=hint),)
        found[folder.name] = Series(folder.name, model.list, tuple(steps))
    return found, problems


def choose_series(project: Project, name: str) -> Series:
    """One series. Raises AuthoringError for files with mistakes, NotFoundError for a name that none has."""
    known, problems = read_series(project)
    if problems:
        raise AuthoringError(problems)
    if name not in known:
        there_are = (
            f"There are: {', '.join(known)}" if known else f"Put its issues into {FOLDER}/{name}/, with a {FILE}"
        )
        raise NotFoundError(f"There is no series {name!r}", hint=near_miss(name, known) or there_are)
    return known[name]


def _folders(project: Project) -> Iterator[Path]:
    home = project.folder / FOLDER
    try:
        names = names_in(home, project.folder)
    except OSError:  # most projects have none
        return
    yield from (home / name for name in names if (home / name).is_dir())
