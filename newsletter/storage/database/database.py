"""The database: opened from a URL, spoken to in transactions, its errors translated.

Everything in which SQLite and PostgreSQL differ stands in `sqlite.py` and `postgresql.py`, so that the stores read the
same on both.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import URL

from newsletter.errors import CommitLostError, DamagedDatabaseError, DatabaseBusyError, StorageError
from newsletter.storage.database.sqlite import BESIDE, Sqlite
from newsletter.storage.database.together import Answer, CarryOut, GroupWriter, Item, each
from newsletter.storage.database.typed import Scalar, Typed

if TYPE_CHECKING:
    from newsletter.storage.database.postgresql import Postgresql

Connection: TypeAlias = sa.Connection
"""One transaction under way; handed from here to the stores by rooms that do not know SQLAlchemy."""

PATIENCE = 30.0
"""Seconds that a transaction waits for another one before it fails as busy."""

MANY = 1000
"""Rows added at once, after which `Database.analyse` is worth its time: less than a second."""

_URL_HINT = "It looks like sqlite:///newsletter.db or postgresql://user:password@host/name"


class Database:
    """One database and its pool of connections. Safe to use from several threads; each transaction has its own."""

    def __init__(self, kind: "Sqlite | Postgresql", url: URL, *, create: bool, patience: float) -> None:
        self._kind = kind
        self._url = url
        pool = {"pool_size": 8, "max_overflow": 56, "pool_timeout": PATIENCE, "hide_parameters": True}
        self._engine = kind.engine(url, create=create, patience=patience, **pool)
        self.boot = kind.boot
        """Which start of the machine `lease_now` counts from; empty when the clock survives restarts."""
        self.generation = 0
        """Grows when a connection was lost, or another file lies there: what comes next may be an older copy."""
        self._beginning = threading.Lock()
        self._together: GroupWriter | None = None
        sa.event.listen(self._engine, "invalidate", self._note_loss)

    def __repr__(self) -> str:
        return f"Database({self.shown_url!r})"

    def _note_loss(self, *_: object) -> None:
        self.generation += 1

    @property
    def shown_url(self) -> str:
        """Where it is: kind, host and name. Nothing else of the URL, because a password may stand anywhere in it."""
        return _shown(self._url)

    @property
    def is_server(self) -> bool:
        """Whether processes of other machines may use it, too."""
        return self._url.get_backend_name() != "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment of the database and may not write.

        Raises DatabaseBusyError when it cannot be reached now, StorageError when it cannot do what was asked.
        """
        with self._connected(self._kind.read_options) as connection, connection.begin():
            yield connection

    @contextmanager
    def ask(self) -> Iterator[sa.Connection]:
        """As `read`, for one query: of a server it takes half as many round trips."""
        with self._connected(self._kind.bare_options) as connection:
            yield connection

    @contextmanager
    def write(self, *, late: bool = False) -> Iterator[sa.Connection]:
        """A transaction that is durable when the block has ended, and has changed nothing when the block raised.

        On SQLite it has the whole database from its first moment on; on PostgreSQL rows are locked as they are touched.
        With `late`, SQLite too lets others write until the first statement that writes to the database; before that
        statement the block may touch temporary tables only, because what it had read could be outdated.
        Raises as `read` does, and CommitLostError when the connection broke during the commit: it may or may not have
        happened, so look before you repeat what is not idempotent.
        """
        options = self._kind.late_options if late else self._kind.write_options
        with self._connected(options) as connection, _committed(connection):
            yield connection

    def write_together(self, carry_out: CarryOut[Item, Answer], item: Item) -> Future[Answer]:
        """A small write, in one transaction with those that others ask for: what `GroupWriter.submit` says."""
        with self._beginning:
            if self._together is None:
                self._together = GroupWriter(self.write, self._write_briefly)
        return self._together.submit(carry_out, item)

    def write_small(self, step: Callable[[sa.Connection], Answer]) -> Answer:
        """Wait for a small write that is committed together with those of other threads. It may begin anew."""
        return self.write_together(each, step).result()

    @contextmanager
    def _write_briefly(self) -> Iterator[sa.Connection]:
        with self.write() as connection:
            self._kind.hurry(connection)
            yield connection

    def replace_by(self, file: Path, tables: Sequence[sa.Table]) -> None:
        """Replace all rows of `tables` by those of a copy of this database: made by `copy_to`, of the same schema.

        One transaction: others see the database before or after it, and a crash leaves it as it was. References are
        not checked, because in the copy they were. Raises StorageError for a server, which has tools of its own.
        """
        with self._connected(self._kind.options_beside(file)) as connection:
            connection.detach()  # closed at the end: no other transaction may get one that sees both files
            with _committed(connection):
                # Do not reset SQLite's own note of the ids it gave away: one given away since is never used again.
                for table in tables:
                    connection.execute(sa.delete(table))
                    theirs = table.to_metadata(sa.MetaData(), schema=BESIDE)
                    connection.execute(sa.insert(table).from_select(table.columns.keys(), sa.select(theirs)))

    def lease_now(self, connection: sa.Connection) -> float:
        """Seconds on the clock that leases are measured on: the same for every process of this database."""
        return self._kind.lease_now(connection)

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Let one transaction at a time pass this point under this name; the others wait for its end."""
        self._kind.serialise(connection, name)

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """One JSON object over another: keys of `new` replace those of `old`, the others stay."""
        return self._kind.merged(old, new)

    def json_value(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """What a JSON document has at a path of names."""
        return self._kind.json_value(document, path)

    def json_among(
        self, document: sa.ColumnElement[Any], path: Sequence[str], values: Sequence[Scalar]
    ) -> sa.ColumnElement[bool]:
        """Whether a JSON document has one of these values at a path of names; NULL may be said for no."""
        return self._kind.json_among(document, path, values)

    def json_has(
        self, document: sa.ColumnElement[Any], path: Sequence[str], value: Scalar
    ) -> sa.ColumnElement[bool] | None:
        """Whether the list at a path of names has this value; NULL may be said for no. None: look through the items."""
        return self._kind.json_has(document, path, value)

    def json_items(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """Each item of the list at a path of names: columns of a table that a query selects from."""
        return self._kind.json_items(document, path)

    def is_texts(self, document: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether a JSON object has values of text only, none of which `merged` refuses or changes."""
        return self._kind.is_texts(document)

    def json_object(self, values: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
        """A JSON object of texts and documents."""
        return self._kind.json_object(values)

    def as_json(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
        """A document that a query wrote as text."""
        return self._kind.as_json(text)

    def short_hash(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """The same as `tokens.short_hash` of the text."""
        return self._kind.short_hash(text)

    def lookup(
        self, connection: sa.Connection, name: str, values: Mapping[str, str], key: sa.ColumnElement[str]
    ) -> sa.ColumnElement[str]:
        """What `values` has under a key, or NULL. Only for the next statement with this name in this transaction."""
        return self._kind.lookup(connection, name, values, key)

    def behind(self, text: sa.ColumnElement[str], mark: str) -> sa.ColumnElement[str]:
        """What follows a character that a text has once."""
        return self._kind.behind(text, mark)

    def by_code_point(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """A text that is compared by code point, as Python does."""
        return self._kind.by_code_point(text)

    def day(self, instant: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        """The day of an instant (UTC) as text: 2026-11-30."""
        return self._kind.day(instant)

    def skip_locked(self, query: sa.Select[*tuple[Any, ...]], *, of: sa.Table | None = None) -> Any:
        """Lock the rows of `query` (of one of its tables), passing over those that another transaction holds."""
        return query.with_for_update(skip_locked=True, of=of)  # SQLite leaves it out: there one transaction holds all

    def insert_ignore(self, table: sa.Table) -> sa.Insert:
        """An INSERT that leaves alone a row that is there already under any unique key; its `rowcount` tells."""
        statement: sa.Insert = self._kind.insert(table).on_conflict_do_nothing()
        return statement

    def upsert(self, table: sa.Table, *, key: Sequence[str], change: Sequence[str]) -> sa.Insert:
        """An INSERT that, where a row with the same `key` columns is there, sets its `change` columns instead."""
        insert = self._kind.insert(table)
        statement: sa.Insert = insert.on_conflict_do_update(
            index_elements=list(key),
            set_={name: insert.excluded[name] for name in change},
        )
        return statement

    def analyse(self, *tables: sa.Table) -> None:
        """Have the server count anew what its plans of queries go by; call it after many rows were added to tables.

        By itself it does so minutes later, and until then may read whole tables for a few rows. Nobody waits for it.
        """
        with self._connected(self._kind.bare_options) as connection:
            self._kind.analyse(connection, [table.name for table in tables])

    def scrub(self) -> None:
        """Take what was deleted or overwritten out of the database; erasing ends with this.

        A file is rewritten without it, and its log emptied: seconds for a large one, during which writers wait. On a
        server no query finds it; its bytes on the server's disk, log and backups go as the server has it.

        Raises DatabaseBusyError when the file was read the whole time, which keeps its log alive.
        """
        with self._connected(self._kind.bare_options) as connection:
            if not self._kind.rewrite(connection):
                raise DatabaseBusyError(
                    f"{self.shown_url} is being read: what was taken out of it still stands in its log",
                    hint="End what reads it, then run the same command again",
                )

    def copy_to(self, file: Path) -> None:
        """Write a consistent copy of the database into a new file, while others go on reading and writing.

        Raises StorageError when the file is there already, or for a server, which has tools of its own.
        """
        if file.exists():
            raise StorageError(f"{file} is already there", hint="Choose a new name; a backup is never overwritten")
        with self._connected(self._kind.bare_options) as connection:
            self._kind.copy(connection, file)

    def close(self) -> None:
        """Give all connections back. Nothing may be under way but what is written together: it is written first."""
        if self._together is not None:
            self._together.close()
        self._engine.dispose()

    @contextmanager
    def _connected(self, options: Mapping[str, Any]) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(**options)
        except sa.exc.TimeoutError as error:
            raise DatabaseBusyError("All connections to the database are in use") from error
        except sa.exc.DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: sa.exc.DBAPIError) -> StorageError:
        """Our exception for one of the driver's, without parameters or passwords in its text."""
        text = self._kind.text_of(error)
        for secret in (self._url.password, self._url.query.get("password")):
            if secret:
                text = text.replace(str(secret), "***")
        if error.connection_invalidated or self._kind.is_busy(error):
            hint = "Try again; if it stays so, see that it runs and that [database] url leads to it"
            return DatabaseBusyError(f"The database {self.shown_url} is busy or out of reach: {text}", hint=hint)
        if self._kind.is_damaged(error):
            return DamagedDatabaseError(f"The database {self.shown_url} is damaged: {text}", hint=self._kind.repair)
        return StorageError(f"The database {self.shown_url} cannot do this: {text}")


@contextmanager
def _committed(connection: sa.Connection) -> Iterator[None]:
    transaction = connection.begin()
    try:
        yield
    except BaseException:  # Ctrl-C too: nothing of the block may stay
        transaction.rollback()
        raise
    try:
        transaction.commit()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise CommitLostError("The connection to the database broke during a commit") from error
        raise


def open_database(url: str, *, create: bool = True, patience: float = PATIENCE) -> Database:
    """Open the database at `sqlite:///file` or `postgresql://…`; connecting waits for the first transaction.

    A file that does not exist is made, unless `create` says no. `patience`: seconds to wait for a lock or a server.

    Raises StorageError when the URL is neither, when its folder is missing, or when its driver is not installed;
    NoDatabaseError when it may not be made.
    """
    parsed = _parsed(url)
    match parsed.get_backend_name():
        case "sqlite":
            return Database(Sqlite(), parsed, create=create, patience=patience)
        case "postgresql" | "postgres":
            from newsletter.storage.database.postgresql import Postgresql  # an eighth of a command's start

            return Database(Postgresql(), parsed, create=create, patience=patience)
        case other:
            raise StorageError(f"There is no way to keep a newsletter in {other!r}", hint=_URL_HINT)


def open_file(file: Path) -> Database:
    """Open a database that is one file, such as a backup."""
    return open_database(f"sqlite:///{file}")


def shown_url(url: str) -> str:
    """What `Database.shown_url` is of the database at a URL, without opening it. Raises StorageError for no URL."""
    return _shown(_parsed(url))


def _parsed(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        # The text itself stays out of the message: it may hold a password.
        raise StorageError("database.url cannot be read as a URL", hint=_URL_HINT) from error
    if "@" in f"{parsed.host or ''}{parsed.database if not parsed.drivername.startswith('sqlite') else ''}":
        # An unescaped password was cut in two: its rest stands where a host or a name belongs.
        raise StorageError("database.url cannot be read as a URL", hint="Write @ and / in a password as %40 and %2F")
    return parsed


def _shown(url: URL) -> str:
    host = f"{url.host}:{url.port}" if url.port else url.host or ""
    return f"{url.get_backend_name()}://{host}/{url.database or ''}"
