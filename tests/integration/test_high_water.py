"""An older copy of the database, restored by hand: noticed by what this machine remembers, stopped, and told once."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_order, make_worker, start_delivery

from newsletter.app.operating.backup import back_up, restore
from newsletter.app.operating.database import connect, connect_to_replace, upgrade_database
from newsletter.app.operating.doctor import Grade, examine
from newsletter.app.project import Project
from newsletter.config import Config, DatabaseSection
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.disk import taking_turns
from newsletter.errors import NoDatabaseError, StaleDatabaseError
from newsletter.storage.database.database import Database, shown_url
from newsletter.storage.database.metadata import property_of
from newsletter.storage.database.tables import metadata, properties, workers
from newsletter.storage.journal.high_water import FILE, HighWater, Mark, place_of, read_mark
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.workers import PERMITS

WORKER = make_worker("one")


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    return project_in(tmp_path, database_url)


@pytest.fixture
def opened(project: Project) -> Iterator[Database]:
    """The project's database, with a delivery to six people that is sending."""
    with closing(connect(project)) as database:
        add_people(database, [f"reader{n}@example.com" for n in range(6)], add_list(database))
        start_delivery(database)
        yield database


def project_in(folder: Path, url: str) -> Project:
    return Project(folder=folder, config=Config(database=DatabaseSection(url=url)))


def ask(claim: Claim) -> PermitRequest:
    return PermitRequest(claim, f"{claim.recipient}@x", "b" * 64)


def permit(database: Database, folder: Path, count: int) -> None:
    """Let a sender on the machine of this folder get so many permits."""
    ledger = StoredLedger(database, journal=HighWater(folder, database))
    ledger.register(WORKER, 60.0, NOW)
    claims = ledger.claim("delivery1", WORKER, count, NOW)
    granted = ledger.record(WORKER, [], [ask(one) for one in claims], NOW)
    assert granted == [True] * count
    ledger.deregister(WORKER, NOW)


def note(high_water: HighWater, database: Database, permits: int) -> None:
    """Let this machine see a database come so far."""
    with database.read() as connection:
        identity = read_mark(connection).identity
    high_water.note(Mark(identity, permits))


def make_older(database: Database, count: int = 0) -> None:
    """What a copy looks like that was made when so many permits had been granted."""
    with database.write() as connection:
        connection.execute(sa.update(workers).values(permits=0))
        connection.execute(sa.update(properties).where(properties.c.name == PERMITS).values(value=str(count)))


def state(database: Database, delivery: str = "delivery1") -> tuple[DeliveryState, str]:
    found = Deliveries(database).get(delivery)
    return found.state, found.reason


def test_every_permit_is_counted_in_the_database_and_remembered_beside_it(opened: Database, tmp_path: Path) -> None:
    permit(opened, tmp_path, 4)
    permit(opened, tmp_path, 1)
    with opened.read() as connection:
        assert read_mark(connection).permits == 5
    assert HighWater(tmp_path, opened).seen == 5


def test_nothing_is_claimed_from_an_older_copy(opened: Database, tmp_path: Path) -> None:
    permit(opened, tmp_path, 4)
    make_older(opened, 3)
    ledger = StoredLedger(opened, journal=HighWater(tmp_path, opened))
    ledger.register(WORKER, 60.0, NOW)
    with pytest.raises(StaleDatabaseError, match="stopped delivery1"):
        ledger.claim("delivery1", WORKER, 8, NOW)
    assert ledger.claim("delivery1", WORKER, 8, NOW) == []


def test_no_permit_is_given_by_an_older_copy_put_back_after_the_claim(opened: Database, tmp_path: Path) -> None:
    ledger = StoredLedger(opened, journal=HighWater(tmp_path, opened))
    ledger.register(WORKER, 60.0, NOW)
    sent, *held = ledger.claim("delivery1", WORKER, 3, NOW)
    assert ledger.record(WORKER, [], [ask(sent)], NOW) == [True]
    make_older(opened)
    with pytest.raises(StaleDatabaseError, match="older copy"):
        ledger.record(WORKER, [], [ask(one) for one in held], NOW)
    assert [one.state.value for one in Deliveries(opened).recipients("delivery1")].count("permitted") == 1
    ledger.record(
        WORKER, [Settlement(sent, Decision.done(), Accepted(Reply(250, "", "ok")))], [], NOW
    )  # this it may learn
    assert [one.state.value for one in Deliveries(opened).recipients("delivery1")].count("accepted") == 1


