"""Backup and restore: a whole copy, taken and restored while the database is in use, that sends nothing by itself."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest
import sqlalchemy as sa

from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    erase_subscriber_everywhere,
    show_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
)
from newsletter.app.operating.backup import back_up, restore
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, open_project
from newsletter.audience.consent import Consent
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.sender.worker import this_worker
from newsletter.errors import NotFoundError, StateError, StorageError
from newsletter.storage.database import migrations, sqlite
from newsletter.storage.database.compiled import run as run_statement
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER, holds, release_lease, take_lease
from newsletter.storage.database.metadata import property_of
from newsletter.storage.database.migrate import schema_state, upgrade
from newsletter.storage.database.tables import deliveries, lists, subscribers, suppressions
from newsletter.storage.journal.files import JournalFiles, OptOutLine, Receipt
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.recheck import receipts_among
from newsletter.tokens import keyed_hash

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, {})


def add_list(database: Database, slug: str) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(lists).values(slug=slug, name=slug, opt_in="single", created_at=NOW))


def add_delivery(database: Database, name: str, state: DeliveryState) -> None:
    with database.write() as connection:
        connection.execute(
            sa.insert(deliveries).values(
                id=name,
                issue="i",
                state=state,
                hash="h",
                again=False,
                created_at=NOW,
                not_eligible={},
            )
        )


def ids(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(sa.select(subscribers.c.id)).scalars())


def slugs(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(lists.c.slug).order_by(lists.c.slug)).scalars())


def add_people(project: Project, database: Database, *names: str) -> None:
    add_list(database, "weekly")
    for name in names:
        person = NewSubscriber(f"{name}@example.org", name=name)
        add_subscriber(project, database, person, ["weekly"], consent=Consent.CONFIRMED, basis="form", now=NOW)


def consents(project: Project, database: Database, name: str) -> list[Consent]:
    return [item.consent for item in show_subscriber(project, database, f"{name}@example.org").subscriptions]


def test_restore_brings_back_what_was_copied(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    add_list(database, "before")
    assert back_up(database, tmp_path / "copy.db") > 0
    add_list(database, "after")
    restore(project, database, tmp_path / "copy.db", NOW)
    assert slugs(database) == ["before"]
    add_list(database, "later")
    database.close()


def test_backup_is_private_and_never_overwritten(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    back_up(database, tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    with pytest.raises(StorageError, match="already there"):
        back_up(database, tmp_path / "copy.db")
    with pytest.raises(StorageError, match=f"There is no folder {tmp_path / 'no'}"):
        back_up(database, tmp_path / "no" / "copy.db")
    database.close()


def test_restored_deliveries_wait_for_a_person(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    for state in DeliveryState:
        add_delivery(database, state.value, state)
    back_up(database, tmp_path / "copy.db")
    restored = restore(project, database, tmp_path / "copy.db", NOW)
    assert restored.stopped == ("preparing", "scheduled", "sending")
    with database.read() as connection:
        states = {row.id: row.state for row in connection.execute(sa.select(deliveries))}
    assert states == {state.value: state.value for state in DeliveryState} | {
        "scheduled": "missed",
        "preparing": "paused",
        "sending": "paused",
    }
    database.close()


def test_who_left_after_the_backup_stays_out(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    add_people(project, database, "ana", "bo", "cy", "di")
    back_up(database, tmp_path / "copy.db")
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    suppress_subscriber(project, database, "bo@example.org", "asked", now=NOW)
    erase_subscriber_everywhere(project, database, "cy@example.org", now=NOW)

    restored = restore(project, database, tmp_path / "copy.db", NOW)

    assert restored.carried_over == 3
    assert consents(project, database, "ana") == [Consent.UNSUBSCRIBED]
    assert show_subscriber(project, database, "bo@example.org").suppression is not None
    assert consents(project, database, "di") == [Consent.CONFIRMED]
    database.close()
    assert b"cy@example.org" not in (tmp_path / "newsletter.db").read_bytes()


def before_the_copy_is_attached(patch: pytest.MonkeyPatch, happens: Callable[[sa.Connection], None]) -> None:
    """Have something happen in the moment before the restore's transaction begins."""

    def run(connection: sa.Connection, statement: str) -> None:
        if statement.startswith("ATTACH"):
            happens(connection)
        run_statement(connection, statement)

    patch.setattr(sqlite, "run", run)


