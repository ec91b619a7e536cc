"""Backup and restore: a whole copy, taken and put back while the database is in use, that sends nothing by itself."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from newsletter.app.backup import back_up, restore
from newsletter.app.database import connect
from newsletter.app.people import (
    NewPerson,
    add_person,
    erase_person_everywhere,
    show_person,
    suppress_person,
    unsubscribe_person,
)
from newsletter.app.project import Project, open_project
from newsletter.audience.consent import Consent
from newsletter.delivery.delivery import DeliveryState
from newsletter.errors import NotFoundError, StorageError
from newsletter.storage.engine import Database
from newsletter.storage.tables import deliveries, lists

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
                left_out={},
            )
        )


def slugs(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(lists.c.slug).order_by(lists.c.slug)).scalars())


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
    add_list(database, "weekly")
    for name in ("ana", "bo", "cy", "di"):
        person = NewPerson(f"{name}@example.org", name=name)
        add_person(project, database, person, ["weekly"], consent=Consent.CONFIRMED, basis="form", now=NOW)
    back_up(database, tmp_path / "copy.db")
    unsubscribe_person(project, database, "ana@example.org", None, now=NOW)
    suppress_person(project, database, "bo@example.org", "asked", now=NOW)
    erase_person_everywhere(project, database, "cy@example.org", now=NOW)

    restored = restore(project, database, tmp_path / "copy.db", NOW)

    assert restored.carried_over == 3
    assert [item.consent for item in show_person(project, database, "ana@example.org").subscriptions] == [
        Consent.UNSUBSCRIBED
    ]
    assert show_person(project, database, "bo@example.org").suppression is not None
    assert [item.consent for item in show_person(project, database, "di@example.org").subscriptions] == [
        Consent.CONFIRMED
    ]
    database.close()
    assert b"cy@example.org" not in (tmp_path / "newsletter.db").read_bytes()


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