def test_connecting_stops_an_older_copy_and_tells_it_once(opened: Database, project: Project) -> None:
    permit(opened, project.folder, 4)
    Deliveries(opened).create(make_order("later", issue="second", scheduled_at=NOW), NOW)
    make_older(opened)
    with pytest.raises(StaleDatabaseError, match="stopped delivery1, later"):
        connect(project)
    connect(project).close()
    assert state(opened)[0] is DeliveryState.PAUSED
    assert state(opened, "later")[0] is DeliveryState.MISSED
    assert "older copy" in state(opened)[1]
    assert "older copy" in state(opened, "later")[1]


def test_whoever_resumes_what_a_person_had_paused_is_told_too(opened: Database, project: Project) -> None:
    permit(opened, project.folder, 4)
    Deliveries(opened).move("delivery1", DeliveryState.PAUSED, since=DeliveryState.SENDING, reason="paused by a person")
    make_older(opened)
    with pytest.raises(StaleDatabaseError, match="nothing in it was scheduled or sending"):
        connect(project)
    assert state(opened)[1].startswith("paused by a person; an older copy of the database")


def test_service_is_told_and_goes_on(opened: Database, project: Project) -> None:
    permit(opened, project.folder, 4)
    make_older(opened)
    told: list[str] = []
    connect(project, tell=told.append).close()
    assert ["older copy" in text for text in told] == [True]
    assert state(opened)[0] is DeliveryState.PAUSED


def test_doctor_tells_an_older_copy_and_stops_nothing(opened: Database, project: Project) -> None:
    permit(opened, project.folder, 4)
    make_older(opened)
    for _ in range(2):
        found = [one for one in examine(project, lambda _: "hello") if one.about == "database"]
        assert [(one.grade, "older copy" in one.message) for one in found] == [(Grade.BAD, True)]
    assert state(opened)[0] is DeliveryState.SENDING


def test_machines_know_what_they_saw_and_stop_once(opened: Database, project: Project, tmp_path: Path) -> None:
    """A database that has come further is normal; the second machine leaves alone what a person resumed."""
    (tmp_path / "second").mkdir()
    second = project_in(tmp_path / "second", project.config.database.url)
    (second.folder / "secret.toml").write_bytes((project.folder / "secret.toml").read_bytes())
    permit(opened, project.folder, 2)
    permit(opened, second.folder, 3)
    connect(project).close()
    make_older(opened, 1)
    with pytest.raises(StaleDatabaseError):
        connect(project)
    Deliveries(opened).move("delivery1", DeliveryState.SENDING, since=DeliveryState.PAUSED)
    connect(second).close()
    assert state(opened)[0] is DeliveryState.SENDING


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "[" * 100_000, '{"permits": 7}', '{"permits": {"IT": null}}', '{"permits": {"IT": 1e999}}',
        '{"permits": {"IT": 7.5}}', '{"permits": {"IT": true}}', '{"permits": {"IT": "7"}}', '{"permits": {"IT": -1}}',
        f'{{"permits": {{"IT": {2**62}}}}}', f'{{"permits": {{"IT": {"9" * 5000}}}}}',
        '{"permits": {}, "databases": {"IT": 7}}', '{"permits": {}, "databases": [7]}', "\x00",
    ],
)  # fmt: skip
def test_damaged_file_is_made_again_and_stops_nobody(opened: Database, project: Project, content: str) -> None:
    identity = property_of(opened, "identity")
    assert identity is not None
    (project.folder / FILE).write_text(content.replace("IT", identity))
    connect(project).close()
    permit(opened, project.folder, 4)
    assert json.loads((project.folder / FILE).read_text())["permits"] == {identity: 4}


def test_what_was_noted_is_never_taken_back(opened: Database, tmp_path: Path) -> None:
    high_water = HighWater(tmp_path, opened)
    note(high_water, opened, 10)
    note(high_water, opened, 5)
    assert high_water.seen == HighWater(tmp_path, opened).seen == 10


def test_senders_of_one_machine_do_not_set_each_other_back(opened: Database, tmp_path: Path) -> None:
    identity = property_of(opened, "identity")
    assert identity is not None
    ahead = itertools.count(1)
    lost: list[int] = []

    def send() -> None:
        high_water = HighWater(tmp_path, opened)
        for _ in range(300):
            permits = next(ahead)
            high_water.note(Mark(identity, permits))
            if high_water.seen < permits:
                lost.append(permits)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert HighWater(tmp_path, opened).seen == 900


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)  # the other kind has one writer at a time
def test_permits_that_two_senders_commit_at_the_same_time_are_remembered_together(
    opened: Database, tmp_path: Path
) -> None:
    other = make_worker("other")

    class Slow(HighWater):
        """Has counted, and commits after the other one."""

        def require_ahead(self, connection: sa.Connection, granted: int) -> Callable[[], None]:
            remember = super().require_ahead(connection, granted)
            assert quick.record(other, [], [ask(one) for one in theirs], NOW) == [True, True]
            return remember

    quick = StoredLedger(opened, journal=HighWater(tmp_path, opened))
    slow = StoredLedger(opened, journal=Slow(tmp_path, opened))
    for worker in (WORKER, other):
        quick.register(worker, 60.0, NOW)
    mine, theirs = slow.claim("delivery1", WORKER, 3, NOW), quick.claim("delivery1", other, 2, NOW)
    assert slow.record(WORKER, [], [ask(one) for one in mine], NOW) == [True, True, True]
    assert HighWater(tmp_path, opened).seen == 5


