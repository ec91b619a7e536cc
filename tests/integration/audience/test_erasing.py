"""Erasing: nothing of the subscriber is left in the database or its files, and no import brings them back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    erase_subscriber_everywhere,
    show_subscriber,
    suppress_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.errors import DatabaseBusyError, NotFoundError
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database, open_database

ANA, LOCAL = "ana.forgetme@example.org", "ana.forgetme"
NAME = "Ana Unforgotten"


@pytest.fixture
def subscriber_id(project: Project, database: Database) -> int:
    """A subscriber who is everywhere: subscribers, suppressions, ledger, attempts with a relay's words."""
    new = NewSubscriber(ANA, name=NAME)
    added = add_subscriber(project, database, new, ["weekly"], consent=None, basis=f"{NAME} called", now=NOW)
    suppress_subscriber(project, database, ANA, f"{NAME} is angry", now=NOW)
    assert added.subscriber is not None
    refusal = f"550 5.1.1 <{ANA}>: no such user"
    with database.write() as connection:
        connection.execute(
            tables.deliveries.insert().values(
                id="d", issue="first", state="finished", hash="", again=False,
                created_at=NOW, not_eligible={},
            )
        )  # fmt: skip
        connection.execute(
            tables.recipients.insert().values(
                id="r", delivery_id="d", issue="first", again=False, subscriber_id=added.subscriber.id, address=ANA,
                address_hash=added.subscriber.address_hash, list_ids=[1], language="en", values={"name": NAME},
                state="rejected", reason=refusal, reply=refusal, eligible_at=NOW, next_at=NOW, message_id="<1@x>",
            )
        )  # fmt: skip
        connection.execute(
            tables.attempts.insert().values(recipient_id="r", epoch=1, worker="w", outcome="rejected", reply=refusal)
        )
    return added.subscriber.id


def every_text(database: Database) -> str:
    with database.read() as connection:
        return "\n".join(
            str(tuple(row)) for table in tables.metadata.sorted_tables for row in connection.execute(sa.select(table))
        )


@pytest.mark.usefixtures("subscriber_id")
def test_nothing_that_identifies_the_subscriber_is_left_in_any_table(project: Project, database: Database) -> None:
    assert LOCAL in every_text(database)
    assert NAME in every_text(database)
    erase_subscriber_everywhere(project, database, ANA.upper(), now=NOW)
    assert LOCAL not in every_text(database)
    assert NAME not in every_text(database)


def test_ledger_keeps_its_row_and_state(project: Project, database: Database, subscriber_id: int) -> None:
    before = show_subscriber(project, database, ANA)
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    with database.read() as connection:
        row = connection.execute(sa.select(tables.recipients)).one()
    assert (row.id, row.state, row.subscriber_id, row.message_id) == ("r", "rejected", subscriber_id, "<1@x>")
    assert before.subscriber is not None
    assert row.address_hash == before.subscriber.address_hash
    after = show_subscriber(project, database, ANA)
    assert after.suppression is not None
    assert after.suppression.reason is SuppressionReason.ERASED
    assert after.subscriptions == []
    assert [sent.state for sent in after.sent] == ["rejected"]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # a server's files are not ours to look into
def test_file_holds_no_trace_of_the_address(project: Project, database: Database, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    # Among many, of all lengths, so that pages split and old copies of rows stay behind in them.
    rows = [f"p{n}@example.org,{'x' * (n % 300)},{'y' * (n * 7 % 300)}" for n in range(3000)]
    gone = [f"forgetme{n}@example.org" for n in range(6)]
    for number, email in enumerate(gone):
        rows.insert(number * 487, f"{email},{'z' * number * 50},forgetme")
    many.write_text("\n".join(["email,name,note", *rows]))
    import_subscribers(project, database, ImportOrder(many, ("weekly",)), now=NOW)
    many.unlink()
    with database.write() as connection:
        connection.execute(tables.subscribers.update().where(tables.subscribers.c.id % 3 == 0).values(name="w" * 400))
    assert b"forgetme" in (tmp_path / "newsletter.db-wal").read_bytes()
    for email in gone:
        erase_subscriber_everywhere(project, database, email, now=NOW)
    assert {"newsletter.db", "newsletter.db-wal"} <= {file.name for file in tmp_path.iterdir()}
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"forgetme" not in file.read_bytes(), file


@pytest.mark.usefixtures("subscriber_id")
def test_erased_subscriber_is_not_imported_again(project: Project, database: Database, tmp_path: Path) -> None:
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    file = tmp_path / "file.csv"
    file.write_text(f"email,name\n{ANA},{NAME}\n")
    report = import_subscribers(project, database, ImportOrder(file, ("weekly",)), now=NOW)
    assert report.skipped == {"suppressed (erased)": 1}
    assert LOCAL not in every_text(database)


@pytest.mark.usefixtures("subscriber_id")
def test_erasing_again_is_harmless_and_unknown_addresses_are_told(project: Project, database: Database) -> None:
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    with pytest.raises(NotFoundError):
        erase_subscriber_everywhere(project, database, "nobody@example.org", now=NOW)


def test_subscriber_can_be_erased_while_others_stay(project: Project, database: Database) -> None:
    for email in (ANA, "bob@example.org"):
        add_subscriber(project, database, NewSubscriber(email), ["weekly"], consent=None, basis="", now=NOW)
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    bob = show_subscriber(project, database, "bob@example.org")
    assert bob.subscriber is not None
    assert bob.subscriber.address == "bob@example.org"
    assert [item.consent for item in bob.subscriptions] == [Consent.CONFIRMED]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # only a file has a log that a reader keeps alive
def test_erasing_says_when_a_reader_keeps_the_old_bytes(project: Project, database: Database, tmp_path: Path) -> None:
    add_subscriber(project, database, NewSubscriber(ANA), ["weekly"], consent=None, basis="", now=NOW)
    hurried = open_database(f"sqlite:///{tmp_path / 'newsletter.db'}", patience=0.2)
    with closing(sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM subscribers").fetchone()
        with pytest.raises(DatabaseBusyError, match="still stands in its log"):
            erase_subscriber_everywhere(project, hurried, ANA, now=NOW)
    erase_subscriber_everywhere(project, hurried, ANA, now=NOW)
    hurried.close()
    assert not any(file.is_file() and LOCAL.encode() in file.read_bytes() for file in tmp_path.rglob("*"))
