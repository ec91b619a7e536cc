"""Properties of the database itself: values under a name, written once."""

import sqlalchemy as sa

from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import properties


def property_of(database: Database, name: str) -> str | None:
    """The value under `name`, if there is one."""
    with database.read() as connection:
        return read_property(connection, name)


def read_property(connection: sa.Connection, name: str) -> str | None:
    """As `property_of`, inside a transaction."""
    found: str | None = connection.execute(sa.select(properties.c.value).where(properties.c.name == name)).scalar()
    return found


def set_once(database: Database, name: str, value: str) -> str:
    """Store `value` under `name` unless there is one already; the value stored."""
    known = property_of(database, name)
    if known is not None:
        return known
    with database.write() as connection:
        connection.execute(database.insert_ignore(properties).values(name=name, value=value))
        stored = read_property(connection, name)
        assert stored is not None, "it was written now, by this process or another"
        return stored
