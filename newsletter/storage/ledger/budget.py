"""What workers took of a rate: a row for each limit and bucket of time, written per slice, not per message."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.delivery.ledger.rate import Rate, Slice, rates_at
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import budget

_NO_LIMIT = 1_000_000
_USED = sa.func.coalesce(sa.func.sum(budget.c.taken), 0)


def take_slice(database: Database, rates: Sequence[Rate], wanted: int, now: datetime, unused: Slice | None) -> Slice:
    """Give back what was not used of a slice, and take up to `wanted` more, as every limit allows."""
    rates = rates_at(rates, now)
    with database.write() as connection:
        database.serialise(connection, "newsletter rate")
        if unused is not None and unused.count:
            for rate in rates:  # buckets of a shorter time lie within one of a longer
                _add(connection, rate, rate.bucket_end(unused.until - timedelta(microseconds=1)), -unused.count)
        left = left_of(connection, rates, now)
        taken = min(wanted, left.count)
        for rate in rates if taken else ():
            if not _add(connection, rate, end := rate.bucket_end(now), taken):
                connection.execute(sa.delete(budget).where(budget.c.unit == rate.unit, sa.not_(_counted(rate, now))))
                connection.execute(sa.insert(budget).values(unit=rate.unit, ends_at=end, taken=taken))
        return replace(left, count=taken)


def left_of(connection: sa.Connection, rates: Sequence[Rate], now: datetime) -> Slice:
    """What nobody has taken of any limit at this moment."""
    rates = rates_at(rates, now)
    if not rates:
        return Slice(_NO_LIMIT, now + timedelta(minutes=1))
    found = [_left(connection, rate, now) for rate in rates]
    ends = [one.next_at for one in found if one.next_at]
    return Slice(min(one.count for one in found), min(one.until for one in found), max(ends, default=None))


def time_left(connection: sa.Connection, rates: Sequence[Rate], messages: int, now: datetime) -> timedelta:
    """How long so many messages take from now on."""
    found = [(rate, present) for rate in rates if (present := rate.at(now)) is not None]
    takes = [rate.time_from(now, messages, _left(connection, present, now).count) for rate, present in found]
    return max(takes, default=timedelta())


def _left(connection: sa.Connection, rate: Rate, now: datetime) -> Slice:
    mine = budget.c.unit == rate.unit
    query = sa.select(_USED, sa.func.min(budget.c.ends_at)).where(mine, _counted(rate, now), budget.c.taken > 0)
    used, first = connection.execute(query).one()
    left = max(0, rate.count - used)
    return Slice(left, rate.bucket_end(now), None if left else first + rate.window)


def _counted(rate: Rate, now: datetime) -> sa.ColumnElement[bool]:
    """Buckets that count now. Those far in the future were written before the clock was put back."""
    return (budget.c.ends_at > rate.since(now)) & (budget.c.ends_at <= rate.bucket_end(now) + rate.window)


def _add(connection: sa.Connection, rate: Rate, end: datetime, count: int) -> bool:
    mine = budget.c.unit == rate.unit, budget.c.ends_at == end
    return connection.execute(sa.update(budget).where(*mine).values(taken=budget.c.taken + count)).rowcount == 1
