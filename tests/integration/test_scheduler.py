"""The scheduler: one leads, each delivery starts once, and one that was asleep too long starts nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, make_order

from newsletter.app.project import Project
from newsletter.app.sending.steer import start_due
from newsletter.config import Config
from newsletter.delivery.delivery import DeliveryState
from newsletter.errors import DatabaseBusyError
from newsletter.scheduler import Scheduler, project_scheduler
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER, take_lease
from newsletter.storage.database.tables import leases
from newsletter.storage.ledger.deliveries import Deliveries, Lease


class Diary:
    """Work that only notes when it was done and under which token."""

    def __init__(self, failures: int = 0) -> None:
        self.entries: list[tuple[datetime, int]] = []
        self.done = threading.Event()
        self._failures = failures

    def __call__(self, now: datetime, lease: Lease) -> None:
        self.entries.append((now, lease.token))
        self.done.set()
        if len(self.entries) <= self._failures:
            raise DatabaseBusyError("locked")


def scheduler(database: Database, work: Diary) -> Scheduler:
    return Scheduler(database, work, clock=lambda: NOW, every=0.05)


def end_lease(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(leases).values(lease_until=database.lease_now(connection) - 1))


def test_only_the_leader_works(database: Database) -> None:
    leading, following = Diary(), Diary()
    first, second = scheduler(database, leading), scheduler(database, following)
    for _ in range(3):
        first.look()
        second.look()
    assert leading.entries == [(NOW, 1)] * 3
    assert following.entries == []


def test_follower_takes_over_when_the_leader_is_silent(database: Database) -> None:
    before, after = Diary(), Diary()
    first, second = scheduler(database, before), scheduler(database, after)
    first.look()
    end_lease(database)
    second.look()
    first.look()
    assert before.entries == [(NOW, 1)]
    assert after.entries == [(NOW, 2)]


def test_leader_that_stops_lets_another_lead_at_once(database: Database) -> None:
    before, after = Diary(), Diary()
    first, second = scheduler(database, before), scheduler(database, after)
    first.look()
    first.stop()
    second.look()
    assert after.entries == [(NOW, 2)]


def test_busy_database_is_asked_again(database: Database) -> None:
    diary = Diary(failures=1)
    running = scheduler(database, diary)
    running.look()
    running.look()
    assert len(diary.entries) == 2


def test_running_scheduler_looks_by_itself_and_stops(database: Database) -> None:
    diary = Diary()
    running = scheduler(database, diary)
    running.start()
    diary.done.wait()
    running.stop()
    number = len(diary.entries)
    assert number >= 1
    assert take_lease(database, SCHEDULER, "another", 60) is not None


def test_look_that_takes_long_is_nothing_to_warn_of(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    tried = threading.Event()

    class Slow(Diary):
        def __call__(self, now: datetime, lease: Lease) -> None:
            super().__call__(now, lease)
            tried.wait(1.0)  # twenty looks are due meanwhile

    running = scheduler(database, Slow())
    running.start()
    tried.wait(0.3)
    tried.set()
    running.stop()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(folder=tmp_path, config=Config())


def schedule(database: Database, name: str, at: datetime) -> None:
    Deliveries(database).create(make_order(name, issue=name, scheduled_at=at), NOW - timedelta(days=1))


def test_deliveries_are_found_by_state_and_issue_with_their_lists_and_languages(database: Database) -> None:
    for slug in ("weekly", "daily"):
        add_list(database, slug)
    store = Deliveries(database)
    for name, lists in (("one", ("weekly", "daily")), ("two", ("daily",))):
        store.create(
            make_order(name, issue=f"issue-{name}", lists=lists, languages=("zh", "de", "en"), scheduled_at=NOW), NOW
        )
    assert {one.id: one.lists for one in store.all()} == {"one": ("weekly", "daily"), "two": ("daily",)}
    assert [one.id for one in store.all(DeliveryState.SCHEDULED, issue="issue-two")] == ["two"]
    assert store.all(DeliveryState.FINISHED, issue="issue-two") == []
    assert store.all()[0] == store.get(store.all()[0].id)
    assert store.get("one").languages == ("zh", "de", "en")


def test_deliveries_start_when_their_time_has_come(database: Database, project: Project) -> None:
    add_list(database)
    schedule(database, "due", NOW - timedelta(seconds=1))
    schedule(database, "later", NOW + timedelta(seconds=1))
    schedule(database, "long-ago", NOW - timedelta(hours=7))
    project_scheduler(project, database, project.journal(database), clock=lambda: NOW).look()
    store = Deliveries(database)
    assert {delivery.id: delivery.state for delivery in store.all()} == {
        "due": DeliveryState.PREPARING,
        "later": DeliveryState.SCHEDULED,
        "long-ago": DeliveryState.MISSED,
    }
    project_scheduler(project, database, project.journal(database), clock=lambda: NOW + timedelta(minutes=1)).look()
    assert store.get("later").state is DeliveryState.SCHEDULED  # the first one still leads


def test_stale_leader_starts_nothing(database: Database, project: Project) -> None:
    add_list(database)
    schedule(database, "due", NOW)
    stale = take_lease(database, SCHEDULER, "asleep", 60)
    end_lease(database)
    fresh = take_lease(database, SCHEDULER, "awake", 60)
    assert stale is not None
    assert fresh is not None
    assert start_due(project, database, NOW, lease=Lease(SCHEDULER, stale)) == []
    assert Deliveries(database).get("due").state is DeliveryState.SCHEDULED
    assert [found.id for found in start_due(project, database, NOW, lease=Lease(SCHEDULER, fresh))] == ["due"]


_PROCESS = """
    import sys, time
    from datetime import UTC, datetime
    from pathlib import Path
    import newsletter.scheduler as scheduling
    from newsletter.app.project import Project
    from newsletter.config import Config
    from newsletter.storage.database.database import open_database

    database = open_database(sys.argv[1])
    original = scheduling.start_due

    def start_due(*arguments, **named):
        changed = original(*arguments, **named)
        for delivery in changed:
            print(delivery.id, flush=True)
        return changed

    scheduling.start_due = start_due
    project = Project(Path.cwd(), Config())
    running = scheduling.project_scheduler(
        project, database, project.journal(database), clock=lambda: datetime.fromisoformat(sys.argv[2])
    )
    running._every, running._lease = 0.02, 0.1  # both look all the time, and none waits long for the other
    running.start()
    sys.stdin.read()
    running.stop()
"""


def test_two_processes_start_each_delivery_once(database: Database, database_url: str) -> None:
    add_list(database)
    names = [f"delivery-{number:02}" for number in range(30)]
    command = [sys.executable, "-c", textwrap.dedent(_PROCESS), database_url, NOW.isoformat()]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for name in names:
        schedule(database, name, NOW)
    store = Deliveries(database)
    while store.all(DeliveryState.SCHEDULED):
        threading.Event().wait(0.05)
    started = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert sorted(started) == names
    assert [process.returncode for process in processes] == [0, 0]
