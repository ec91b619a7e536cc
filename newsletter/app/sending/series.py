"""Series: `propose_series` checks and compiles the issues of one, an operator decides, `start_series` lets it run.

The scheduler calls `take_on_due` at every look: each step's delivery takes on the subscribers whose moment has come,
and is sent like any other.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.app.issues.examine import examine
from newsletter.app.project import Project
from newsletter.app.project_series import Series, SeriesStep, choose_series, read_series
from newsletter.app.sending.choosing import check_last_day
from newsletter.app.sending.propose import CheckedIssue, checked_issue, hash_of
from newsletter.app.sending.relay import check_relay
from newsletter.app.sending.steer import why_not_now
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.errors import AuthoringError, NotFoundError
from newsletter.problem import Problem
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.deliveries import Deliveries, Lease, NewDelivery
from newsletter.storage.scheduling.series import NewStep, RunningStep, SeriesStore, Waiting
from newsletter.tokens import base32


@dataclass(frozen=True, slots=True)
class ProposedSeries:
    """A series before it starts: what to show and ask."""

    series: Series
    checked: tuple[CheckedIssue, ...]
    """In the order of its steps."""
    running: Mapping[str, RunningStep]
    """Issue → the step that runs now."""
    forced: bool

    def change_of(self, number: int) -> str:
        """What starting does to a step: new, changed, or nothing."""
        step, known = self.series.steps[number], self.running.get(self.series.steps[number].issue)
        if known is None or known.list != self.series.list:
            return "new"
        is_same = known.hash == hash_of(self.checked[number].editions) and known.wait == step.wait
        return "" if is_same and known.state is not DeliveryState.CANCELLED else "changed"


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step as it is now."""

    step: SeriesStep | None
    """As the files have it; None for one that runs and was removed from them."""
    running: RunningStep | None
    waiting: Waiting
    sent: Mapping[RecipientState, int]
    is_changed: bool
    """Whether the files say something else than what runs."""

    @property
    def issue(self) -> str:
        """The slug by which the ledger knows it."""
        one = self.step or self.running
        return one.issue if one else ""


def propose_series(
    project: Project, database: Database, name: str, *, now: datetime, force: bool = False
) -> ProposedSeries:
    """Check and compile every issue of a series as `send` does. Stores nothing.

    Raises AuthoringError with all that keeps it from starting, NotFoundError for an unknown series or list, ConfigError
    for relay settings that cannot work, WrongUsageError for a sponsor whose last day has passed.
    """
    series = choose_series(project, name)
    with database.read() as connection:
        ListStore(database, connection).named(series.list)
    check_relay(project)
    checked, problems, hint = list[CheckedIssue](), list[Problem](), ""
    for step in series.steps:
        try:
            checked.append(checked_issue(project, step.file, now=now, force=force))
        except AuthoringError as error:
            problems, hint = [*problems, *error.problems], error.hint
    if problems:
        raise AuthoringError(list(dict.fromkeys(problems)), hint=hint)
    for one in checked:
        check_last_day(one.editions, now.astimezone(project.zone))
    running = {one.issue: one for one in SeriesStore(database).running(name)}
    return ProposedSeries(series, tuple(checked), running, force and project.has_real_relay)


def start_series(database: Database, proposed: ProposedSeries, *, now: datetime) -> None:
    """Let a series run as it was proposed. A step reaches only subscribers whose moment comes from now on."""
    series = proposed.series
    pairs = zip(series.steps, proposed.checked, strict=True)
    steps = [NewStep(step.wait, _order(series, one, forced=proposed.forced)) for step, one in pairs]
    SeriesStore(database).start(series.name, steps, now)


def _order(series: Series, checked: CheckedIssue, *, forced: bool) -> NewDelivery:
    id_, hash_ = base32(secrets.token_bytes(10))[:12], hash_of(checked.editions)
    return NewDelivery(id_, checked.issue, hash_, (series.list,), checked.editions, forced=forced)


def stop_series(database: Database, name: str) -> None:
    """Stop a series. Subscribers whom a step has taken on still get its message. Raises NotFoundError."""
    SeriesStore(database).stop(name)


def take_on_due(
    project: Project, database: Database, journal: Journal, now: datetime, lease: Lease | None = None
) -> list[tuple[RunningStep, int, str]]:
    """Let every step take on the subscribers whose moment has come; the steps that did, or could not, and why.

    Raises StorageError, also for a database that is an older copy.
    """
    store, ledger, found = SeriesStore(database), Deliveries(database), list[tuple[RunningStep, int, str]]()
    for step in store.running():
        if not store.is_due(step, now):
            continue
        journal.require_current(step.delivery)
        if reason := why_not_now(project, ledger, ledger.get(step.delivery), now):
            found.append((step, 0, reason))
        elif count := store.take_on(step, now, lease):
            found.append((step, count, ""))
    return found


def stopped_steps(project: Project, database: Database, now: datetime) -> Iterator[tuple[RunningStep, str]]:
    """The steps that cannot take on those whose moment has come, and why; not those that an operator stopped."""
    store, ledger = SeriesStore(database), Deliveries(database)
    for step in store.running():
        is_asked = not step.state.waits_for_a_person and store.is_due(step, now)
        if is_asked and (reason := why_not_now(project, ledger, ledger.get(step.delivery), now)):
            yield step, reason


def list_series(project: Project, database: Database) -> list[tuple[str, Series | None, Sequence[RunningStep]]]:
    """Every series of the files, and those that run without: name, files, and the steps that run.

    Raises AuthoringError.
    """
    known, problems = read_series(project)
    if problems:
        raise AuthoringError(problems)
    running: dict[str, list[RunningStep]] = {name: [] for name in known}
    for one in SeriesStore(database).running():
        running.setdefault(one.series, []).append(one)
    return [(name, known.get(name), steps) for name, steps in running.items()]


def show_series(project: Project, database: Database, name: str, now: datetime) -> list[StepReport]:
    """The steps of a series, with who waits and what was sent. Raises NotFoundError, AuthoringError."""
    store = SeriesStore(database)
    running = {one.issue: one for one in store.running(name)}
    try:
        series: Series | None = choose_series(project, name)
    except NotFoundError:
        if not running:
            raise
        series = None
    files = {one.issue: one for one in series.steps} if series else {}
    found = []
    for issue in dict.fromkeys([*files, *running]):
        step, runs = files.get(issue), running.get(issue)
        waiting = store.waiting(runs, now) if runs else Waiting(0, None)
        is_changed = runs is not None and _is_changed(project, series, step, runs)
        found.append(StepReport(step, runs, waiting, store.sent(issue), is_changed))
    return found


def _is_changed(project: Project, series: Series | None, step: SeriesStep | None, runs: RunningStep) -> bool:
    if series is None or step is None or (series.list, step.wait) != (runs.list, runs.wait):
        return True
    return hash_of(tuple(examine(project, step.file).editions.values())) != runs.hash
