"""PostgreSQL: a server, shared by any number of machines; all of them go by its clock."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from newsletter.errors import StorageError
from newsletter.machine import now_elapsed
from newsletter.storage.database.typed import Scalar, Typed

_WORTH_ANOTHER_TRY = ("08", "40", "53300", "55P03", "57P01", "57P02", "57P03")
"""SQLSTATEs of connection trouble, lost races, too many connections, locks not had in time, and restarts."""

_NO_TEXT = '$.* ? (@.type() != "string")'
_HALF = r"\\u(0000|[dD][89a-fA-F])"
_SHORT = " || ".join(
    f"substr('abcdefghijklmnopqrstuvwxyz234567', CAST({half} >> {shift} & 31 AS integer) + 1, 1)"
    for half in (f"CAST(CAST('x' || substr(made.hex, {first}, 10) AS bit(40)) AS bigint)" for first in (1, 11))
    for shift in range(35, -1, -5)
)
"""Base32 of the first ten bytes of a hash."""

_RESTS_SINCE = "newsletter_rests_since"
_REST = 0.1
"""Seconds without use after which a connection is looked at."""


class Postgresql:
    """A database on a server."""

    boot = ""
    read_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    # Do not drop `preserve_rowcount`: an INSERT that fetches its new id would not tell whether it inserted anything.
    write_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "READ COMMITTED", "preserve_rowcount": True}
    late_options = write_options
    bare_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "AUTOCOMMIT"}
    repair = "See the server's log; put a backup back with the server's own tools (pg_restore)"

    def engine(self, url: URL, *, create: bool, patience: float, **pool: Any) -> sa.Engine:  # noqa: ARG002
        """Connections that are looked at after a rest, so that a restarted server costs no command an error."""
        if find_spec("psycopg") is None:
            hint = "Install it: pip install 'psycopg[binary]'"
            raise StorageError("The driver for PostgreSQL is not installed", hint=hint)
        options = {"connect_timeout": int(patience)}
        url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, connect_args=options, **pool)
        sa.event.listen(engine, "connect", partial(_prepare, patience=patience))
        sa.event.listen(engine, "checkin", _note_rest)
        sa.event.listen(engine, "checkout", partial(_look_after_rest, engine.dialect))
        return engine

    def lease_now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 on the server's clock, at this moment and not at the transaction's first."""
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    def serialise(self, connection: sa.Connection, name: str) -> None:
        """Hold a lock of that name until the transaction ends."""
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def hurry(self, connection: sa.Connection) -> None:
        """Let this transaction fail soon where it must wait for a lock: others wait for it."""
        connection.exec_driver_sql("SET LOCAL lock_timeout = '300ms'")

    def merged(self, old: sa.ColumnElement[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Only the binary kind of JSON can be joined."""
        joined = sa.cast(old, postgresql.JSONB).op("||")(sa.cast(new, postgresql.JSONB))
        return sa.cast(joined, sa.JSON)

    def json_value(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """Asked for its kind before it is read as a number: a cast of anything else would fail."""
        return _parts(_at(document, path))

    def json_among(
        self, document: sa.ColumnElement[Any], path: Sequence[str], values: Sequence[Scalar]
    ) -> sa.ColumnElement[bool]:
        """Binary JSON compares kind and value at once, and numbers as such."""
        return _at(document, path).in_([sa.literal(value, postgresql.JSONB) for value in values])

    def json_has(
        self, document: sa.ColumnElement[Any], path: Sequence[str], value: Scalar
    ) -> sa.ColumnElement[bool] | None:
        """A list contains a list of one of its items, and nothing else does."""
        return _at(document, path).op("@>", return_type=sa.Boolean())(sa.literal([value], postgresql.JSONB))

    def json_items(self, document: sa.ColumnElement[Any], path: Sequence[str]) -> Typed:
        """What is no list has no items."""
        found = _at(document, path)
        array = sa.case((sa.func.jsonb_typeof(found) == "array", found), else_=sa.func.jsonb_build_array())
        return _parts(sa.func.jsonb_array_elements(array, type_=postgresql.JSONB).column_valued("item"))

    def is_texts(self, document: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """None with a NUL or half a character either, which the binary kind of JSON refuses."""
        is_other = sa.func.jsonb_path_exists(
            sa.cast(document, postgresql.JSONB), sa.cast(_NO_TEXT, postgresql.JSONPATH)
        )
        return sa.case((sa.cast(document, sa.Text).op("~")(_HALF), sa.false()), else_=sa.not_(is_other))

    def json_object(self, values: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
        """A document inside stays as it is, to the letter."""
        named = [(sa.cast(name, sa.Text), value) for name, value in values.items()]
        return sa.func.json_build_object(*chain.from_iterable(named), type_=sa.JSON)

    def as_json(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
        """Read once more."""
        return sa.cast(text, sa.JSON)

    def short_hash(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """Five bits a character, from two numbers of 40 bits."""
        sha256 = sa.func.sha256(sa.func.convert_to(text, "UTF8"))
        # OFFSET keeps it a query of its own: the planner would write the hash anew for each character.
        made = sa.select(sa.func.encode(sha256, "hex").label("hex")).correlate_except().offset(0).lateral("made")
        return sa.select(sa.literal_column(_SHORT, sa.Text)).select_from(made).scalar_subquery()

    def lookup(
        self,
        connection: sa.Connection,  # noqa: ARG002
        name: str,  # noqa: ARG002
        values: Mapping[str, str],
        key: sa.ColumnElement[str],
    ) -> sa.ColumnElement[str]:
        """In a document, which the server reads once."""
        return sa.literal(dict(values), postgresql.JSONB).op("->>", return_type=sa.Text())(key)

    def behind(self, text: sa.ColumnElement[str], mark: str) -> sa.ColumnElement[str]:
        """The second of two parts."""
        return sa.func.split_part(text, mark, 2, type_=sa.Text)

    def by_code_point(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """Not by the rules of the database's language."""
        return sa.collate(text, "C")

    def day(self, instant: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        """The day of an instant (UTC), as 2026-11-30."""
        return sa.func.to_char(sa.func.timezone("UTC", instant), "YYYY-MM-DD", type_=sa.Text)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        """An INSERT that knows conflicts."""
        return postgresql.insert(table)

    def analyse(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """Unless somebody else is at it."""
        connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {', '.join(names)}")

    def rewrite(self, connection: sa.Connection) -> bool:
        """Free the space of deleted rows, which the server then uses again; the rest is the server's."""
        connection.exec_driver_sql("VACUUM")
        return True

    def copy(self, connection: sa.Connection, file: Path) -> None:  # noqa: ARG002
        """Left to the tools that come with the server."""
        raise StorageError("A PostgreSQL server is backed up with its own tools", hint=f"pg_dump -Fc -f {file} …")

    def options_beside(self, file: Path) -> Mapping[str, Any]:
        """Left to the tools that come with the server."""
        raise StorageError("A PostgreSQL server is restored with its own tools", hint=f"pg_restore -d … {file}")

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


def _at(document: sa.ColumnElement[Any], path: Sequence[str]) -> sa.ColumnElement[Any]:
    """What a document has at a path of names, as binary JSON."""
    found: sa.ColumnElement[Any] = sa.cast(document, postgresql.JSONB)
    for name in path:
        found = found.op("->", precedence=15, return_type=postgresql.JSONB())(sa.literal(name, sa.Text))
    return found


def _parts(value: sa.ColumnElement[Any]) -> Typed:
    kind = sa.func.jsonb_typeof(value)
    return Typed(
        text=sa.case((kind == "string", value.op("#>>", return_type=sa.Text())(postgresql.array([], type_=sa.Text)))),
        number=sa.case((kind == "number", sa.cast(value, sa.Numeric))),
        truth=sa.case((kind == "boolean", sa.cast(value, sa.Boolean))),
    )


def _prepare(connection: Any, _record: object, *, patience: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{patience:.0f}s",))
        # A server may be set to acknowledge commits that a crash would lose; a permit must not be lost.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _note_rest(_: object, record: Any) -> None:
    record.info[_RESTS_SINCE] = now_elapsed()


def _look_after_rest(dialect: sa.Dialect, connection: Any, record: Any, *_: object) -> None:
    """A look takes a round trip, a third of the time of a sender's group: none where the last use was just now."""
    if now_elapsed() - record.info.get(_RESTS_SINCE, 0.0) < _REST:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise sa.exc.InvalidatePoolError("the server closed it") from error
