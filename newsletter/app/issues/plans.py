"""Plans: what the `send:` of an issue says and cannot happen: a list that does not exist, a time that has passed.

Looks into the database where there is one; makes none, and is silent where it cannot be read.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.app.project import Project
from newsletter.app.project_segments import choose_segment
from newsletter.authoring.issue import Issue
from newsletter.delivery.sender.schedule import TO_COME, read_when
from newsletter.errors import AuthoringError, NewsletterError, WrongUsageError
from newsletter.problem import Place, Problem, Severity
from newsletter.recurrence import is_words
from newsletter.source import near_miss
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.ledger.deliveries import Deliveries

_PATIENCE = 2.0
"""Seconds: a check is not worth waiting for a server that does not answer."""


def check_plans(project: Project, issues: Sequence[Issue], now: datetime) -> list[Problem]:
    """What is wrong with the plans of these issues. Without a database no list is known, and nothing that was sent."""
    planned = [issue for issue in issues if issue.send.lists or issue.send.at]
    if not planned:
        return []
    segments = [problem for issue in planned for problem in _check_segment(project, issue)]
    try:
        database = open_database(project.database_url, create=False, patience=_PATIENCE)
        with closing(database):
            with database.read() as connection:
                known = [one.slug for one in ListStore(database, connection).all()]
            checked = (problem for issue in planned for problem in _check(project, issue, now, known, database))
            return [*segments, *checked]
    except NewsletterError:
        return [*segments, *(problem for issue in planned for problem in _check_time(project, issue, now, None))]


def _check_segment(project: Project, issue: Issue) -> Iterator[Problem]:
    """A segment that does not exist, or an expression that does not parse: the issue could not be sent."""
    try:
        choose_segment(project, issue.send.segment)
    except AuthoringError:
        return  # of the file of segments, which is checked by itself
    except WrongUsageError as error:
        problem = _problem(issue, "bad-segment", str(error), "segment", error.hint)
        yield replace(problem, severity=Severity.ERROR)


def _check(
    project: Project, issue: Issue, now: datetime, known: Sequence[str], database: Database
) -> Iterator[Problem]:
    for number, name in enumerate(issue.send.lists):
        if name not in known:
            hint = near_miss(name, known) or f"There are: {', '.join(known)}." if known else ""
            message = f"there is no list {name!r}"
            yield _problem(issue, "missing-list", message, f"list[{number}]", hint or f"newsletter lists add {name}")
    yield from _check_time(project, issue, now, database)


def _check_time(project: Project, issue: Issue, now: datetime, database: Database | None) -> Iterator[Problem]:
    """A time in the past of an issue that was not sent. Where that is not known, one dated back then counts as sent."""
    if not issue.send.at or is_words(issue.send.at):
        return
    zone = ZoneInfo(issue.send.timezone) if issue.send.timezone else project.zone
    at = read_when(issue.send.at, zone)
    if at >= now:
        return
    day, date = at.astimezone(zone).date(), issue.original.date
    was_sent = bool(Deliveries(database).all(issue=issue.slug)) if database else date < now.date() and day >= date
    if not was_sent:
        yield _problem(issue, "past-time", f"{issue.send.at} is in the past", "at", f"{TO_COME}.")


def _problem(issue: Issue, rule: str, message: str, key: str, hint: str) -> Problem:
    path = f"send.{key}"
    place: Place = issue.original.place(path)
    return Problem(rule, message, place, Severity.WARNING, path, hint)