def test_who_leaves_while_the_backup_is_put_back_stays_out(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ana leaves in the last moment before, Bo while the rows are being replaced."""
    database, service = connect(project), connect(project)
    add_people(project, database, "ana", "bo", "cy")
    back_up(database, tmp_path / "copy.db")
    ana, bo = (
        threading.Thread(
            target=unsubscribe_subscriber, args=(project, service, f"{name}@example.org", None), kwargs={"now": NOW}
        )
        for name in ("ana", "bo")
    )

    def click(_connection: object) -> None:
        ana.start()
        ana.join()

    def click_late(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM subscribers"):
            bo.start()

    before_the_copy_is_attached(monkeypatch, click)
    sa.event.listen(database._engine, "before_cursor_execute", click_late)
    restored = restore(project, database, tmp_path / "copy.db", NOW)
    bo.join()
    assert restored.carried_over == 1
    assert [consents(project, database, name) for name in ("ana", "bo", "cy")] == [
        [Consent.UNSUBSCRIBED], [Consent.UNSUBSCRIBED], [Consent.CONFIRMED],
    ]  # fmt: skip
    service.close()
    database.close()


def test_who_was_suppressed_in_the_backup_and_erased_since_stays_erased(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    add_people(project, database, "ana")
    suppress_subscriber(project, database, "ana@example.org", "asked", now=NOW)
    back_up(database, tmp_path / "copy.db")
    erase_subscriber_everywhere(project, database, "ana@example.org", now=NOW)
    restore(project, database, tmp_path / "copy.db", NOW)
    with database.read() as connection:
        kept = [tuple(row) for row in connection.execute(sa.select(suppressions.c.reason, suppressions.c.address))]
    assert kept == [("erased", "")]
    database.close()


def test_who_is_erased_while_the_backup_is_put_back_leaves_no_trace(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, service = connect(project), connect(project)
    ana = "ana-" + "a" * 56  # so long that what is written over it leaves some of it
    add_people(project, database, ana, "bo")
    back_up(database, tmp_path / "copy.db")

    def erase(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")  # as SQLite is made on many systems
        erase_subscriber_everywhere(project, service, f"{ana}@example.org", now=NOW)

    before_the_copy_is_attached(monkeypatch, erase)
    assert restore(project, database, tmp_path / "copy.db", NOW).carried_over == 1
    for file in tmp_path.glob("newsletter.db*"):
        assert b"ana-aaaa" not in file.read_bytes(), file
    assert b"bo@example.org" in (tmp_path / "newsletter.db").read_bytes()
    service.close()
    database.close()


def test_restore_that_cannot_scrub_has_succeeded_with_a_warning(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, service = connect(project), connect(project)
    add_people(project, database, "ana", "bo")
    back_up(database, tmp_path / "copy.db")
    reader = sa.create_engine(f"sqlite:///{tmp_path / 'newsletter.db'}").connect()

    def change(_connection: object) -> None:
        erase_subscriber_everywhere(project, service, "ana@example.org", now=NOW)
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM subscribers").all()  # and its transaction stays open

    before_the_copy_is_attached(monkeypatch, change)
    restored = restore(project, database, tmp_path / "copy.db", NOW)
    assert (restored.carried_over, "is being read" in restored.warning) == (1, True)
    assert consents(project, database, "ana") == []
    reader.close()
    service.close()
    database.close()


def test_leases_of_the_backup_are_forgotten(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    assert take_lease(database, SCHEDULER, "of the past", 3600.0)
    back_up(database, tmp_path / "copy.db")
    restore(project, database, tmp_path / "copy.db", NOW)
    assert take_lease(database, SCHEDULER, "of today", 3600.0)
    database.close()


def test_no_room_for_the_scratch_copy_is_told_and_changes_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connect(project)
    back_up(database, tmp_path / "backup.db")
    add_people(project, database, "ana")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    with pytest.raises(StorageError, match="cannot be copied") as caught:
        restore(project, database, tmp_path / "backup.db", NOW)
    assert "TMPDIR" in caught.value.hint
    assert consents(project, database, "ana") == [Consent.CONFIRMED]
    database.close()


def test_orders_under_a_lease_from_before_a_restore_are_not_followed(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    back_up(database, tmp_path / "backup.db")
    given = [take_lease(database, SCHEDULER, "first", 3600.0)]
    release_lease(database, SCHEDULER, "first")
    given.append(take_lease(database, SCHEDULER, "second", 3600.0))
    restore(project, database, tmp_path / "backup.db", NOW)
    with database.write() as connection:
        assert not any(holds(connection, SCHEDULER, token) for token in given if token is not None)
    given.append(take_lease(database, SCHEDULER, "third", 3600.0))
    assert given[2] is not None
    assert given[2] > 2


def test_who_left_stays_out_of_a_backup_with_an_older_schema(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "later"
    copytree(Path(next(iter(migrations.__path__))), later)
    head = max(file.name[1:5] for file in (later / "versions").glob("v*.py"))
    (later / "versions" / "v9999_next.py").write_text(
        f'from alembic import op\n\nrevision, down_revision = "9999", "{head}"\n\n\n'
        "def upgrade():\n    op.execute(\"UPDATE lists SET name = 'renamed'\")\n"
    )
    database = connect(project)
    add_people(project, database, "ana", "bo")
    back_up(database, tmp_path / "copy.db")
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    for function in (schema_state, upgrade):
        monkeypatch.setattr(function, "__kwdefaults__", {**(function.__kwdefaults__ or {}), "scripts": later})
    upgrade(database)
    assert restore(project, database, tmp_path / "copy.db", NOW).carried_over == 1
    assert consents(project, database, "ana") == [Consent.UNSUBSCRIBED]
    assert consents(project, database, "bo") == [Consent.CONFIRMED]
    with database.read() as connection:
        assert connection.execute(sa.select(lists.c.name)).scalars().all() == ["renamed"]
    database.close()


_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from newsletter.app.operating.backup import restore
from newsletter.app.operating.database import connect
from newsletter.app.project import open_project

def die(connection, cursor, statement, *_):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
project = open_project(folder, {})
database = connect(project)
sa.event.listen(database._engine, "before_cursor_execute", die)
restore(project, database, folder / "copy.db", datetime.now(UTC))
"""


@pytest.mark.parametrize("moment", ["DELETE FROM lists", "INSERT INTO subscriptions", "INSERT INTO receipts"])
def test_kill_in_the_middle_of_a_restore_leaves_the_old_database_whole(
    project: Project, tmp_path: Path, moment: str
) -> None:
    database = connect(project)
    add_people(project, database, "ana", "bo")
    add_list(database, "before")
    back_up(database, tmp_path / "copy.db")
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    add_list(database, "after")
    database.close()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), moment], check=False)
    assert killed.returncode == -signal.SIGKILL

    database = connect(project)
    assert slugs(database) == ["after", "before", "weekly"]
    assert consents(project, database, "ana") == [Consent.UNSUBSCRIBED]
    assert consents(project, database, "bo") == [Consent.CONFIRMED]
    with database.read() as connection:
        assert list(connection.exec_driver_sql("PRAGMA integrity_check").scalars()) == ["ok"]
        assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    database.close()


