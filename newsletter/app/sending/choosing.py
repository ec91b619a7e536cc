"""Choosing: the lists and the start of a delivery, from the request and the issue. Used by `propose` and `steer`."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from newsletter.app.project import Project
from newsletter.authoring.issue import SendPlan
from newsletter.compiler.edition import Edition
from newsletter.delivery.sender.schedule import TO_COME, changed_clock, check_start, read_when, read_zone
from newsletter.errors import WrongUsageError
from newsletter.recurrence import is_words

_OR_NOW = f"Leave --at out to send now. {TO_COME} to wait for it"


def choose_lists(plan: SendPlan, named: Sequence[str]) -> tuple[str, ...]:
    """The named lists, each once, else those of the issue. Raises WrongUsageError without either, and for an issue that
    says that it was sent already."""
    if plan.sent:
        raise WrongUsageError(
            f"The issue says that it was sent on {plan.sent} (`sent`), so it is not sent again, not even with --again",
            hint="To archive it: newsletter archive PATH. To send it all the same, delete `sent` from its file",
        )
    chosen = tuple(dict.fromkeys(named or plan.lists))
    if not chosen:
        raise WrongUsageError("To whom?", hint="Name a list: --list LIST, or in the issue: send: {list: weekly}")
    return chosen


def choose_start(
    project: Project, plan: SendPlan, at: str | None, timezone: str | None, *, now: datetime
) -> datetime | None:
    """The start (UTC): the given time, which may be "issue" for the issue's own; None (at once) without one.

    Raises WrongUsageError for a time that cannot be read, is in the past, or is missing in the issue.
    """
    if at is None:
        return None
    if not means_the_issue(at):
        return read_start(project, at, timezone, now=now, hint=_OR_NOW)
    if not plan.at:
        raise WrongUsageError(
            "The issue names no time of its own", hint="Give a time with --at, or in the issue: send: {at: …}"
        )
    if is_words(plan.at):
        raise WrongUsageError(
            f"The issue takes its turn {plan.at}",
            hint='"newsletter serve" sends it then; "newsletter deliveries list" shows what comes next',
        )
    return read_start(project, plan.at, timezone or plan.timezone or None, now=now, hint=_OR_NOW)


def clock_note(project: Project, plan: SendPlan, at: str | None, timezone: str | None) -> str:
    """What a clock change does to the chosen start, in a sentence; empty for most."""
    text = plan.at if at is not None and means_the_issue(at) else at
    if not text:
        return ""
    own = plan.timezone if text is plan.at else None
    return changed_clock(text, read_zone(timezone or own or project.config.newsletter.timezone))


def own_time(project: Project, plan: SendPlan, *, now: datetime) -> str:
    """The issue's own time, in its time zone; empty unless it is still to come."""
    if not plan.at:
        return ""
    zone = read_zone(plan.timezone or project.config.newsletter.timezone)
    if is_words(plan.at):
        return f"{plan.at} {zone.key}"
    return f"{plan.at} {zone.key}" if read_when(plan.at, zone) > now else ""


def means_the_issue(at: str) -> bool:
    """Whether `at` means the time that the issue names."""
    return at.strip().lower() == "issue"


def read_start(project: Project, at: str, timezone: str | None, *, now: datetime, hint: str = TO_COME) -> datetime:
    """The instant (UTC). Raises WrongUsageError when it cannot be read, and with `hint` when it is in the past."""
    zone = read_zone(timezone or project.config.newsletter.timezone)
    when = read_when(at, zone)
    check_start(when.astimezone(zone), now=now, hint=hint)
    return when


def last_day(editions: Iterable[Edition]) -> date | None:
    """The last day on which these may be sent; None when any day will do."""
    return min((edition.until for edition in editions if edition.until), default=None)


def check_last_day(editions: Iterable[Edition], at: datetime) -> None:
    """Refuse a start after the last day of a sponsor; `at` is in the newsletter's time zone. Raises WrongUsageError."""
    if (until := last_day(editions)) and until < at.date():
        raise WrongUsageError(
            f"{at:%Y-%m-%d %H:%M %Z} is after {until}, the last day of a sponsor in this issue",
            hint="Choose an earlier time, or change the sponsor's `until` and send the issue anew",
        )
