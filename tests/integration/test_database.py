"""The database against real SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from newsletter.errors import CommitLostError, DatabaseBusyError, StorageError
from newsletter.storage.database import postgresql, tables
from newsletter.storage.database.compiled import Compiled
from newsletter.storage.database.database import Database, open_database

if TYPE_CHECKING:
    from conftest import PostgresqlServer


def test_write_is_there_for_the_next_reader(database: Database) -> None:
    with database.write() as connection:
        connection.execute(tables.properties.insert().values(name="a", value="1"))
    with database.read() as connection:
        assert connection.execute(sa.select(tables.properties.c.value)).scalar_one() == "1"


def test_write_that_raises_changes_nothing(database: Database) -> None:
    def failing() -> None:
        with database.write() as connection:
            connection.execute(tables.properties.insert().values(name="a", value="1"))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        failing()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.properties)).all() == []


def test_read_may_not_write(database: Database) -> None:
    with pytest.raises(StorageError), database.read() as connection:
        connection.execute(tables.properties.insert().values(name="a", value="1"))
    with database.write() as connection:  # and the connection is not spoilt for writers
        connection.execute(tables.properties.insert().values(name="a", value="1"))


def test_insert_ignore_leaves_what_is_there(database: Database) -> None:
    with database.write() as connection:
        for value in ("1", "2"):
            connection.execute(database.insert_ignore(tables.properties).values(name="a", value=value))
        assert connection.execute(sa.select(tables.properties.c.value)).scalars().all() == ["1"]


def test_upsert_changes_what_is_there(database: Database) -> None:
    with database.write() as connection:
        for value in ("1", "2"):
            statement = database.upsert(tables.properties, key=["name"], change=["value"])
            connection.execute(statement, [{"name": "a", "value": value}, {"name": value, "value": value}])
        found = connection.execute(sa.select(tables.properties.c.name, tables.properties.c.value)).all()
    assert sorted(map(tuple, found)) == [("1", "1"), ("2", "2"), ("a", "2")]


def test_lease_clock_goes_on(database: Database) -> None:
    with database.read() as connection:
        first = database.lease_now(connection)
        assert database.lease_now(connection) >= first > 0


def test_counter_loses_no_increment_of_eight_threads(database: Database) -> None:
    with database.write() as connection:
        connection.execute(tables.properties.insert().values(name="n", value="0"))

    def count() -> None:
        for _ in range(10):
            with database.write() as connection:
                database.serialise(connection, "counter")
                value = int(connection.execute(sa.select(tables.properties.c.value)).scalar_one())
                connection.execute(tables.properties.update().values(value=str(value + 1)))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.properties.c.value)).scalar_one() == "80"


def test_writer_waits_for_the_one_before(database: Database) -> None:
    begun, order = threading.Event(), []

    def second() -> None:
        begun.wait()
        with database.write() as connection:
            connection.execute(tables.properties.update().values(value="second"))
            order.append("second")

    with database.write() as connection:
        connection.execute(tables.properties.insert().values(name="a", value="0"))
    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as connection:
        connection.execute(tables.properties.update().values(value="first"))
        begun.set()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_read_sees_one_moment(database: Database) -> None:
    query = sa.select(sa.func.count()).select_from(tables.properties)
    with database.read() as connection:
        before = connection.execute(query).scalar_one()
        with database.write() as other:
            other.execute(tables.properties.insert().values(name="a", value="1"))
        assert connection.execute(query).scalar_one() == before == 0


def test_rows_held_by_another_are_passed_over(database: Database) -> None:
    query = sa.select(tables.properties.c.name)
    with database.write() as connection:
        connection.execute(tables.properties.insert(), [{"name": "a", "value": ""}, {"name": "b", "value": ""}])
    with database.write() as connection:
        held = connection.execute(database.skip_locked(query.where(tables.properties.c.name == "a"))).scalars().all()
        assert held == ["a"]
        if connection.dialect.name != "sqlite":  # where a writing transaction is alone, nobody can hold a row meanwhile
            with database.write() as other:
                assert other.execute(database.skip_locked(query)).scalars().all() == ["b"]


def test_one_name_is_passed_by_one_transaction_at_a_time(database: Database) -> None:
    inside, overlaps = [], []

    def pass_point() -> None:
        with database.write() as connection:
            database.serialise(connection, "gate")
            inside.append(1)
            overlaps.append(len(inside))
            connection.execute(sa.select(tables.properties)).all()
            inside.pop()

    threads = [threading.Thread(target=pass_point) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1] * 6


def test_refused_row_says_so_without_its_values(database: Database) -> None:
    rows = [{"name": "a", "value": "ana@example.org"}] * 2
    with pytest.raises(StorageError) as caught, database.write() as connection:
        connection.execute(tables.properties.insert(), rows)
    assert "ana@example.org" not in str(caught.value)
    assert not isinstance(caught.value, DatabaseBusyError)


def test_broken_reference_is_refused(database: Database) -> None:
    with pytest.raises(StorageError), database.write() as connection:
        connection.execute(tables.delivery_lists.insert().values(delivery_id="none", list_id=1, position=0))


def test_commit_is_asked_to_be_durable(database: Database) -> None:
    with database.write() as connection:
        question = "PRAGMA synchronous" if connection.dialect.name == "sqlite" else "SHOW synchronous_commit"
        assert connection.exec_driver_sql(question).scalar() in (2, "on")


def test_instants_come_back_as_utc(database: Database) -> None:
    at = datetime(2024, 1, 25, 9, 0, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin"))
    row = {"slug": "weekly", "name": "W", "opt_in": "single", "created_at": at}
    with database.write() as connection:
        connection.execute(tables.lists.insert().values(row))
        found = connection.execute(sa.select(tables.lists.c.created_at)).scalar_one()
    assert (found, found.tzinfo) == (at, UTC)


def test_scrub_leaves_what_is_kept(database: Database) -> None:
    with database.write() as connection:
        connection.execute(tables.properties.insert().values(name="a", value="1"))
    database.scrub()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.properties.c.value)).scalar_one() == "1"


class TestSqliteFile:
    """What only a file can meet."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "people.db"

    def test_file_and_its_logs_are_for_the_owner_only(self, file: Path) -> None:
        database = open_database(f"sqlite:///{file}")
        with database.write() as connection:
            tables.metadata.create_all(connection)
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
        database.close()
        assert modes == {"people.db": 0o600, "people.db-wal": 0o600, "people.db-shm": 0o600}

    def test_writer_that_waited_too_long_is_busy(self, file: Path) -> None:
        database = open_database(f"sqlite:///{file}", patience=0.05)
        with database.write(), pytest.raises(DatabaseBusyError, match=r"people\.db"), database.write():
            pass
        database.close()

    def test_file_that_is_no_database_is_refused(self, file: Path) -> None:
        file.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
        database = open_database(f"sqlite:///{file}")
        with pytest.raises(StorageError, match="not a database"), database.read():
            pass
        database.close()

    def test_folder_that_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="no/such"):
            open_database(f"sqlite:///{tmp_path}/no/such/file.db")

    def test_folder_in_its_place_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="cannot be opened"):
            open_database(f"sqlite:///{tmp_path}")

    def test_full_disk_changes_nothing_and_goes_on_when_there_is_room(self, file: Path) -> None:
        database = open_database(f"sqlite:///{file}")
        with database.write() as connection:
            tables.metadata.create_all(connection)
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        row = tables.properties.insert().values(name="a", value="x" * 100_000)

        def write(limit: int) -> None:
            with database.write() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")
                connection.execute(row)

        with pytest.raises(StorageError, match="full"):
            write(limit=pages)
        write(limit=1_000_000)
        with database.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(tables.properties)).scalar_one() == 1
        database.close()


