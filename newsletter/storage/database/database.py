"""The database: opened, spoken to in transactions, its errors translated. Before: a URL; after: the stores.

Everything in which SQLite and PostgreSQL differ stands here and nowhere else, so that the stores read the same on both.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from newsletter.errors import (
    CommitLostError,
    DamagedDatabaseError,
    DatabaseBusyError,
    NoDatabaseError,
    StorageError,
)
from newsletter.machine import boot_id, now_elapsed
from newsletter.storage.database.one_file import follow_file, make_private

Connection: TypeAlias = sa.Connection
"""One transaction under way; handed from here to the stores by rooms that do not know SQLAlchemy."""

PATIENCE = 30.0
"""Seconds that a transaction waits for another one before it gives up as busy."""

_BEGIN = "newsletter_begin"
_BESIDE = "beside"
_WORTH_ANOTHER_TRY = ("08", "40", "53300", "55P03", "57P01", "57P02", "57P03")
"""SQLSTATEs of connection trouble, lost races, too many connections, locks not had in time, and restarts."""


class Database:
    """One database and its pool of connections. Safe to use from several threads; each transaction has its own."""

    def __init__(self, kind: _Kind, url: URL, *, create: bool) -> None:
        self._kind = kind
        self._url = url
        self._engine = kind.engine(url, create=create)
        self.boot = kind.boot
        """Which start of the machine `lease_now` counts from; empty when the clock survives restarts."""

    def __repr__(self) -> str:
        return f"Database({self.shown_url!r})"

    @property
    def shown_url(self) -> str:
        """Where it is: kind, host and name. Nothing else of the URL, because a password may stand anywhere in it."""
        return _shown(self._url)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment of the database and may not write.

        Raises DatabaseBusyError when it cannot be reached just now, StorageError when it cannot do what was asked.
        """
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(**self._kind.read_options)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, late: bool = False) -> Iterator[sa.Connection]:
        """A transaction that is durable when the block has ended, and has changed nothing when the block raised.

        On SQLite it has the whole database from its first moment on; on PostgreSQL rows are locked as they are touched.
        With `late`, SQLite too lets others write until the first statement that writes to the database; before that
        statement the block may touch temporary tables only, because what it had read could be outdated.
        Raises as `read` does, and CommitLostError when the line broke during the commit: it may or may not have
        happened, so look before you repeat what is not idempotent.
        """
        with self._translated(), self._engine.connect() as plain:
            options = self._kind.late_options if late else self._kind.write_options
            connection = plain.execution_options(**options)
            with _committed(connection):
                yield connection

    @contextmanager
    def write_beside(self, file: Path) -> Iterator[sa.Connection]:
        """As `write`, with a copy of this database at hand for `take_rows`: made by `copy_to`, and of the same schema.

        References are not checked, because in the copy they were. Raises StorageError for a server, which has tools of
        its own.
        """
        options = self._kind.options_beside(file)
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(**options)
            connection.detach()  # closed at the end: nobody else may get one that sees both files
            with _committed(connection):
                yield connection

    def take_rows(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        """Replace all rows of `tables` by those of the file that `write_beside` was given."""
        # SQLite's own note of the ids that were given away stays: one given away since is never used again.
        for table in tables:
            connection.execute(sa.delete(table))
            theirs = table.to_metadata(sa.MetaData(), schema=_BESIDE)
            connection.execute(sa.insert(table).from_select(table.columns.keys(), sa.select(theirs)))

    def lease_now(self, connection: sa.Connection) -> float:
        """Seconds on the clock that leases are measured on: the same for every process of this database."""
        return self._kind.lease_now(connection)

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Let one transaction at a time pass this point under this name; the others wait for its end."""
        self._kind.serialise(connection, name)

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
            index_elements=list(key), set_={name: insert.excluded[name] for name in change}
        )
        return statement

    def scrub(self) -> None:
        """Take what was deleted or overwritten out of the database; erasing ends with this.

        A file is rewritten without it, and its log emptied: seconds for a large one, during which writers wait. On a
        server nobody can read it any more; its bytes on the server's disk, log and backups go as the server has it.

        Raises DatabaseBusyError when somebody read the file all the while, which keeps its log alive.
        """
        with self._translated(), self._engine.connect() as plain:
            if not self._kind.scrub(plain.execution_options(**self._kind.bare_options)):
                raise DatabaseBusyError(
                    f"{self.shown_url} is being read: what was taken out of it still stands in its log",
                    hint="End what reads it, then say the same again",
                )

    def copy_to(self, file: Path) -> None:
        """Write a consistent copy of the database into a new file, while others go on reading and writing.

        Raises StorageError when the file is there already, or for a server, which has tools of its own.
        """
        if file.exists():
            raise StorageError(f"{file} is already there", hint="Choose a new name; a backup is never overwritten")
        with self._translated(), self._engine.connect() as plain:
            self._kind.copy_to(plain.execution_options(**self._kind.bare_options), file)

    def close(self) -> None:
        """Give all connections back. Nothing may be under way."""
        self._engine.dispose()

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """One JSON object over another: keys of `new` replace those of `old`, the others stay."""
        return self._kind.merged(old, new)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise DatabaseBusyError("All connections to the database are in use") from error
        except sa.exc.DBAPIError as error:
            raise self._translate(error) from error

    def _translate(self, error: sa.exc.DBAPIError) -> StorageError:
        """Our exception for one of the driver's, without parameters or passwords in its text."""
        text = self._kind.text_of(error)
        for secret in (self._url.password, self._url.query.get("password")):
            if secret:
                text = text.replace(str(secret), "***")
        if error.connection_invalidated or self._kind.is_busy(error):
            hint = "Try again; if it stays so, see that it runs and that [database] url leads to it"
            return DatabaseBusyError(f"The database {self.shown_url} is busy or out of reach: {text}", hint=hint)
        if self._kind.is_damaged(error):
            return DamagedDatabaseError(f"The database {self.shown_url} is damaged: {text}", hint=self._kind.mending)
        return StorageError(f"The database {self.shown_url} cannot do this: {text}")


@contextmanager
def _committed(connection: sa.Connection) -> Iterator[None]:
    transaction = connection.begin()
    try:
        yield
    except BaseException:  # whatever stopped the block: nothing of it may stay
        transaction.rollback()
        raise
    try:
        transaction.commit()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise CommitLostError("The connection to the database broke during a commit") from error
        raise


def open_database(url: str, *, create: bool = True) -> Database:
    """Open the database at `sqlite:///file` or `postgresql://…`; connecting waits for the first transaction.

    A file that does not exist is made, unless `create` says no.

    Raises StorageError when the URL is neither, when its folder is missing, or when its driver is not installed;
    NoDatabaseError when it may not be made.
    """
    parsed = _parsed(url)
    kind = _KINDS.get(parsed.get_backend_name())
    if kind is None:
        raise StorageError(f"There is no way to keep a newsletter in {parsed.get_backend_name()!r}", hint=_URL_HINT)
    return Database(kind(), parsed, create=create)


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


_URL_HINT = "It looks like sqlite:///newsletter.db or postgresql://user:password@host/name"


class _Kind(Protocol):
    """In what two kinds of database differ."""

    @property
    def boot(self) -> str: ...
    @property
    def read_options(self) -> Mapping[str, Any]: ...
    @property
    def write_options(self) -> Mapping[str, Any]: ...
    @property
    def late_options(self) -> Mapping[str, Any]: ...
    @property
    def bare_options(self) -> Mapping[str, Any]: ...  # of a connection on which no transaction is begun
    def scrub(self, connection: sa.Connection) -> bool: ...
    def engine(self, url: URL, *, create: bool) -> sa.Engine: ...
    def insert(self, table: sa.Table) -> Any: ...
    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]: ...
    def lease_now(self, connection: sa.Connection) -> float: ...
    def serialise(self, connection: sa.Connection, name: str) -> None: ...
    def text_of(self, error: sa.exc.DBAPIError) -> str: ...
    def is_busy(self, error: sa.exc.DBAPIError) -> bool: ...
    @property
    def mending(self) -> str: ...  # what to do about a damaged one
    def is_damaged(self, error: sa.exc.DBAPIError) -> bool: ...
    def copy_to(self, connection: sa.Connection, file: Path) -> None: ...
    def options_beside(self, file: Path) -> Mapping[str, Any]: ...


