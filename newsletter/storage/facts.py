"""What the database knows of itself: single values under a name, written once."""

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
