"""Migrate: bring a database to this program's schema.

The first command fills an empty database; a filled one is only changed by `newsletter db upgrade`. Every command asks
for the state of the schema, so do not import Alembic for that: it takes a fifth of a second to load.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from newsletter.errors import NoDatabaseError, SchemaVersionError
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).with_name("migrations")
"""The folder of the steps, inside the package, so that a wheel holds them. Each is `versions/v<number>_<what>.py`."""
_VERSION = sa.Table("schema_version", sa.MetaData(), sa.Column("version_num", sa.Text))
"""The table in which Alembic records the last step."""
_NUMBER = re.compile("[0-9]{4}")


class SchemaState(StrEnum):
    """What a database's schema is to this program."""

    EMPTY = "empty"
    CURRENT = "current"
    OLD = "old"
    """Made by an earlier version of this program."""
    NEWER = "newer"
    """Made by a version that this program does not know."""
    FOREIGN = "foreign"
    """Holds tables of something else."""


def schema_state(database: Database, *, scripts: Path = SCRIPTS) -> SchemaState:
    """What the database's schema is to this program."""
    with database.read() as connection:
        return _state(connection, scripts)


def require_current(database: Database, *, fill_empty: bool = True, scripts: Path = SCRIPTS) -> None:
    """Fill an empty database. Raises SchemaVersionError for one of another schema than this program's."""
    state = schema_state(database, scripts=scripts)
    if state is SchemaState.EMPTY and fill_empty:
        upgrade(database, scripts=scripts)
        state = SchemaState.CURRENT
    if state is not SchemaState.CURRENT:
        raise _refusal(database, state)


def upgrade(database: Database, *, fill_empty: bool = True, scripts: Path = SCRIPTS) -> SchemaState:
    """Run the missing steps in one transaction; of two processes at once one does it. Returns the state it found.

    Raises SchemaVersionError for a newer or foreign database, NoDatabaseError for an empty one unless it may be filled.
    """
    with database.write() as connection:
        database.serialise(connection, "newsletter schema")
        state = _state(connection, scripts)
        if state in (SchemaState.NEWER, SchemaState.FOREIGN) or (state is SchemaState.EMPTY and not fill_empty):
            raise _refusal(database, state)
        if state is not SchemaState.CURRENT:
            from alembic import command

            command.upgrade(_config(connection, scripts), "head")
    return state


def draft_step(database: Database, message: str, *, scripts: Path = SCRIPTS) -> Path:
    """Write a new step from the difference between `tables.py` and the database; read and correct it before use."""
    from alembic import command
    from alembic.script import Script

    with database.write() as connection:
        config = _config(connection, scripts)
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        step = command.revision(config, message, autogenerate=True, rev_id=f"{len(_steps(scripts)) + 1:04}")
    assert isinstance(step, Script), "one message makes one step"
    return Path(step.path)


def judge(present: str | None, *, known: frozenset[str], head: str, has_tables: bool) -> SchemaState:
    """The state of a database whose version table says `present` (None: it has none)."""
    if present is None:
        return SchemaState.FOREIGN if has_tables else SchemaState.EMPTY
    if present == head:
        return SchemaState.CURRENT
    return SchemaState.OLD if present in known else SchemaState.NEWER


def _state(connection: sa.Connection, scripts: Path) -> SchemaState:
    steps = _steps(scripts)
    seen = sa.inspect(connection)
    tables = seen.get_table_names()
    # A view may have the name of one of our tables; those of an extension do no harm.
    in_the_way = {_VERSION.name, *metadata.tables}.intersection(seen.get_view_names())
    present = _version(connection, seen) if _VERSION.name in tables else None
    return judge(present, known=frozenset(steps), head=steps[-1], has_tables=bool(tables or in_the_way))


def _version(connection: sa.Connection, seen: sa.Inspector) -> str | None:
    """The number in the version table; None when the table is not ours, for its name is a common one."""
    if "version_num" not in [one["name"] for one in seen.get_columns(_VERSION.name)]:
        return None
    numbers = connection.execute(sa.select(_VERSION.c.version_num)).scalars().all()
    return numbers[0] if len(numbers) == 1 and _NUMBER.fullmatch(str(numbers[0])) else None


def _steps(scripts: Path) -> list[str]:
    """The numbers of the steps, the first one first."""
    return sorted(file.name[1:].partition("_")[0] for file in (scripts / "versions").glob("v*.py"))


def _config(connection: sa.Connection, scripts: Path) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _VERSION.name
    return config


def _refusal(database: Database, state: SchemaState) -> SchemaVersionError:
    where = database.shown_url
    match state:
        case SchemaState.OLD:
            return SchemaVersionError(
                f"The database {where} was made by an earlier version",
                hint="Make a backup, then bring it up: newsletter db backup FILE && newsletter db upgrade",
            )
        case SchemaState.NEWER:
            return SchemaVersionError(
                f"The database {where} was made by a newer version", hint="Install that version of this program"
            )
        case SchemaState.FOREIGN:
            return SchemaVersionError(
                f"The database {where} holds tables of something else",
                hint="Name an empty database in database.url",
            )
        case _:
            return NoDatabaseError(f"The database {where} is empty", hint="Fill it: newsletter db upgrade")