class _Sqlite:
    """One file on this machine. Writers take turns; readers see the moment they began at (WAL)."""

    read_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = ON", "BEGIN")}
    # IMMEDIATE: a transaction that reads first and writes later would fail as busy without waiting its turn.
    write_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")}
    late_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF", "BEGIN")}
    bare_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF",)}
    mending = (
        "Stop what uses it and move it away together with its -wal and -shm files, which belong to no other file; "
        "then put a backup back: newsletter db restore FILE"
    )

    def __init__(self) -> None:
        self.boot = boot_id()

    def engine(self, url: URL, *, create: bool) -> sa.Engine:
        """Connections that begin nothing by themselves and wait for each other."""
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise StorageError("A database in memory would forget whom it wrote to", hint=_URL_HINT)
        file = Path(url.database)
        if not file.parent.is_dir():
            raise StorageError(f"The folder of the database {file} does not exist", hint="Make it, or change the URL")
        if not create and not file.exists():
            raise NoDatabaseError(f"There is no database {file}", hint="Make it: newsletter db upgrade")
        make_private(file)
        engine = sa.create_engine(
            url.set(drivername="sqlite+pysqlite"),
            connect_args={"timeout": PATIENCE, "isolation_level": None, "check_same_thread": False},
            pool_size=8,
            max_overflow=56,
            pool_timeout=PATIENCE,
            hide_parameters=True,
        )
        follow_file(engine, file)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def insert(self, table: sa.Table) -> sqlite.Insert:
        """An INSERT that knows conflicts."""
        return sqlite.insert(table)

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """RFC 7396, which for objects of texts is what we want."""
        return sa.func.json_patch(old, new, type_=sa.JSON)

    def lease_now(self, connection: sa.Connection) -> float:  # noqa: ARG002
        """Seconds of this start of the machine; the wall clock, which settings move, where starts cannot be told."""
        return now_elapsed() if self.boot else time.time()

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Nothing to do: a writing transaction is alone anyway."""

    def text_of(self, error: sa.exc.DBAPIError) -> str:
        """What SQLite said."""
        return str(error.orig)

    def is_busy(self, error: sa.exc.DBAPIError) -> bool:
        """Whether another transaction was in the way for too long."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

    def is_damaged(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the file is none of SQLite's, or does not hang together: one was put over another, or a disk died."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

    def scrub(self, connection: sa.Connection) -> bool:
        """Rewrite the file and empty its log; False when a reader held the log for all our patience."""
        # VACUUM leaves no old cell behind inside a page, TRUNCATE no old page in the write-ahead log.
        connection.exec_driver_sql("VACUUM")
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not is_busy

    def copy_to(self, connection: sa.Connection, file: Path) -> None:
        """Copy the moment that this connection sees."""
        make_private(file)
        try:
            connection.exec_driver_sql("VACUUM INTO ?", (str(file),))
        except sa.exc.DBAPIError:
            file.unlink(missing_ok=True)  # half a backup looks like one
            raise

    def options_beside(self, file: Path) -> Mapping[str, Any]:
        """A writing transaction that also sees another file."""
        quoted = str(file).replace("'", "''")
        unchecked = "PRAGMA foreign_keys = OFF"  # also twice as fast, and everybody else waits
        return {_BEGIN: ("PRAGMA query_only = OFF", unchecked, f"ATTACH '{quoted}' AS {_BESIDE}", "BEGIN IMMEDIATE")}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # Two processes that turn a new file to WAL at once do not wait for each other: SQLite says "locked" at once.
    patience_ends = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: sa.Connection) -> None:
    for statement in connection.get_execution_options()[_BEGIN]:
        connection.exec_driver_sql(statement)


