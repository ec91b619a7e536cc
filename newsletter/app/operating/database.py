"""Connecting to a project's database: opened, of the right schema, and made with the project's own keys."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.app.project import Project
from newsletter.errors import ConfigError, NewsletterError, NoDatabaseError, SchemaVersionError, StaleDatabaseError
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.metadata import property_of, set_once
from newsletter.storage.database.migrate import SchemaState, require_current, schema_state, upgrade
from newsletter.storage.journal.journal import sent_from


def connect(project: Project, *, may_change: bool = True, tell: Callable[[str], None] | None = None) -> Database:
    """The project's database, ready for use; the caller closes it. An empty one is filled if it `may_change`; otherwise
    nothing is written, neither to the database nor to the project's folder.

    Raises SchemaVersionError for a database of another version; ConfigError when its addresses were hashed with another
    key (then unsubscribed subscribers would not be recognised); NoDatabaseError when the database that messages were
    sent from is missing; StaleDatabaseError for an older copy of it, once its deliveries are stopped. With `tell`, that
    last one is reported instead of raised.
    """
    with _missing_is_explained(project):
        may_fill = may_change and sent_from(project.folder, project.database_url) is None
        database = connect_to_replace(project, may_fill=may_fill, may_change=may_change)
    try:
        with closing(project.journal(database)) as journal:
            journal.require_newest(datetime.now(UTC), may_stop=may_change)
    except StaleDatabaseError as error:
        if tell is None:
            database.close()
            raise
        tell(str(error))
    return database


def connect_to_replace(project: Project, *, may_fill: bool = True, may_change: bool = True) -> Database:
    """As `connect`, for replacing the database by a backup: it may also be missing, or an older copy."""
    database = open_database(project.database_url, create=may_fill)
    try:
        require_current(database, fill_empty=may_fill)
        _require_own_keys(project, database, may_change=may_change)
    except NewsletterError:
        database.close()
        raise
    return database


def connect_to_back_up(project: Project) -> Database:
    """As `connect`, but a database of an earlier version is opened too: it is backed up before it is upgraded."""
    try:
        return connect(project)
    except NoDatabaseError:
        raise
    except SchemaVersionError:
        database = open_database(project.database_url, create=False)
        if schema_state(database) is SchemaState.OLD:
            return database
        database.close()
        raise


@contextmanager
def _missing_is_explained(project: Project) -> Iterator[None]:
    """A new database would hold no unsubscribes and no earlier recipients: it is not made silently."""
    try:
        yield
    except NoDatabaseError as error:
        if (file := sent_from(project.folder, project.database_url)) is None:
            raise
        raise NoDatabaseError(
            f"{error}, but this project has sent email from it, according to {file}",
            hint=f"Put your backup back (newsletter db restore, or pg_restore). To begin anew, remove {file} first",
        ) from error


def _require_own_keys(project: Project, database: Database, *, may_change: bool) -> None:
    """The database and secret.toml belong together. Keys are made only for a database that knows none."""
    known = property_of(database, "address_key")
    if known is None and not may_change:
        return  # nothing to compare with: the first command that changes something makes the two belong together
    if known is not None and not project.has_keys:
        raise ConfigError(
            f"The secret.toml that the database {database.shown_url} was made with is missing in {project.folder}",
            hint="Put it back from your copy; with new keys no unsubscribed subscriber would be recognised",
        )
    if set_once(database, "address_key", project.keys.fingerprint) != project.keys.fingerprint:
        raise ConfigError(
            f"The database {database.shown_url} was made with another secret.toml than the one in {project.folder}",
            hint="Put back the secret.toml that belongs to this database",
        )


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The result of an upgrade."""

    database: str
    """Its URL without the password."""
    changed: bool


def upgrade_database(project: Project) -> Upgrade:
    """Bring the project's database to this program's schema.

    Raises SchemaVersionError for a database that a newer program made or that holds something else, NoDatabaseError
    when the one that messages were sent from is missing.
    """
    may_fill = sent_from(project.folder, project.database_url) is None
    with _missing_is_explained(project), closing(open_database(project.database_url, create=may_fill)) as database:
        state = upgrade(database, fill_empty=may_fill)
        if state is SchemaState.OLD:
            with closing(project.journal(database)) as journal:
                journal.take_over(project.folder / "high-water.json", datetime.now(UTC))
        return Upgrade(database.shown_url, state is not SchemaState.CURRENT)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A database that this host sends from now on."""

    database: str
    """Its URL without the password."""
    identity: str


def adopt_database(project: Project, database: Database) -> Adoption:
    """Let this host send from the project's database, although email was sent from it elsewhere before."""
    with closing(project.journal(database)) as journal:
        return Adoption(database.shown_url, journal.adopt(datetime.now(UTC)))
