"""What commands share: the project and database they work on, and common options."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.show import the_project

if TYPE_CHECKING:
    from newsletter.app.project import Project

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")


def with_project(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command its project as the first argument."""

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> int | None:
        return function(the_project(click.get_current_context()), *arguments, **options)

    return run


def with_database(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command its project and the open database as the first arguments."""

    @with_project
    @wraps(function)
    def run(project: Project, /, **options: Any) -> int | None:
        from newsletter.app.operating.database import connect  # not needed to answer --help

        with closing(connect(project)) as database:
            return function(project, database, **options)

    return run