class _Postgresql:
    """A server, shared by any number of machines; its clock is everybody's."""

    boot = ""
    read_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    # Without the second an INSERT that fetches its new id would not tell whether it inserted anything.
    write_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "READ COMMITTED", "preserve_rowcount": True}
    late_options = write_options
    bare_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "AUTOCOMMIT"}
    mending = "See the server's log; put a backup back with the server's own tools (pg_restore)"

    def engine(self, url: URL, *, create: bool) -> sa.Engine:  # noqa: ARG002  a server makes its databases itself
        """Connections that are looked at before use, so that a restarted server costs nobody an error."""
        if find_spec("psycopg") is None:
            raise StorageError(
                "The driver for PostgreSQL is not installed", hint="Install it: pip install 'psycopg[binary]'"
            )
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": int(PATIENCE)},
            pool_size=8,
            max_overflow=56,
            pool_timeout=PATIENCE,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        sa.event.listen(engine, "connect", _prepare_postgresql)
        return engine

    def insert(self, table: sa.Table) -> postgresql.Insert:
        """An INSERT that knows conflicts."""
        return postgresql.insert(table)

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Only the binary kind of JSON can be joined."""
        joined = sa.cast(old, postgresql.JSONB).op("||")(sa.cast(new, postgresql.JSONB))
        return sa.cast(joined, sa.JSON)

    def lease_now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 on the server's clock, at this moment and not at the transaction's first."""
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Hold a lock of that name until the transaction ends."""
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def text_of(self, error: sa.exc.DBAPIError) -> str:
        """The server's first line, whose detail would quote values of the row; without a server all, on one line."""
        primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        return primary or " ".join(str(error.orig).split())

    def is_busy(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the same might work a moment later. Without a connection there is no code at all."""
        code = getattr(error.orig, "sqlstate", None)
        if code is None:
            return isinstance(error, sa.exc.OperationalError)
        return str(code).startswith(_WORTH_ANOTHER_TRY)

    def is_damaged(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the server found data or an index corrupted."""
        return getattr(error.orig, "sqlstate", None) in ("XX001", "XX002")

    def scrub(self, connection: sa.Connection) -> bool:
        """Rewrite the tables; the rest is the server's."""
        connection.exec_driver_sql("VACUUM")
        return True

    def copy_to(self, connection: sa.Connection, file: Path) -> None:  # noqa: ARG002
        """Left to the tools that come with the server."""
        raise StorageError("A PostgreSQL server is backed up with its own tools", hint=f"pg_dump -Fc -f {file} …")

    def options_beside(self, file: Path) -> Mapping[str, Any]:
        """Left to the tools that come with the server."""
        raise StorageError("A PostgreSQL server is restored with its own tools", hint=f"pg_restore -d … {file}")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{PATIENCE:.0f}s",))
        # A server may be set to acknowledge commits that a crash would lose; a permit must not be lost.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


_KINDS: dict[str, Callable[[], _Kind]] = {"sqlite": _Sqlite, "postgresql": _Postgresql, "postgres": _Postgresql}