def cut(database: Database, connection: sa.Connection) -> None:
    """Take the line of one transaction away from the outside."""
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.write() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


class TestPostgresqlServer:
    """What only a server can meet."""

    @pytest.fixture
    def url(self, postgresql_server: PostgresqlServer, tmp_path: Path) -> Iterator[str]:
        url = postgresql_server.filled(tmp_path)
        yield url
        postgresql_server.drop(url)

    def test_connection_that_was_cut_is_busy_and_the_next_one_works(self, url: str) -> None:
        database = open_database(url)

        def ask_after_the_cut() -> None:
            with database.write() as connection:
                cut(database, connection)
                connection.execute(sa.select(tables.properties))

        with pytest.raises(DatabaseBusyError):
            ask_after_the_cut()
        with database.read() as connection:
            assert connection.execute(sa.select(tables.properties)).all() == []
        database.close()

    def test_connection_cut_at_the_commit_leaves_it_open_what_happened(self, url: str) -> None:
        database = open_database(url)
        with pytest.raises(CommitLostError), database.write() as connection:
            cut(database, connection)
        database.close()

    def test_idle_connection_that_was_cut_costs_nobody_an_error(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("newsletter.storage.database.postgresql._REST", 0.0)  # as if it had rested
        database, other = open_database(url), open_database(url)
        with database.read() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with other.write() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with database.read() as connection:
            assert connection.execute(sa.select(tables.properties)).all() == []
        database.close()
        other.close()

    def test_server_that_would_lose_commits_is_told_not_to(self, url: str) -> None:
        database = open_database(url)
        with database.write() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
        database.close()
        with database.write() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        database.close()

    def test_lock_not_had_in_time_is_busy(self, url: str) -> None:
        database = open_database(url, patience=1)
        with database.write() as connection:
            database.serialise(connection, "gate")
            with pytest.raises(DatabaseBusyError), database.write() as other:
                database.serialise(other, "gate")
        database.close()

    def test_unreachable_server_is_busy_and_its_password_stays_secret(self, tmp_path: Path) -> None:
        database = open_database(f"postgresql://ana:s3cr3t-word@/news?host={tmp_path}")
        with pytest.raises(DatabaseBusyError) as caught, database.read():
            pass
        assert "s3cr3t-word" not in str(caught.value)
        assert "s3cr3t-word" not in repr(database)
        assert str(caught.value).isprintable()  # on one line, whatever the driver says
        assert "[database] url" in caught.value.hint

    def test_short_name_in_a_url_will_do(self, url: str) -> None:
        database = open_database(url.replace("postgresql://", "postgres://"))
        with database.read() as connection:
            assert connection.execute(sa.select(tables.properties)).all() == []
        database.close()

    def test_missing_driver_is_named_with_the_way_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgresql, "find_spec", lambda name: None)
        with pytest.raises(StorageError) as caught:
            open_database("postgresql://localhost/news")
        assert "psycopg[binary]" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["", "newsletter.db", "mysql://u:s3cr3t-word@h/n", "sqlite://", "sqlite:///:memory:", "postgresql+x:s3cr3t-word"],
)
def test_url_of_no_database_of_ours_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_database(url)
    assert caught.value.hint
    assert "s3cr3t-word" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:pl4nted@127.0.0.1:1/x",
        "postgresql://bob@127.0.0.1:1/x?password=pl4nted%21pw",
        "postgres://bob:p@pl4nted/SECRET@127.0.0.1:1/x",
        "postgresql://bob:pl4nted@127.0.0.1:notaport/x",
    ],
)
def test_password_is_never_told_wherever_it_stands_in_the_url(url: str) -> None:
    with pytest.raises(StorageError) as caught:  # noqa: PT012
        database = open_database(url)
        assert "pl4nted" not in repr(database)
        with database.read():
            pass
    assert "pl4nted" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # a server is backed up by its own tools
