"""Start times on the command line: what `--at` and `--timezone` mean, and how an instant is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.delivery.schedule import check_start, read_when, read_zone
from newsletter.errors import RequestError

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.authoring.issue import SendPlan


def choose_lists(plan: SendPlan, lists: Sequence[str]) -> tuple[str, ...]:
    """To whom: what the command says, else what the issue says; wrong usage when neither does."""
    chosen = tuple(lists) or plan.lists
    if not chosen:
        raise click.UsageError("To whom? Say --list LIST, or let the issue say it: send: {list: weekly}")
    return chosen


def choose_start(project: Project, plan: SendPlan, at: str | None, timezone: str | None) -> datetime | None:
    """When: what the command says, which may be the issue's own time; without a word, now (None)."""
    if at is None:
        return None
    if not means_the_issue(at):
        return read_start(project, at, timezone)
    if not plan.at:
        raise click.UsageError("The issue names no time of its own (send: {at: …}); say --at and a time")
    return read_start(project, plan.at, timezone or plan.timezone or None)


def means_the_issue(at: str) -> bool:
    """Whether `--at` means the time that stands in the issue."""
    return at.strip().lower() == "issue"


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
