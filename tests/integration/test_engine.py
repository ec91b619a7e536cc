"""The engine against real SQLite and PostgreSQL."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from newsletter.errors import StorageError
from newsletter.storage import tables
from newsletter.storage.engine import Database


def test_write_is_there_for_the_next_reader(database: Database) -> None:
    with database.write() as connection:
        connection.execute(tables.facts.insert().values(name="a", value="1"))
    with database.read() as connection:
        assert connection.execute(sa.select(tables.facts.c.value)).scalar_one() == "1"


def test_write_that_raises_changes_nothing(database: Database) -> None:
    def failing() -> None:
        with database.write() as connection:
            connection.execute(tables.facts.insert().values(name="a", value="1"))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        failing()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.facts)).all() == []


def test_read_may_not_write(database: Database) -> None:
    with pytest.raises(StorageError), database.read() as connection:
        connection.execute(tables.facts.insert().values(name="a", value="1"))
    with database.write() as connection:  # and the connection is not spoilt for writers
        connection.execute(tables.facts.insert().values(name="a", value="1"))


def test_insert_ignore_leaves_what_is_there(database: Database) -> None:
    with database.write() as connection:
        for value in ("1", "2"):
            connection.execute(database.insert_ignore(tables.facts).values(name="a", value=value))
        assert connection.execute(sa.select(tables.facts.c.value)).scalars().all() == ["1"]


def test_upsert_changes_what_is_there(database: Database) -> None:
    with database.write() as connection:
        for value in ("1", "2"):
            statement = database.upsert(tables.facts, key=["name"], change=["value"])
            connection.execute(statement, [{"name": "a", "value": value}, {"name": value, "value": value}])
        found = connection.execute(sa.select(tables.facts.c.name, tables.facts.c.value)).all()
    assert sorted(map(tuple, found)) == [("1", "1"), ("2", "2"), ("a", "2")]


def test_lease_clock_goes_on(database: Database) -> None:
    with database.read() as connection:
        first = database.lease_now(connection)
        assert database.lease_now(connection) >= first > 0


def test_counter_loses_no_increment_of_eight_threads(database: Database) -> None:
    with database.write() as connection:
        connection.execute(tables.facts.insert().values(name="n", value="0"))

    def count() -> None:
        for _ in range(10):
            with database.write() as connection:
                database.serialise(connection, "counter")
                value = int(connection.execute(sa.select(tables.facts.c.value)).scalar_one())
                connection.execute(tables.facts.update().values(value=str(value + 1)))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.facts.c.value)).scalar_one() == "80"