def test_failed_copy_leaves_no_half_of_one(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("VACUUM INTO ?", (), sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(sa.Connection, "exec_driver_sql", fill_the_disk)
        with pytest.raises(StorageError, match="disk is full"):
            database.copy_to(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    database.copy_to(tmp_path / "copy.db")


def test_kept_statement_takes_and_gives_what_the_tables_say(database: Database) -> None:
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    names = ("kind", "at", "data")
    insert = Compiled(sa.insert(tables.events).values({name: sa.bindparam(f"new_{name}") for name in names}))
    chosen = Compiled(
        lambda among, _: (
            sa.select(tables.events)
            .where(among(tables.events.c.kind, "kinds"), tables.events.c.kind.in_(["a", "b%", "c"]))
            .order_by(tables.events.c.id)
        )
    )
    events = [{"new_kind": kind, "new_data": {"said": [kind]}} for kind in ("a", "b%", "c", "d")]
    with database.write() as connection:
        assert insert.each(connection, events, {"new_at": now}) == 4
        assert insert.each(connection, []) == 0
    with database.read() as connection:
        found = chosen.rows(connection, {"kinds": ["a", "b%", "d"]})
        assert [(row.kind, row.at, row.data) for row in found] == [
            ("a", now, {"said": ["a"]}),
            ("b%", now, {"said": ["b%"]}),
        ]


def test_kept_statement_that_fails_says_so_like_any_other(database: Database) -> None:
    insert = Compiled(sa.insert(tables.properties).values(name="a", value=sa.bindparam("new")))
    with database.write() as connection:
        assert insert.change(connection, {"new": "1"}) == 1
    with pytest.raises(StorageError, match="cannot do this"), database.write() as connection:
        insert.change(connection, {"new": "2"})