def test_sender_that_was_stopped_in_the_middle_is_not_waited_for(opened: Database, tmp_path: Path) -> None:
    with taking_turns(tmp_path):
        note(HighWater(tmp_path, opened), opened, 3)
    assert HighWater(tmp_path, opened).seen == 3


def test_file_that_cannot_be_written_is_told_once_and_stops_nobody(opened: Database, project: Project) -> None:
    (project.folder / FILE).mkdir()
    told: list[str] = []
    high_water = HighWater(project.folder, opened, tell=told.append)
    note(high_water, opened, 1)
    note(high_water, opened, 2)
    assert ["would not be noticed" in text for text in told] == [True]
    permit(opened, project.folder, 4)


def test_each_database_is_remembered_for_itself(opened: Database, project: Project, tmp_path: Path) -> None:
    permit(opened, project.folder, 4)
    with closing(connect(project_in(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}"))) as other:
        high_water = HighWater(project.folder, other)
        high_water.require_reached(NOW)
        note(high_water, other, 2)
    assert HighWater(project.folder, opened).seen == 4
    assert sorted(json.loads((project.folder / FILE).read_text())["permits"].values()) == [2, 4]


def test_no_new_database_is_made_where_mail_was_sent_from(empty_url: str, tmp_path: Path) -> None:
    project = project_in(tmp_path, empty_url)
    with closing(connect(project)) as database:
        note(HighWater(tmp_path, database), database, 1)
    _lose(empty_url, tmp_path)
    for attempt in (connect, upgrade_database):
        with pytest.raises(NoDatabaseError, match=FILE) as caught:
            attempt(project)
        assert "db restore" in caught.value.hint
    assert not (tmp_path / "newsletter.db").exists()
    (tmp_path / FILE).unlink()
    connect(project).close()


def test_another_database_may_be_tried_where_mail_was_sent(tmp_path: Path, empty_url: str) -> None:
    """A file beside it, or the server that `docs/howto/look-after-it.md` moves to."""
    (tmp_path / "home").mkdir()
    sent = project_in(tmp_path / "home", "sqlite:///newsletter.db")
    with closing(connect(sent)) as database:
        note(HighWater(sent.folder, database), database, 1)
    other = project_in(sent.folder, empty_url)
    assert upgrade_database(other).changed
    connect(other).close()
    connect(project_in(sent.folder, "sqlite:///third.db")).close()
    (sent.folder / "newsletter.db").unlink()
    with pytest.raises(NoDatabaseError, match=FILE):
        connect(sent)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:///newsletter.db", "sqlite:///newsletter.db"),
        ("sqlite:///./newsletter.db", "sqlite:///newsletter.db"),
        ("sqlite:////srv/press/data/newsletter.db", "sqlite:///data/newsletter.db"),
        ("sqlite:////srv/press/../newsletter.db", "sqlite:////srv/newsletter.db"),
        ("postgresql://ana:s3cr3t@db.example/press?password=s3cr3t", "postgresql://db.example/press"),
        ("postgresql://bo@db.example:5433/press", "postgresql://db.example:5433/press"),
    ],
)
def test_place_of_a_database_moves_with_the_folder_and_holds_no_secret(url: str, place: str) -> None:
    assert place_of(shown_url(url), Path("/srv/press")) == place


def test_database_that_is_gone_is_brought_back_by_a_restore(tmp_path: Path) -> None:
    project = project_in(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}")
    with closing(connect(project)) as database:
        add_people(database, ["ana@example.com", "bo@example.com"], add_list(database))
        start_delivery(database)
        back_up(database, tmp_path / "copy.db")
        permit(database, tmp_path, 2)
    _lose(project.config.database.url, tmp_path)
    database = connect_to_replace(project)
    assert restore(project, database, tmp_path / "copy.db", NOW).stopped == ("delivery1",)
    database.close()
    with closing(connect(project)) as database:  # stopped and told by the restore: nothing is left to notice
        assert state(database)[1].startswith("restored from a backup")


def _lose(url: str, folder: Path) -> None:
    """Delete the file; on a server, empty the database."""
    for file in folder.glob("newsletter.db*"):
        file.unlink()
    if url.startswith("postgresql"):
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            metadata.drop_all(connection)
            connection.exec_driver_sql("DROP TABLE schema_version")
        engine.dispose()
