"""Leases on a real database: one holder at a time, a number that grows with each, and no order from a stale one."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.leases import holds, release_lease, take_lease
from newsletter.storage.database.tables import leases
from newsletter.storage.journal.replay import stop_everything

NAME = "scheduler"


def end(database: Database) -> None:
    """Let the present lease run out."""
    with database.write() as connection:
        connection.execute(sa.update(leases).values(lease_until=database.lease_now(connection) - 1))


def test_lease_is_held_by_one(database: Database) -> None:
    assert take_lease(database, NAME, "a", 60) == 1
    assert take_lease(database, NAME, "b", 60) is None
    assert take_lease(database, NAME, "a", 60) == 1
    assert take_lease(database, "another thing", "b", 60) == 1


def test_lease_that_ran_out_goes_to_the_next_with_a_greater_token(database: Database) -> None:
    assert take_lease(database, NAME, "a", 60) == 1
    end(database)
    assert take_lease(database, NAME, "b", 60) == 2
    assert take_lease(database, NAME, "a", 60) is None


def test_lease_given_back_is_free_at_once(database: Database) -> None:
    take_lease(database, NAME, "a", 60)
    release_lease(database, NAME, "b")
    assert take_lease(database, NAME, "b", 60) is None
    release_lease(database, NAME, "a")
    assert take_lease(database, NAME, "b", 60) == 2


def test_lease_from_before_a_restart_of_the_machine_is_over(database: Database) -> None:
    take_lease(database, NAME, "a", 60)
    with database.write() as connection:
        connection.execute(sa.update(leases).values(boot="an earlier start"))
    assert take_lease(database, NAME, "b", 60) == 2


def test_stale_token_holds_nothing(database: Database) -> None:
    old = take_lease(database, NAME, "a", 60)
    end(database)
    new = take_lease(database, NAME, "b", 60)
    assert old is not None
    assert new is not None
    with database.write() as connection:
        assert not holds(connection, NAME, old)
        assert holds(connection, NAME, new)
        assert not holds(connection, "another thing", new)


def test_token_goes_on_growing_after_a_stop(database: Database) -> None:
    stopped = take_lease(database, NAME, "a", 60)
    assert stopped is not None
    with database.write() as connection:
        stop_everything(database, connection, "older", NOW)
    with database.write() as connection:
        assert not holds(connection, NAME, stopped)
    token = take_lease(database, NAME, "b", 60)
    assert token is not None
    assert token > stopped


@pytest.mark.parametrize("rounds", [5])
def test_lease_is_won_by_one_of_many(database_url: str, rounds: int) -> None:
    database = open_database(database_url)
    for number in range(rounds):
        won: list[int | None] = []
        gate = threading.Barrier(8)

        def compete(holder: str, gate: threading.Barrier = gate, won: list[int | None] = won) -> None:
            gate.wait()
            won.append(take_lease(database, NAME, holder, 60))

        threads = [threading.Thread(target=compete, args=(f"{number}-{i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won, key=str) == [number + 1, *[None] * 7]
        end(database)
    database.close()
