"""What workers took of a rate: one row for each bucket of time, written for each slice and not for each message."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.ledger.rate import Rate, Slice
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import budget

_USED = sa.func.coalesce(sa.func.sum(budget.c.taken), 0)


def take_slice(database: Database, rate: Rate, wanted: int, now: datetime, unused: Slice | None) -> Slice:
    """Give back what was not used of a slice, and take up to `wanted` more."""
    with database.write() as connection:
        database.serialise(connection, "newsletter rate")
        if unused is not None and unused.count:
            _add(connection, unused.until, -unused.count)
        left = left_of(connection, rate, now)
        taken = min(wanted, left.count)
        if taken and not _add(connection, left.until, taken):
            connection.execute(sa.delete(budget).where(sa.not_(_counted(rate, now))))
            connection.execute(sa.insert(budget).values(ends_at=left.until, taken=taken))
        return replace(left, count=taken)


def left_of(connection: sa.Connection, rate: Rate, now: datetime) -> Slice:
    """What nobody has taken of a rate at this moment."""
    used, first = connection.execute(sa.select(_USED, sa.func.min(budget.c.ends_at)).where(_counted(rate, now))).one()
    left = max(0, rate.count - used)
    return Slice(left, rate.bucket_end(now), None if left else first + rate.window)


def _counted(rate: Rate, now: datetime) -> sa.ColumnElement[bool]:
    """Buckets that count now. Those far in the future were written before the clock was put back."""
    return (budget.c.ends_at > rate.since(now)) & (budget.c.ends_at <= rate.bucket_end(now) + rate.window)


def _add(connection: sa.Connection, end: datetime, count: int) -> bool:
    change = sa.update(budget).where(budget.c.ends_at == end).values(taken=budget.c.taken + count)
    return connection.execute(change).rowcount == 1
