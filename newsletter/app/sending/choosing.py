"""Choosing: to whom a delivery goes and when it starts, from what was said and what the issue says. Before: sending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from newsletter.app.project import Project
from newsletter.authoring.issue import SendPlan
from newsletter.delivery.sender.schedule import TO_COME, check_start, read_when, read_zone
from newsletter.errors import WrongUsageError

OR_NOW = f"Leave --at out to send now. {TO_COME} to wait for it"
"""What to do about a start that is over, where there need not be any."""


def choose_lists(plan: SendPlan, said: Sequence[str]) -> tuple[str, ...]:
    """To whom: the lists that were said, else those of the issue. Raises WrongUsageError when there are neither."""
    chosen = tuple(said) or plan.lists
    if not chosen:
        raise WrongUsageError("To whom?", hint="Say --list LIST, or let the issue say it: send: {list: weekly}")
    return chosen


def choose_start(
    project: Project, plan: SendPlan, at: str | None, timezone: str | None, *, now: datetime
) -> datetime | None:
    """When: the time that was said, which may be "issue" for the issue's own; None, which is now, when none was.

    Raises WrongUsageError for a time that cannot be read, lies in the past, or that the issue does not name.
    """
    if at is None:
        return None
    if not means_the_issue(at):
        return read_start(project, at, timezone, now=now, hint=OR_NOW)
    if not plan.at:
        raise WrongUsageError(
            "The issue names no time of its own", hint="Say --at and a time, or write it there: send: {at: …}"
        )
    return read_start(project, plan.at, timezone or plan.timezone or None, now=now, hint=OR_NOW)


def own_time(project: Project, plan: SendPlan, *, now: datetime) -> str:
    """When the issue itself wants to be sent, in its time zone; empty unless that is still to come."""
    if not plan.at:
        return ""
    zone = read_zone(plan.timezone or project.config.newsletter.timezone)
    return f"{plan.at} {zone.key}" if read_when(plan.at, zone) > now else ""


def means_the_issue(at: str) -> bool:
    """Whether `at` means the time that stands in the issue."""
    return at.strip().lower() == "issue"


def read_start(project: Project, at: str, timezone: str | None, *, now: datetime, hint: str = TO_COME) -> datetime:
    """The instant (UTC) that is meant. Raises WrongUsageError when it cannot be read, and with `hint` when it lies in
    the past."""
    zone = read_zone(timezone or project.config.newsletter.timezone)
    when = read_when(at, zone)
    check_start(when.astimezone(zone), now=now, max_lateness=project.config.sending.max_lateness, hint=hint)
    return when
