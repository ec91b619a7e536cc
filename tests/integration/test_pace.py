"""The rate that all workers of a database share, in the database."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from newsletter.delivery.ledger.rate import Rate, Slice, WarmUp
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.budget import left_of, take_slice, time_left

NOW = datetime(2026, 11, 23, 9, 0, 1, tzinfo=UTC)


def most_in_a_window(begun: list[datetime], window: timedelta) -> int:
    """The largest number of these instants in any window."""
    return max(sum(at <= one < at + window for one in begun) for at in begun)


@pytest.mark.parametrize("rate", [Rate(14, "second"), Rate(50, "hour"), Rate(1, "minute")])
def test_no_window_has_more_than_the_rate_whenever_workers_take_and_use_it(database: Database, rate: Rate) -> None:
    chance, now, begun = random.Random(7), NOW, list[datetime]()
    slices: list[Slice | None] = [None, None]
    while now < NOW + 5 * rate.window:
        number = chance.randrange(2)
        given = slices[number]
        if given is None or not given.count or given.until <= now:
            given = take_slice(database, [rate], 8, now, given)
        if given.count:
            begun.append(now)
            given = Slice(given.count - 1, given.until)
        slices[number] = given
        now += rate.window * chance.expovariate(120)
    assert 0.9 * rate.count <= most_in_a_window(begun, rate.window) <= rate.count
    with database.read() as connection:
        assert len(connection.execute(sa.select(tables.budget)).all()) <= 45, "old buckets go"


def test_who_gets_nothing_is_told_when_there_is_something_again(database: Database) -> None:
    rate = Rate(500, "day")
    first = take_slice(database, [rate], 300, NOW, None)
    assert (first.count, first.next_at) == (300, None)
    assert take_slice(database, [rate], 300, NOW + timedelta(hours=9), None).count == 200
    nothing = take_slice(database, [rate], 300, NOW + timedelta(hours=10), None)
    assert (nothing.count, nothing.next_at) == (0, first.until + timedelta(days=1))
    assert take_slice(database, [rate], 400, first.until + timedelta(days=1), None).count == 300


def test_what_was_not_used_is_given_back(database: Database) -> None:
    rate = Rate(500, "day")
    first = take_slice(database, [rate], 300, NOW, None)
    take_slice(database, [rate], 0, NOW + timedelta(hours=3), Slice(120, first.until))
    with database.read() as connection:
        assert left_of(connection, [rate], NOW + timedelta(hours=3)).count == 500 - 180


def test_clock_that_was_put_back_does_not_block(database: Database) -> None:
    rate = Rate(14, "minute")
    assert take_slice(database, [rate], 14, NOW, None).count == 14
    assert take_slice(database, [rate], 14, NOW - timedelta(hours=1), None).count == 14


def test_workers_that_take_at_once_get_no_more_together(database: Database) -> None:
    given: list[Slice] = []

    def take() -> None:
        given.extend(take_slice(database, [Rate(30, "day")], 7, NOW, None) for _ in range(3))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.count for one in given) == 30


def test_every_limit_holds_and_what_is_given_back_counts_for_none(database: Database) -> None:
    both = [Rate(2, "second"), Rate(5, "day")]
    now, given = NOW, list[Slice]()
    for _ in range(3):
        given.append(take_slice(database, both, 8, now, None))
        now += timedelta(seconds=2)
    assert [one.count for one in given] == [2, 2, 1]
    nothing = take_slice(database, both, 8, now, None)
    assert (nothing.count, nothing.next_at) == (0, both[1].bucket_end(NOW) + timedelta(days=1))

    again = take_slice(database, both, 8, now, given[1])
    assert again.count == 2
    with database.read() as connection:
        assert time_left(connection, both, 3, now + timedelta(seconds=2)) == timedelta(days=1)


def test_warm_up_hands_out_more_each_day_and_any_number_after_it(database: Database) -> None:
    warm_up = WarmUp(0, "day", NOW.date(), (3, 6))
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = (1, 2, 25, 27, 30)
    given = [take_slice(database, [warm_up], 10, midnight + timedelta(hours=one), None).count for one in hours]
    # In any 24 hours no more than the ceiling of the day: at 25 h the three of the first day count for a bucket more.
    assert given == [3, 0, 3, 3, 0]
    assert take_slice(database, [warm_up], 10, midnight + timedelta(days=2, hours=1), None).count == 10