def test_ids_given_away_since_the_backup_are_not_used_again(project: Project, tmp_path: Path) -> None:
    """A link or an event of somebody the copy does not know must not become another person's."""
    database = connect(project)
    add_people(project, database, "ana")
    back_up(database, tmp_path / "copy.db")
    for name in ("bo", "cy"):
        person = NewSubscriber(f"{name}@example.org")
        add_subscriber(project, database, person, ["weekly"], consent=Consent.CONFIRMED, basis="form", now=NOW)
    given = ids(database)
    restore(project, database, tmp_path / "copy.db", NOW)
    person = NewSubscriber("di@example.org")
    add_subscriber(project, database, person, ["weekly"], consent=Consent.CONFIRMED, basis="form", now=NOW)
    assert max(ids(database)) > max(given)
    database.close()


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"x" * 4000])
def test_restore_of_something_else_changes_nothing(project: Project, tmp_path: Path, content: bytes) -> None:
    database = connect(project)
    add_list(database, "mine")
    (tmp_path / "wrong.db").write_bytes(content)
    with pytest.raises(StorageError, match=r"wrong\.db"):
        restore(project, database, tmp_path / "wrong.db", NOW)
    assert slugs(database) == ["mine"]
    database.close()


def test_restore_of_another_projects_backup_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = open_project(tmp_path / "other", {})
    theirs = connect(other)
    back_up(theirs, tmp_path / "theirs.db")
    theirs.close()
    database = connect(project)
    with pytest.raises(StorageError, match=r"another secret\.toml"):
        restore(project, database, tmp_path / "theirs.db", NOW)
    database.close()


