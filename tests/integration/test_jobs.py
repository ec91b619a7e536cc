"""Jobs on PostgreSQL: rows ask for them, workers share them, and a job that is lost, late or doubled harms nobody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresqlServer
from factories import add_list, add_people, make_order, start_delivery
from recording_server import RecordingServer, recording_server

from newsletter import jobs as queue
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending import background
from newsletter.app.sending import worker as working
from newsletter.app.sending.background import Job, Kind, undone
from newsletter.app.sending.report import is_attended, verify
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.sender.throttle import RELAY, Pause
from newsletter.jobs import QueuedJobs, install
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.pace import StoredPace

NOW = datetime.now(UTC).replace(microsecond=0)
SHARE = Job(Kind.SHARE, "delivery1")


@pytest.fixture
def url(postgresql_server: PostgresqlServer, tmp_path: Path) -> Iterator[str]:
    made = postgresql_server.filled(tmp_path)
    yield made
    postgresql_server.drop(made)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as opened:
        yield opened


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay") as server:
        yield server


def make_project(folder: Path, url: str, port: int = 1) -> Project:
    start_project(folder)
    settings = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__TLS": "none", "SENDING__LEASE": "3"}
    made = open_project(
        folder, {f"NEWSLETTER_{key}": value for key, value in settings.items()} | {"NEWSLETTER_DATABASE__URL": url}
    )
    with closing(open_database(url)) as database:
        assert install(made, database)
        assert not install(made, database)  # the second one finds them
    return made


def fill(database: Database, count: int) -> list[str]:
    addresses = [f"reader{number:03}@example.org" for number in range(count)]
    add_people(database, addresses, add_list(database))
    return addresses


async def drive(project: Project, database: Database, *, workers: int, until: DeliveryState) -> list[Counter[Job]]:
    """Run workers in this process until a delivery is in a state; what the one in charge of the queue asked for."""
    stop = asyncio.Event()
    told: list[str] = []
    asked: list[Counter[Job]] = []

    class Heard(QueuedJobs):
        def ensure(self, wanted: Counter[Job]) -> int:
            asked.append(wanted)
            return super().ensure(wanted)

    async def wait() -> None:
        ends = time.monotonic() + 60
        while Deliveries(database).all()[0].state is not until:
            assert time.monotonic() < ends, (Deliveries(database).all(), told, asked[-3:])
            await asyncio.sleep(0.2)
        stop.set()

    with closing(project.journal(database)) as journal:
        around = working._surroundings(project, database, journal, stop, told.append)
        each = [queue._fetch(project, name, around) for name in queue._QUEUES.values()]
        more = [queue._fetch(project, name, around) for _ in range(workers - 1) for name in queue._QUEUES.values()]
        present = working._be_present(project, database, stop, told.append)
        keepers = [queue.keep_queued(Heard(project), around) for _ in range(workers)]
        await asyncio.gather(wait(), present, *keepers, *each, *more)
    return asked


def test_two_workers_freeze_and_send_a_delivery_and_each_recipient_once(
    tmp_path: Path, url: str, database: Database, relay: RecordingServer
) -> None:
    project = make_project(tmp_path / "project", url, relay.port)
    addresses = fill(database, 60)
    Deliveries(database).create(make_order(), NOW)
    asked = asyncio.run(drive(project, database, workers=2, until=DeliveryState.FINISHED))
    assert asked[0] == Counter({Job(Kind.FREEZE, "delivery1"): 1})
    assert sorted(record["rcpt"] for record in relay.records()) == addresses
    assert {one.state for one in Deliveries(database).recipients("delivery1")} == {RecipientState.ACCEPTED}
    assert verify(database, "delivery1") == ()
    assert not is_attended(database)


def test_share_that_ends_is_queued_again(
    tmp_path: Path, url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SHARE_ENDS", 0.3)
    with recording_server(tmp_path / "relay", latency=0.1) as relay:
        project = make_project(tmp_path / "project", url, relay.port)
        addresses = fill(database, 30)
        start_delivery(database, now=NOW)
        asyncio.run(drive(project, database, workers=1, until=DeliveryState.FINISHED))
        assert sorted(record["rcpt"] for record in relay.records()) == addresses
    with database.read() as connection:
        workers = connection.exec_driver_sql("SELECT count(DISTINCT worker) FROM attempts").scalar_one()
    assert workers > 1  # each share registers one of its own


def test_job_of_a_killed_worker_is_taken_over(tmp_path: Path, url: str, database: Database) -> None:
    project = make_project(tmp_path / "project", url)
    leader = QueuedJobs(project)

    async def take(patience: float) -> list[Any]:
        """Take a job as a worker that is killed then; what the leader finds a little later."""
        async with queue._opened(project) as app:
            worker = await app.job_manager.register_worker()
            job = await app.job_manager.fetch_job(queues=None, worker_id=worker)
            assert job is not None
            ago = f"UPDATE procrastinate_workers SET last_heartbeat = now() - interval '{patience} seconds'"
            await app.connector.execute_query_async(ago)
        await asyncio.to_thread(leader.ensure, Counter({SHARE: 1}))
        async with queue._opened(project) as app:
            return [one.status for one in await app.job_manager.list_jobs_async()]

    assert leader.ensure(Counter({SHARE: 1})) == 1
    assert leader.ensure(Counter({SHARE: 1})) == 0  # it waits
    assert asyncio.run(take(2)) == ["doing"]  # a living worker has it
    assert leader.ensure(Counter({SHARE: 2})) == 1  # another one beside it
    assert sorted(asyncio.run(take(4))) == ["todo", "todo"]


def test_rows_ask_for_as_many_shares_as_workers_are_of_use(tmp_path: Path, url: str, database: Database) -> None:
    make_project(tmp_path / "project", url)
    assert undone(database, NOW) == Counter()
    fill(database, 120)
    start_delivery(database, now=NOW)
    assert undone(database, NOW) == Counter({SHARE: 1})  # nobody is there yet
    with database.write() as connection:
        for number in range(5):
            values = f"('w{number}', 'host{number}', '', 1, extract(epoch FROM clock_timestamp()) + 60, now())"
            connection.exec_driver_sql(f"INSERT INTO workers VALUES {values}")
    assert undone(database, NOW) == Counter({SHARE: 3})
    minute = NOW + timedelta(minutes=1)
    for share, left in (("example.org", 3), ("other", 0), (RELAY, 0)):
        StoredPace(database).pause(Pause("delivery1", share, "451 slow down", NOW, minute))
        assert undone(database, NOW) == (Counter({SHARE: left}) if left else Counter())
        assert undone(database, minute) == Counter({SHARE: 3})
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM pauses")
        connection.exec_driver_sql("UPDATE recipients SET state = 'deferred', next_at = next_at + interval '1 hour'")
    assert undone(database, NOW) == Counter()
    assert undone(database, NOW + timedelta(hours=1)) == Counter({SHARE: 3})
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE recipients SET state = 'accepted'")
    assert undone(database, NOW) == Counter({SHARE: 1})  # it is to be finished


def test_job_that_fails_is_told_and_tried_again_later(
    tmp_path: Path, url: str, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = make_project(tmp_path / "project", url)
    Deliveries(database).create(make_order("delivery1", lists=[_list(database)]), NOW)

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours with ana@example.org")

    monkeypatch.setattr(background, "freeze", fails)
    told: list[str] = []

    async def run() -> None:
        stop = asyncio.Event()

        def on_trouble(text: str) -> None:
            told.append(text)
            stop.set()

        with closing(project.journal(database)) as journal:
            around = working._surroundings(project, database, journal, stop, on_trouble)
            await asyncio.to_thread(QueuedJobs(project).ensure, Counter({Job(Kind.FREEZE, "delivery1"): 1}))
            await queue._fetch(project, queue._QUEUES[Kind.FREEZE], around)

    asyncio.run(run())
    assert [text.partition(" at ")[0] for text in told] == ["freeze of delivery1: ZeroDivisionError"]
    assert QueuedJobs(project).ensure(Counter({Job(Kind.FREEZE, "delivery1"): 1})) == 0  # it waits for its next try
    assert "ana@example.org" not in caplog.text


def _list(database: Database) -> str:
    add_list(database)
    return "weekly"
