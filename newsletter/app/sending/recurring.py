"""Recurring: at each time of a schedule the oldest issue that is dated by then and was never sent becomes a delivery.

Schedules come from the configuration and from issues that say `send: {at: "every …"}`. The scheduler calls this under
its lease; what came is recorded with its delivery in one transaction, so that each time counts once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from newsletter.app.issues.examine import find
from newsletter.app.project import Project
from newsletter.app.sending.propose import new_delivery, propose
from newsletter.authoring.issue import SendPlan
from newsletter.authoring.load import slug_of
from newsletter.authoring.plan import read_plan
from newsletter.authoring.short.defaults import FILE as DEFAULTS
from newsletter.delivery.sender.schedule import changed_clock, instant_of, is_missed
from newsletter.errors import AuthoringError, ConfigError, RequestError
from newsletter.recurrence import Recurrence, is_words, read_words
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Lease, NewDelivery
from newsletter.storage.scheduling.occurrences import Occurrence, Occurrences, Turn

NextTime: TypeAlias = Callable[[Recurrence, ZoneInfo, datetime], datetime | None]
"""The next local time of a recurrence that comes after an instant; None: never. `scheduler.next_time` is one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time that recurs, and to whom an issue is sent then."""

    recurrence: Recurrence
    zone: ZoneInfo
    lists: tuple[str, ...]
    since: date | None = None
    """Issues dated earlier are left alone."""
    plan: SendPlan | None = None
    """What its issues say; None for one of the configuration."""

    def __str__(self) -> str:
        return f"{self.recurrence} ({self.zone.key}) to {', '.join(self.lists)}"

    def lists_for(self, issue: "WaitingIssue") -> tuple[str, ...]:
        """The lists that an issue is sent to."""
        return issue.plan.lists or self.lists

    def takes(self, issue: "WaitingIssue", day: date) -> bool:
        """Whether this may send an issue on a day."""
        if self.plan is not None:
            return issue.plan == self.plan and issue.date <= day
        if issue.plan.at or not set(issue.plan.lists) <= set(self.lists):
            return False
        return (self.since or issue.date) <= issue.date <= day


@dataclass(frozen=True, slots=True)
class WaitingIssue:
    """An issue that was never sent."""

    date: date
    slug: str
    file: Path
    plan: SendPlan


@dataclass(frozen=True, slots=True)
class ComingTime:
    """The next time of a schedule, and the issue that would be sent then as things are now."""

    schedule: Schedule
    at: datetime
    """UTC."""
    issue: str
    """Its slug; empty when none would be waiting."""
    note: str
    """What a clock change does to it."""


def start_recurring(
    project: Project, database: Database, now: datetime, next_time: NextTime, lease: Lease | None = None
) -> list[Occurrence]:
    """Record the times of schedules that have come, with the deliveries that they make; `start_due` starts these.

    Later than `max_lateness` is missed. A schedule that was never seen before begins now. Returns what was recorded.
    """
    store = Occurrences(database)
    last, recorded = store.last(), []
    waiting = waiting_issues(project, store)
    for schedule in schedules_of(project, waiting):
        name = str(schedule)
        if name not in last:
            store.record(Occurrence(name, now, Turn.BEGUN), now, lease)
            continue
        for at, note in _come(project, schedule, last[name], now, next_time):
            if is_missed(at, now=now, max_lateness=project.config.sending.max_lateness):
                one, order = Occurrence(name, at, Turn.MISSED, note), None
            else:
                one, order = _turn(project, database, schedule, at, note, waiting, now)
            if store.record(one, now, lease, order):
                recorded.append(one)
                waiting = [issue for issue in waiting if order is None or issue.slug != order.issue]
    return recorded


def coming_times(project: Project, database: Database, now: datetime, next_time: NextTime) -> list[ComingTime]:
    """What each schedule sends next, the nearest first. Changes nothing."""
    store = Occurrences(database)
    waiting, last = waiting_issues(project, store), store.last()
    found = []
    for schedule in schedules_of(project, waiting):
        wall = next_time(schedule.recurrence, schedule.zone, max(now, last.get(str(schedule), now)))
        if wall is not None:
            issue = next_issue(schedule, waiting, wall.date())
            at, note = instant_of(wall, schedule.zone), changed_clock(wall, schedule.zone)
            found.append(ComingTime(schedule, at, issue.slug if issue else "", note))
            waiting = [one for one in waiting if one != issue]
    return sorted(found, key=lambda one: one.at)


def schedules_of(project: Project, waiting: Sequence[WaitingIssue]) -> list[Schedule]:
    """Those of the configuration, then those that waiting issues name, each once."""
    sections = project.config.schedules
    named = [Schedule(one.recurrence, _zone(project, one.timezone), one.list, one.since) for one in sections]
    plans = dict.fromkeys(issue.plan for issue in waiting if is_words(issue.plan.at))
    own = [Schedule(read_words(plan.at), _zone(project, plan.timezone), plan.lists, plan=plan) for plan in plans]
    return list({str(one): one for one in (*own, *named)}.values())


def next_issue(schedule: Schedule, waiting: Sequence[WaitingIssue], day: date) -> WaitingIssue | None:
    """The oldest that this schedule may send on a day; of the same date the first by name."""
    taken = (issue for issue in waiting if schedule.takes(issue, day))
    return min(taken, key=lambda issue: (issue.date, issue.slug), default=None)


def waiting_issues(project: Project, store: Occurrences) -> list[WaitingIssue]:
    """The issues of the project that no delivery was ever made of, as far as they can be read."""
    sent = store.sent_issues()
    defaults = _stamps(*sorted(project.issues.glob("defaults*.yaml")))
    found = []
    for file in find(project):
        if (slug := slug_of(file)) not in sent:
            stamps = *defaults, *_stamps(file, file.with_name(DEFAULTS))
            if plan := _plan(file, project.folder, stamps):
                found.append(WaitingIssue(plan[0], slug, file, plan[1]))
    return found


@lru_cache(maxsize=4096)
def _plan(file: Path, root: Path, _stamps: tuple[int, ...]) -> tuple[date, SendPlan] | None:
    return read_plan(file, root)


def _stamps(*files: Path) -> tuple[int, ...]:
    """What differs as soon as one of these files was written to or replaced."""
    return tuple(part for one in files for part in _stamp(one))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _zone(project: Project, name: str) -> ZoneInfo:
    return ZoneInfo(name) if name else project.zone


def _come(
    project: Project, schedule: Schedule, last: datetime, now: datetime, next_time: NextTime
) -> Iterator[tuple[datetime, str]]:
    """The times after the last one that have come. Of many that are missed only the last, and how many there are."""
    missed: list[datetime] = []
    while wall := next_time(schedule.recurrence, schedule.zone, last):
        last = instant_of(wall, schedule.zone)
        if last > now:
            break
        if is_missed(last, now=now, max_lateness=project.config.sending.max_lateness):
            missed.append(last)
            continue
        if missed:
            yield missed[-1], _missed(project, missed)
            missed = []
        yield last, changed_clock(wall, schedule.zone)
    if missed:
        yield missed[-1], _missed(project, missed)


def _missed(project: Project, times: Sequence[datetime]) -> str:
    first = f"{times[0].astimezone(project.zone):%Y-%m-%d %H:%M %Z}"
    more = f", nor at the {len(times) - 1} times after that" if len(times) > 1 else ""
    return f"no scheduler was running at {first}{more}"


def _turn(
    project: Project, database: Database, schedule: Schedule, at: datetime, note: str,
    waiting: Sequence[WaitingIssue], now: datetime,
) -> tuple[Occurrence, NewDelivery | None]:  # fmt: skip
    """What one time makes: a delivery, or the reason why not."""
    day = at.astimezone(schedule.zone).date()
    issue = next_issue(schedule, waiting, day)
    if issue is None:
        return Occurrence(str(schedule), at, Turn.NOTHING, f"no issue dated {day} or earlier was waiting"), None
    try:
        proposal = propose(project, database, issue.file, schedule.lists_for(issue), now=now)
    except (AuthoringError, RequestError, ConfigError) as error:
        return Occurrence(str(schedule), at, Turn.REFUSED, f"{issue.slug} cannot be sent: {error}"), None
    order = replace(new_delivery(proposal), scheduled_at=at.astimezone(UTC))
    return Occurrence(str(schedule), at, Turn.DELIVERY, note, order.id), order