def test_restore_without_a_file_says_so(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    with pytest.raises(NotFoundError):
        restore(project, database, tmp_path / "none.db", NOW)
    database.close()


def test_restore_is_refused_while_a_sender_runs(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    back_up(database, tmp_path / "copy.db")
    add_list(database, "after")
    ledger, worker = StoredLedger(database), this_worker()
    ledger.register(worker, 30.0, NOW)
    with pytest.raises(StateError, match="sender is running"):
        restore(project, database, tmp_path / "copy.db", NOW)
    assert slugs(database) == ["after"]
    ledger.deregister(worker, NOW)
    restore(project, database, tmp_path / "copy.db", NOW)
    assert slugs(database) == []
    database.close()


def test_backup_of_before_the_receipts_is_restored_by_force_only(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    back_up(database, tmp_path / "copy.db")
    identity = property_of(database, "identity")
    (project.folder / "journal" / "pruned").mkdir()
    (project.folder / "journal" / "pruned" / f"{identity}-delivery1").touch()
    with pytest.raises(StateError, match="older than 90 days"):
        restore(project, database, tmp_path / "copy.db", NOW)
    restore(project, database, tmp_path / "copy.db", NOW, force=True)
    project.journal(database).keep_up()
    database.close()


@pytest.mark.parametrize("known", [True, False])
def test_what_happened_to_another_database_since_holds_in_the_backup(
    project: Project, tmp_path: Path, known: bool
) -> None:
    """The backup was made, the project began anew, and now it goes back. A backup of before the journal has no name."""
    database = connect(project)
    add_people(project, database, "ana", "bo", "cy")
    back_up(database, tmp_path / "copy.db")
    database.close()
    if not known:
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            copy.execute("DELETE FROM properties WHERE name = 'identity'")
            copy.commit()
    for file in tmp_path.glob("newsletter.db*"):
        file.unlink()
    database = connect(project)
    add_people(project, database, "ana", "bo")
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    with project.journal(database) as journal:
        files, identity = JournalFiles(tmp_path / "journal"), journal.identity
        hashes = [keyed_hash(project.keys.address, f"{name}@example.org") for name in ("bo", "cy")]
        files.write_receipts(identity, [Receipt("first", "d", "r" * 26, 1, "w", hashes[0], ("weekly",), "accepted")])
        files.write_receipts(identity, [Receipt("first", "d", "s" * 26, 1, "w", hashes[1], ("weekly",), "unknown")])
        journal.opt_out(OptOutLine(NOW, "one-click", "s" * 26), is_away=True)

    for _ in range(2):
        restored = restore(project, database, tmp_path / "copy.db", NOW)
        assert (restored.sent, restored.carried_over) == ("first: 1 accepted, 1 unknown", 2)
        assert [consents(project, database, name) for name in ("ana", "bo", "cy")] == [
            [Consent.UNSUBSCRIBED], [Consent.CONFIRMED], [Consent.UNSUBSCRIBED],
        ]  # fmt: skip
        with database.read() as connection:
            assert receipts_among(connection, "first", hashes) == {hashes[0]: True, hashes[1]: False}
    database.close()


def test_backup_is_refused_where_receipts_of_the_replaced_database_are_gone(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    back_up(database, tmp_path / "copy.db")
    database.close()
    for file in tmp_path.glob("newsletter.db*"):
        file.unlink()
    database = connect(project)
    (project.folder / "journal" / "pruned").mkdir()
    (project.folder / "journal" / "pruned" / f"{property_of(database, 'identity')}-delivery1").touch()
    with pytest.raises(StateError, match="older than 90 days"):
        restore(project, database, tmp_path / "copy.db", NOW)
    restore(project, database, tmp_path / "copy.db", NOW, force=True)
    database.close()
