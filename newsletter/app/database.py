"""Connecting to a project's database: opened, of the right schema, and made with the project's own keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from newsletter.app.keys import has_keys
from newsletter.app.project import Project
from newsletter.errors import ConfigError, NewsletterError
from newsletter.storage.engine import Database, open_database
from newsletter.storage.facts import known_fact, remember
from newsletter.storage.migrate import SchemaState, require_current, upgrade


def connect(project: Project, *, upgrade_empty: bool = True) -> Database:
    """The project's database, ready for use; the caller closes it. An empty one is filled (unless `upgrade_empty` says
    no), a filled one never changed.

    Raises SchemaVersionError for a database of another version, ConfigError when the people in it were hashed with
    another key than the project's (they would not be recognised: the unsubscribed could be written to again).
    """
    database = open_database(project.database_url, create=upgrade_empty)
    try:
        require_current(database, fill_empty=upgrade_empty)
        _require_own_keys(project, database)
    except NewsletterError:
        database.close()
        raise
    return database


def _require_own_keys(project: Project, database: Database) -> None:
    """The database and secret.toml belong together. Keys are made only for a database that knows none."""
    if known_fact(database, "address_key") is not None and not has_keys(project.folder):
        raise ConfigError(
            f"The secret.toml that the database {database.shown_url} was made with is missing in {project.folder}",
            hint="Put it back from your copy; with new keys nobody who left would be recognised",
        )
    if remember(database, "address_key", project.keys.fingerprint) != project.keys.fingerprint:
        raise ConfigError(
            f"The database {database.shown_url} was made with another secret.toml than the one in {project.folder}",
            hint="Put back the secret.toml that belongs to this database",
        )


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade came to."""

    database: str
    """Its URL without the password."""
    changed: bool


def upgrade_database(project: Project) -> Upgrade:
    """Bring the project's database to this program's schema.

    Raises SchemaVersionError for a database that a newer program made or that holds something else.
    """
    database = open_database(project.database_url)
    try:
        return Upgrade(database.shown_url, upgrade(database) is not SchemaState.CURRENT)
    finally:
        database.close()


@contextmanager
def connected(project: Project) -> Iterator[Database]:
    """`connect` for the length of a block."""
    database = connect(project)
    try:
        yield database
    finally:
        database.close()
