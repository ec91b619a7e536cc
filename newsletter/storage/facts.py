"""What the database knows of itself: single values under a name, written once, and counts, which only grow."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.storage import tables
from newsletter.storage.engine import Database


def known_fact(database: Database, name: str) -> str | None:
    """What stands under `name`; None for nothing."""
    with database.read() as connection:
        return connection.execute(sa.select(tables.facts.c.value).where(tables.facts.c.name == name)).scalar()


def remember(database: Database, name: str, value: str) -> str:
    """Keep `value` under `name` unless something stands there already; what stands there then."""
    query = sa.select(tables.facts.c.value).where(tables.facts.c.name == name)
    with database.read() as connection:
        known: str | None = connection.execute(query).scalar()
    if known is not None:
        return known
    with database.write() as connection:
        connection.execute(database.insert_ignore(tables.facts).values(name=name, value=value))
        kept: str = connection.execute(query).scalar_one()
        return kept


def count_of(connection: sa.Connection, name: str) -> int:
    """How far the count under `name` has come."""
    query = sa.select(tables.facts.c.value).where(tables.facts.c.name == name)
    return int(connection.execute(query).scalar() or 0)


def add_to_count(database: Database, connection: sa.Connection, name: str, more: int) -> int:
    """Raise the count under `name`; what it is then. Others who would raise it wait for the transaction's end."""
    value = tables.facts.c.value
    raised = sa.cast(sa.cast(value, sa.BigInteger) + more, sa.Text)
    statement = sa.update(tables.facts).where(tables.facts.c.name == name).values(value=raised).returning(value)
    present = connection.execute(statement).scalar()
    if present is None:
        connection.execute(database.insert_ignore(tables.facts).values(name=name, value="0"))
        present = connection.execute(statement).scalar_one()
    return int(present)
