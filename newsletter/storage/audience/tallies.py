"""Tallies: how often something happened within a time, counted in the database and so by all processes together."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import tallies


def take(database: Database, connection: sa.Connection, name: str, within: timedelta, now: datetime) -> int:
    """Count one more; the count since the first one of this time. `name` must hold no address or network."""
    connection.execute(database.insert_ignore(tallies).values(name=name, since=now, count=0))
    is_over = tallies.c.since <= now - within
    statement = (
        sa.update(tallies)
        .where(tallies.c.name == name)
        .values(
            count=sa.case((is_over, 1), else_=tallies.c.count + 1),
            since=sa.case((is_over, sa.literal(now, tallies.c.since.type)), else_=tallies.c.since),
        )
        .returning(tallies.c.count)
    )
    return int(connection.execute(statement).scalar_one())


def spent(connection: sa.Connection, name: str, within: timedelta, now: datetime) -> int:
    """The count, without counting one more."""
    query = sa.select(tallies.c.count).where(tallies.c.name == name, tallies.c.since > now - within)
    return connection.execute(query).scalar() or 0


def forget_before(connection: sa.Connection, moment: datetime) -> None:
    """Remove the counts that began before a moment."""
    connection.execute(sa.delete(tallies).where(tallies.c.since < moment))
