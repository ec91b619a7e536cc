"""SQLite: one file on this machine. Writers take turns; readers see the moment they began at (WAL).

A connection goes on in the file that it opened, also when that one was deleted or replaced: what is written into it
would be lost. So each use of a connection begins with a look at what lies at the path now.
"""

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL

from newsletter.errors import NoDatabaseError, StorageError
from newsletter.machine import boot_id, now_elapsed
from newsletter.storage.database.compiled import is_json, run
from newsletter.storage.database.typed import Scalar, Typed
from newsletter.tokens import short_hash

BESIDE = "beside"
"""The schema name of the file that `options_beside` attaches."""
_BEGIN = "newsletter_begin"
"""The execution option that holds the statements which begin a transaction, after whether it may write."""
_MODE = "newsletter_mode"
_FILE = "newsletter_file"


class Sqlite:
    """A database in one file."""

    read_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = ON", "BEGIN")}
    # Do not begin with a plain BEGIN: a transaction that reads first and writes later would fail as busy at once.
    write_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")}
    late_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF", "BEGIN")}
    bare_options: ClassVar[Mapping[str, Any]] = {_BEGIN: ("PRAGMA query_only = OFF",)}
    repair = (
        "Stop what uses it and move it away together with its -wal and -shm files, which belong to no other file; "
        "then put a backup back: newsletter db restore FILE"
    )

    def __init__(self) -> None:
        self.boot = boot_id()

    def engine(self, url: URL, *, create: bool, patience: float, **pool: Any) -> sa.Engine:
        """Connections that begin nothing by themselves and wait for each other."""
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            hint = "Name a file: sqlite:///newsletter.db"
            raise StorageError("A database in memory would forget whom it wrote to", hint=hint)
        file = Path(url.database)
        if not file.parent.is_dir():
            raise StorageError(f"The folder of the database {file} does not exist", hint="Make it, or change the URL")
        if not create and not file.exists():
            raise NoDatabaseError(f"There is no database {file}", hint="Make it: newsletter db upgrade")
        _make_private(file)
        options = {"timeout": patience, "isolation_level": None, "check_same_thread": False}
        engine = sa.create_engine(url.set(drivername="sqlite+pysqlite"), connect_args=options, **pool)
        _follow_file(engine, file.absolute())
        sa.event.listen(engine, "connect", partial(_prepare, patience=patience))
        sa.event.listen(engine, "begin", _begin)
        return engine

    def lease_now(self, connection: sa.Connection) -> float:  # noqa: ARG002
        """Seconds of this start of the machine; the wall clock, which settings move, where starts cannot be told."""
        return now_elapsed() if self.boot else time.time()

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Nothing to do: a writing transaction is alone anyway."""

    def hurry(self, connection: sa.Connection) -> None:
        """Nothing to do, for the same reason."""

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """RFC 7396, which for objects of texts is what we want."""
        return sa.func.json_patch(old, new, type_=sa.JSON)

    def json_value(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """Names of expressions need no escaping in a path."""
        where = "$" + "".join(f'."{name}"' for name in path)
        return _parts(sa.func.json_type(document, where), sa.func.json_extract(document, where))

    def json_among(
        self, document: sa.ColumnElement[Any], path: Sequence[str], values: Sequence[Scalar]
    ) -> sa.ColumnElement[bool]:
        """The value is compared first: its kind is looked at only where it is equal."""
        where = "$" + "".join(f'."{name}"' for name in path)
        kind, value = sa.func.json_type(document, where), sa.func.json_extract(document, where)
        truths = [str(one).lower() for one in values if isinstance(one, bool)]
        texts = [one for one in values if isinstance(one, str)]
        numbers = [sa.cast(sa.literal(repr(one)), sa.Numeric) for one in values if not isinstance(one, bool | str)]
        return sa.or_(
            sa.and_(value.in_(texts), kind == "text") if texts else sa.false(),
            sa.and_(value.in_(numbers), kind.in_(["integer", "real"])) if numbers else sa.false(),
            kind.in_(truths) if truths else sa.false(),
        )

    def json_has(
        self, document: sa.ColumnElement[Any], path: Sequence[str], value: Scalar
    ) -> sa.ColumnElement[bool] | None:
        """There is no function for that."""

    def json_items(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """What is no list has no items."""
        where = "$" + "".join(f'."{name}"' for name in path)
        is_list = sa.func.json_type(document, where) == "array"
        array = sa.case((is_list, sa.func.json_extract(document, where)), else_="[]")
        items = sa.func.json_each(array).table_valued("type", "value")
        return _parts(items.c.type, items.c.value)

    def is_texts(self, document: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Read key by key."""
        each = sa.func.json_each(document).table_valued("type")
        return sa.not_(sa.exists(sa.select(sa.literal(1)).select_from(each).where(each.c.type != "text")))

    def json_object(self, values: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
        """A document in a column is text until `json` has read it."""
        read = {name: sa.func.json(one) if is_json(one.type) else one for name, one in values.items()}
        return sa.func.json_object(*chain.from_iterable(read.items()), type_=sa.JSON)

    def as_json(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
        """Text it is."""
        return sa.type_coerce(text, sa.JSON)

    def short_hash(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """By our own function, of every connection."""
        return sa.func.short_hash(text, type_=sa.Text)

    def lookup(
        self, connection: sa.Connection, name: str, values: Mapping[str, str], key: sa.ColumnElement[str]
    ) -> sa.ColumnElement[str]:
        """By a function of this name: SQLite would read a document of all of them for every row."""
        driver: Any = connection.connection.driver_connection
        driver.create_function(name, 1, values.get, deterministic=True)
        found: sa.ColumnElement[str] = getattr(sa.func, name)(key, type_=sa.Text)
        return found

    def behind(self, text: sa.ColumnElement[str], mark: str) -> sa.ColumnElement[str]:
        """From its place on."""
        return sa.func.substr(text, sa.func.instr(text, mark) + 1, type_=sa.Text)

    def by_code_point(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """As it is: SQLite compares the bytes of UTF-8."""
        return text

    def day(self, instant: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        """The day of an instant (UTC), as 2026-11-30; it is stored as text that begins with it."""
        return sa.func.substr(instant, 1, 10, type_=sa.Text)

    def insert(self, table: sa.Table) -> sqlite.Insert:
        """An INSERT that knows conflicts."""
        return sqlite.insert(table)

    def analyse(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """Nothing: its plans follow the indexes, and were no faster with statistics."""

    def rewrite(self, connection: sa.Connection) -> bool:
        """Rewrite the file and empty its log; False when a reader held the log for all our patience."""
        # VACUUM leaves no old cell behind inside a page, TRUNCATE no old page in the write-ahead log.
        connection.exec_driver_sql("VACUUM")
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not is_busy

    def copy(self, connection: sa.Connection, file: Path) -> None:
        """Copy the moment that this connection sees."""
        _make_private(file)
        try:
            connection.exec_driver_sql("VACUUM INTO ?", (str(file),))
        except sa.exc.DBAPIError:
            file.unlink(missing_ok=True)  # half a backup looks like one
            raise

    def options_beside(self, file: Path) -> Mapping[str, Any]:
        """A writing transaction that also sees another file."""
        quoted = str(file).replace("'", "''")
        unchecked = "PRAGMA foreign_keys = OFF"  # also twice as fast, and everybody else waits
        return {_BEGIN: ("PRAGMA query_only = OFF", unchecked, f"ATTACH '{quoted}' AS {BESIDE}", "BEGIN IMMEDIATE")}

    def text_of(self, error: sa.exc.DBAPIError) -> str:
        """What SQLite said."""
        return str(error.orig)

    def is_busy(self, error: sa.exc.DBAPIError) -> bool:
        """Whether another transaction was in the way for too long."""
        return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

    def is_damaged(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the file is none of SQLite's, or is inconsistent: one was put over another, or a disk died."""
        return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _parts(kind: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> Typed:
    return Typed(
        text=sa.case((kind == "text", value)),
        number=sa.case((kind.in_(["integer", "real"]), value)),
        truth=sa.case((kind == "true", sa.true()), (kind == "false", sa.false())),
    )


def _code(error: sa.exc.DBAPIError) -> int:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF  # without the extension that tells variants apart


def _prepare(connection: sqlite3.Connection, _record: object, *, patience: float) -> None:
    connection.create_function("short_hash", 1, short_hash, deterministic=True)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # Two processes that turn a new file to WAL at once do not wait for each other: SQLite says "locked" at once.
    patience_ends = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.02)


def _begin(connection: sa.Connection) -> None:
    mode, *statements = connection.get_execution_options()[_BEGIN]
    if connection.info.get(_MODE) != mode:  # after it SQLite would compile all statements of the connection again
        run(connection, mode)
        connection.info[_MODE] = mode
    for statement in statements:
        run(connection, statement)


def _make_private(file: Path) -> None:
    """Create the file readable by its owner only: it will hold addresses. Its log files take over its mode."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}") from error


def _follow_file(engine: sa.Engine, path: Path) -> None:
    """Let every use of a connection be one of the file that lies at the path at its beginning.

    While there is none, connecting raises NoDatabaseError: it was there before, and is not made anew.
    """

    def remember(_: object, record: Any, *_more: object) -> None:
        # Before it is opened: if it is replaced in between, the next look finds another one, and opens that.
        if (present := _identity(path)) is None:
            raise NoDatabaseError(f"There is no database {path} any more", hint="Put it back, or a backup of it")
        record.info[_FILE] = present

    def compare(_: object, record: Any, *_more: object) -> None:
        if record.info[_FILE] != _identity(path):
            raise sa.exc.InvalidatePoolError("another file lies there now")

    sa.event.listen(engine, "do_connect", remember)
    sa.event.listen(engine, "checkout", compare)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number, which a file keeps when it is moved. They are not reused while a process has it open."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
