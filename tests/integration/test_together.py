"""Small writes of several threads in one transaction, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from newsletter.storage.database import tables
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.database.together import each


def note(name: str) -> sa.Insert:
    return tables.properties.insert().values(name=name, value="1")


def names(database: Database) -> set[str]:
    with database.read() as connection:
        return set(
            connection.execute(sa.select(tables.properties.c.name).where(tables.properties.c.value == "1")).scalars()
        )


@contextmanager
def gathering(database: Database) -> Iterator[None]:
    """Everything that is handed in inside the block is one group."""
    begun, may_end = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        may_end.wait(20)

    held = database.write_together(each, hold)
    begun.wait(20)
    yield
    may_end.set()
    held.result(20)


def test_group_is_one_call_and_one_transaction(database: Database) -> None:
    groups: list[list[str]] = []

    def write(connection: Connection, found: Sequence[str]) -> list[str]:
        groups.append(list(found))
        for one in found:
            connection.execute(note(one))
        return [one.upper() for one in found]

    with gathering(database):
        answers = [database.write_together(write, one) for one in ("a", "b", "c")]
    assert [one.result(20) for one in answers] == ["A", "B", "C"]
    assert groups == [["a", "b", "c"]]
    assert names(database) == {"a", "b", "c"}


def test_one_that_fails_fails_alone(database: Database) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(note("never"))
        raise KeyError("mine")

    with gathering(database):
        good = database.write_together(each, lambda connection: connection.execute(note("good")).rowcount)
        bad: Future[None] = database.write_together(each, fail)
        twice = [database.write_together(each, lambda connection: connection.execute(note("same"))) for _ in range(2)]
        other = database.write_together(each, lambda connection: connection.execute(note("other")).rowcount)
    assert (good.result(20), other.result(20)) == (1, 1)
    with pytest.raises(KeyError, match="mine"):
        bad.result(20)
    assert sorted(one.exception(20) is None for one in twice) == [False, True]
    assert names(database) == {"good", "same", "other"}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)  # in SQLite a writing transaction is alone
def test_one_that_waits_for_a_row_lets_the_others_pass(database: Database) -> None:
    with database.write() as connection:
        connection.execute(note("held"))
    change = sa.update(tables.properties).where(tables.properties.c.name == "held").values(value="2")
    with database.write() as holder:
        holder.execute(sa.select(tables.properties).where(tables.properties.c.name == "held").with_for_update())
        waiting = database.write_together(each, lambda connection: connection.execute(change).rowcount)
        passing = database.write_together(each, lambda connection: connection.execute(note("passing")).rowcount)
        assert passing.result(20) == 1
        assert not waiting.done()
    assert waiting.result(20) == 1


def test_what_waits_is_written_when_the_database_is_closed(database: Database) -> None:
    with gathering(database):
        answers = [database.write_together(each, lambda c, n=n: c.execute(note(f"n{n}")).rowcount) for n in range(5)]
        dropped = database.write_together(each, lambda connection: connection.execute(note("dropped")))
        assert dropped.cancel()
        closing = threading.Thread(target=database.close)
        closing.start()
    closing.join(20)
    assert [one.done() and one.result() for one in answers] == [1] * 5
    with pytest.raises(RuntimeError):  # refused, as the answer says
        database.write_together(each, lambda connection: connection.execute(note("late")))
    assert names(database) == {f"n{n}" for n in range(5)}
