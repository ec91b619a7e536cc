"""Start times on the command line: what `--at` and `--timezone` mean, and how an instant is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.delivery.schedule import check_start, read_when, read_zone
from newsletter.errors import RequestError

if TYPE_CHECKING:
    from newsletter.app.project import Project


def read_start(project: Project, at: str, timezone: str | None) -> datetime:
    """The instant (UTC) that is meant; wrong usage when it cannot be read or lies in the past."""
    try:
        when = read_when(at, read_zone(timezone or project.config.newsletter.timezone))
        check_start(when, now=datetime.now(UTC), max_lateness=project.config.sending.max_lateness)
    except RequestError as error:
        raise click.UsageError(f"{error}. {error.hint}") from error
    return when


def local_time(project: Project, when: datetime) -> str:
    """An instant as the newsletter's people read it."""
    return f"{when.astimezone(read_zone(project.config.newsletter.timezone)):%Y-%m-%d %H:%M %Z}"
