"""Bringing a database to this program's schema. Before: an opened Database; after: one that the stores may use.

An empty database is filled by whoever comes first; a filled one is only ever changed by `newsletter db upgrade`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from newsletter.errors import NoDatabaseError, SchemaVersionError
from newsletter.storage.engine import Database

SCRIPTS = "newsletter.storage:migrations"
"""Where the steps are: inside the package, so that a wheel carries them."""
_VERSION_TABLE = "schema_version"


class SchemaState(StrEnum):
    """How a database stands to this program."""

    EMPTY = "empty"
    CURRENT = "current"
    OLD = "old"
    """Made by an earlier version of this program."""
    NEWER = "newer"
    """Made by a version that this program does not know."""
    FOREIGN = "foreign"
    """Holds tables of something else."""


def schema_state(database: Database, *, scripts: str = SCRIPTS) -> SchemaState:
    """How the database stands to this program."""
    with database.read() as connection:
        return _state(connection, scripts)


def require_current(database: Database, *, fill_empty: bool = True, scripts: str = SCRIPTS) -> None:
    """Let pass a database of this program's schema, after filling an empty one. Raises SchemaVersionError."""
    state = schema_state(database, scripts=scripts)
    if state is SchemaState.EMPTY and fill_empty:
        upgrade(database, scripts=scripts)
        state = SchemaState.CURRENT
    if state is not SchemaState.CURRENT:
        raise _refusal(database, state)


def upgrade(database: Database, *, fill_empty: bool = True, scripts: str = SCRIPTS) -> SchemaState:
    """Run the missing steps in one transaction; of two processes at once one does it. Returns the state it found.

    Raises SchemaVersionError for a newer or foreign database, NoDatabaseError for an empty one unless it may be filled.
    """
    with database.write() as connection:
        database.serialise(connection, "newsletter schema")
        state = _state(connection, scripts)
        if state in (SchemaState.NEWER, SchemaState.FOREIGN) or (state is SchemaState.EMPTY and not fill_empty):
            raise _refusal(database, state)
        if state is not SchemaState.CURRENT:
            command.upgrade(_config(connection, scripts), "head")
    return state


def draft_step(database: Database, message: str, *, scripts: str = SCRIPTS) -> Path:
    """Write a new step from what `tables.py` says more than the database, to be read and mended by a person."""
    with database.write() as connection:
        config = _config(connection, scripts)
        number = sum(1 for _ in ScriptDirectory.from_config(config).walk_revisions()) + 1
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        step = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
    assert isinstance(step, Script), "one message makes one step"
    return Path(step.path)


def judge(present: str | None, *, known: frozenset[str], head: str, has_tables: bool) -> SchemaState:
    """The state of a database whose version table says `present` (None: it has none)."""
    if present is None:
        return SchemaState.FOREIGN if has_tables else SchemaState.EMPTY
    if present == head:
        return SchemaState.CURRENT
    return SchemaState.OLD if present in known else SchemaState.NEWER


def _state(connection: sa.Connection, scripts: str) -> SchemaState:
    directory = ScriptDirectory.from_config(_config(connection, scripts))
    present = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE}).get_current_revision()
    head = directory.get_current_head()
    assert head is not None, "the package carries its first migration"
    return judge(
        present,
        known=frozenset(script.revision for script in directory.walk_revisions()),
        head=head,
        has_tables=bool(sa.inspect(connection).get_table_names()),
    )


def _config(connection: sa.Connection, scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _VERSION_TABLE
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
