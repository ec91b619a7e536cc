"""Showing things in a terminal: errors, problems, tables, JSON. Every command prints through here."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.columns import columns
from newsletter.errors import AuthoringError, ConfigError, NewsletterError
from newsletter.problem import Problem, Severity

if TYPE_CHECKING:
    from newsletter.app.project import Project

_PAGE = 1000
"""Rows of a table that are laid out together."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class IssuePath(click.Path):
    """A path to an issue, or its slug: in the folder of `-C` if it exists there, else in the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path inside the folder of `-C` if it exists, else the path as given."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        there = Path((ctx and ctx.find_root().obj) or "", path)
        return there if os.path.exists(there) else path  # noqa: PTH110  Path.exists raises for too long a name


def the_project(ctx: click.Context, *, even_without: bool = False) -> Project:
    """The project of this command: the folder of `-C`, or the nearest one from the current folder upwards, that has a
    newsletter.toml. The folder of `-C` needs none when the environment configures it, or with `even_without`.

    Anything else is wrong usage: a database and keys must not be made in just any folder, and `-C` never means the
    project around the folder it names.
    """
    from newsletter.app.project import find_folder, open_project  # not needed to answer --help
    from newsletter.config import is_configured_by

    named: Path | None = ctx.find_root().obj
    nearest = find_folder(named or Path.cwd())
    if nearest and (named is None or nearest == named.resolve()):
        return open_project(nearest, os.environ)
    if named and (even_without or (nearest is None and is_configured_by(os.environ))):
        return open_project(named.resolve(), os.environ)
    where = f"in {named}; it lies in the project {nearest}" if nearest else f"in {named}" if named else "here or above"
    raise click.UsageError(
        f"There is no newsletter.toml {where}. "
        "Start a project with newsletter init DIR, or name one with newsletter -C DIR"
    )


def print_result(facts: object, text: str, *, as_json: bool) -> None:
    """What a command did: JSON for a program, else a text."""
    if as_json:
        print_json(facts)
    else:
        click.echo(text)


def print_json(value: object) -> None:
    """One JSON value on one line, flushed, so that a reading program receives it at once."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Left-aligned columns, two spaces apart: readable, greppable, wide characters counted as two.

    A long table is shown page by page as its rows come, so a column may be wider from some page on.
    """
    remaining = ([visible(str(cell)) for cell in row] for row in rows)
    page, bold = [list(headings), *islice(remaining, _PAGE)], True
    widths = [0] * len(headings)
    while page:
        widths = [max(width, *(columns(row[i]) for row in page)) for i, width in enumerate(widths)]
        for row in page:
            line = "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
            click.echo(click.style(line.rstrip(), bold=True) if bold else line.rstrip())
            bold = False
        page = list(islice(remaining, _PAGE))


def print_facts(facts: Mapping[str, object]) -> None:
    """Name and value, one a line."""
    width = max((columns(name) for name in facts), default=0)
    for name, value in facts.items():
        click.echo(f"{visible(name)}{' ' * (width - columns(name))}  {visible(str(value))}")


def visible(text: str) -> str:
    """A text with file names made safe to show: characters that control a terminal, end a line or reverse it are
    escaped."""
    return _UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


def local_time(project: Project, when: datetime) -> str:
    """An instant in the newsletter's time zone, to the second."""
    return f"{when.astimezone(project.zone):%Y-%m-%d %H:%M:%S %Z}"


def from_here(text: object) -> str:
    """A path, or a text with paths in it; paths below the current folder become relative to it."""
    here = Path.cwd()
    at_the_top = here == here.parent
    return str(text) if at_the_top else re.sub(rf"(?<![\w./-]){re.escape(str(here))}/", "", str(text))


def print_problems(problems: Iterable[Problem], *, err: bool = False) -> None:
    """Each problem with its place, its source line and its hint."""
    for problem in problems:
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        label = click.style(f"{problem.severity.value}:", fg=colour, bold=True)
        where = f"{problem.path}: " if problem.path else ""
        click.echo(f"{visible(str(problem.place))}: {label} {visible(where + problem.message)}", err=err)
        if problem.quote:
            line, before = _in_one_row(problem.quote, max(problem.place.column - 1, 0))
            click.echo(f"    {line}", err=err)
            if problem.place.column:
                click.echo(f"    {' ' * columns(before)}{click.style('^', fg=colour)}", err=err)
        if problem.hint:
            click.echo(f"    {visible(problem.hint)}", err=err)


def _in_one_row(line: str, at: int) -> tuple[str, str]:
    """The part of a line around a character that fits into one row of the terminal, and what of it stands before.

    A paragraph is often one long line; wrapped, the mark below it would be under another character.
    """
    width = max(shutil.get_terminal_size((100, 0)).columns - 4, 20)
    if columns(line) <= width:
        return line, line[:at]
    start = next(n for n in range(at + 1) if columns(line[n:at]) <= width * 2 // 3)
    dots = "…" if start else ""
    stop = len(line)
    if columns(dots + line[start:]) > width:
        stop = next(n for n in range(start, stop) if columns(dots + line[start : n + 1]) >= width)
    return dots + line[start:stop] + ("…" if stop < len(line) else ""), dots + line[start:at]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before an action that cannot be undone. Without a terminal and without `--yes` the action is refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: add --yes")
    if not click.confirm(question, err=True):
        raise click.exceptions.Exit(3)  # stopped before the end


def show_error(error: NewsletterError) -> None:
    """An error with its problems and hint, on standard error."""
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {from_here(error)}", err=True)
    if isinstance(error, AuthoringError):
        print_problems(error.problems, err=True)
    if isinstance(error, ConfigError):
        for line in error.problems:
            click.echo(f"  {from_here(line)}", err=True)
    if error.hint:
        click.echo(f"  {from_here(error.hint)}", err=True)
