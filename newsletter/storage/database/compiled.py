"""Compiled: statements of the hot path, compiled once from the tables and run on the driver's cursor.

SQLAlchemy takes several times as long to run a statement as SQLite takes to execute it. Everything that runs a few
times for each command stays with `connection.execute`.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql import visitors

Row: TypeAlias = Any
"""A named tuple of a statement's columns; a row of `connection.execute` has the same attributes."""
Among: TypeAlias = Callable[[sa.ColumnElement[Any], str], sa.ColumnElement[bool]]
"""The condition that a column is one of the values of a parameter of that name, however many those are."""
Given: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""A table whose rows are the values of a parameter of that name: lists, in the order of these columns and types."""
_Process: TypeAlias = Callable[[Any], Any] | None


class Compiled:
    """A statement that is kept: compiled for a dialect at its first use there.

    >>> by_slug = Compiled(sa.select(lists.c.id).where(lists.c.slug == sa.bindparam("slug")))
    >>> by_slug.rows(connection, {"slug": "weekly"})
    [Row(id=1)]
    """

    def __init__(self, make: sa.Select[Any] | sa.Insert | sa.Update | Callable[["Among", "Given"], Any]) -> None:
        """A function makes a statement that has conditions of the kind of `Among`, or tables of the kind of `Given`."""
        self._make = make
        self._forms: dict[str, _Form] = {}

    def rows(self, connection: sa.Connection, values: Mapping[str, object]) -> list[Row]:
        """The rows that a statement returns."""
        form = self._form(connection)
        return run(connection, form.text, form.parameters(values), row=form.row)[0]

    def change(self, connection: sa.Connection, values: Mapping[str, object]) -> int:
        """Run a statement that changes rows; how many."""
        form = self._form(connection)
        return run(connection, form.text, form.parameters(values))[1]

    def each(
        self, connection: sa.Connection, many: Iterable[Mapping[str, object]], common: Mapping[str, object] = {}
    ) -> int:
        """Run a statement once for each of several sets of values; how many rows they changed together.

        `common`: values that all of them have.
        """
        form = self._form(connection)
        shared = form.processed(common)
        sets = [form.parameters(values, shared) for values in many]
        return run(connection, form.text, sets, many=True)[1] if sets else 0

    def _form(self, connection: sa.Connection) -> "_Form":
        name = connection.dialect.name
        found = self._forms.get(name)
        if found is None:
            made = self._make if isinstance(self._make, sa.sql.ClauseElement) else self._make(*_KINDS[name])
            found = self._forms[name] = _Form(made, connection.dialect)
        return found


class Bulk:
    """Many rows for one table, as quickly as the database takes them: COPY on a server."""

    def __init__(self, table: sa.Table, *names: str) -> None:
        """The names of the columns, in the order of the rows' cells."""
        self._table = table
        self._columns = [table.c[name] for name in names]

    def add(self, connection: sa.Connection, rows: Iterable[Sequence[object]]) -> None:
        """Insert rows. One that a unique key forbids fails all of them."""
        dialect = connection.dialect
        quoted = dialect.identifier_preparer
        into = f"{quoted.format_table(self._table)} ({', '.join(map(quoted.format_column, self._columns))})"
        processes = [(number, _to_text(column.type, dialect)) for number, column in enumerate(self._columns)]
        processed = _processed(rows, [(number, process) for number, process in processes if process])
        with _cursor(connection, into) as cursor:
            if dialect.name == "sqlite":
                marks = ", ".join("?" * len(self._columns))
                cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", processed)  # noqa: S608 (our own names)
                return
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for row in processed:
                    copy.write_row(row)


def _processed(
    rows: Iterable[Sequence[object]], processes: Sequence[tuple[int, Callable[[Any], Any]]]
) -> Iterator[Sequence[object]]:
    for row in rows:
        cells = list(row)
        for number, process in processes:
            cells[number] = process(cells[number])
        yield cells


def is_json(type_: sa.types.TypeEngine[Any]) -> bool:
    """Whether values of a type are documents."""
    return isinstance(type_.impl_instance if isinstance(type_, sa.TypeDecorator) else type_, sa.JSON)


def _to_text(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> _Process:
    if is_json(type_):
        return json.dumps
    process: _Process = type_.dialect_impl(dialect).bind_processor(dialect)
    # Instants, mostly the same one.
    return lru_cache(maxsize=64)(process) if process else None


class _Form:
    """A statement in the words of one dialect."""

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        # Lists of constants are written out, which SQLAlchemy does only where it needs no value yet.
        loose = visitors.cloned_traverse(statement, {}, {"bindparam": _let_be_missing})
        compiled = loose.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self._processes = {
            name: process
            for bind, name in compiled.bind_names.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        given = {bind.key for bind in compiled.bind_names if not bind.unique}
        self._given = {name: self._processes.get(name) for name in given}
        fixed = {name: value for name, value in compiled.params.items() if name not in given}
        self._fixed = {name: self._processed(name, value) for name, value in fixed.items()}
        # SQLite counts its parameters, psycopg names them.
        self._order: Sequence[str] | None = compiled.positiontup
        columns = [*statement.exported_columns] if statement.exported_columns is not None else []
        self._row: Any = namedtuple("Row", [column.key for column in columns]) if columns else None
        processes = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._changed = [(number, process) for number, process in enumerate(processes) if process is not None]

    def _processed(self, name: str, value: object) -> object:
        process = self._processes.get(name)
        return process(value) if process else value

    def processed(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Values as the types of their parameters give them to the driver; those that it does not take are dropped."""
        return {name: self._processed(name, value) for name, value in values.items() if name in self._given}

    def parameters(self, values: Mapping[str, object], shared: Mapping[str, object] = {}) -> Any:
        """What the driver takes. `shared`: values that are processed."""
        found = {**self._fixed, **shared}
        for name, value in values.items():
            if name in self._given:
                process = self._given[name]
                found[name] = process(value) if process else value
        return found if self._order is None else [found[name] for name in self._order]

    def row(self, cells: Sequence[Any]) -> Row:
        """A row as the types of its columns give it."""
        if not self._changed:
            return self._row._make(cells)
        processed = list(cells)
        for number, process in self._changed:
            processed[number] = process(processed[number])
        return self._row._make(processed)


def _let_be_missing(bind: sa.BindParameter[Any]) -> None:
    bind.required = False


def run(
    connection: sa.Connection, text: str, parameters: Any = (), *, row: Callable[[Any], Row] = tuple, many: bool = False
) -> tuple[list[Row], int]:
    """Run a statement of the driver: its rows, or how many rows it changed. Raises as `connection.execute` does."""
    with _cursor(connection, text) as cursor:
        (cursor.executemany if many else cursor.execute)(text, parameters)
        found = [row(cells) for cells in cursor.fetchall()] if cursor.description else []
        return found, cursor.rowcount


@contextmanager
def _cursor(connection: sa.Connection, statement: str) -> Iterator[Any]:
    """The driver's cursor; its errors are raised as `connection.execute` raises them."""
    dialect = connection.dialect
    error_type: Any = dialect.loaded_dbapi.Error
    cursor: Any = connection.connection.cursor()
    try:
        yield cursor
    except error_type as error:
        is_lost = dialect.is_disconnect(error, connection.connection, cursor)
        if is_lost:
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(
            statement, None, error, error_type, hide_parameters=True, connection_invalidated=is_lost, dialect=dialect
        ) from error
    finally:
        cursor.close()


def can_change_many(connection: sa.Connection) -> bool:
    """Whether one statement can change several tables."""
    return connection.dialect.name == "postgresql"


def _in_json(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    given = sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value")
    return column.in_(sa.select(given.c.value))


def _in_array(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    return column == sa.func.any(sa.bindparam(name, type_=sa.ARRAY(column.type)))


def _by_json(name: str, columns: Mapping[str, Any]) -> Any:
    # One statement for all rows: SQLite's driver gives the interpreter to another thread at each one that it runs.
    row = sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value").c.value
    cells = (sa.func.json_extract(row, f"$[{n}]", type_=type_) for n, type_ in enumerate(columns.values()))
    return sa.select(*(cell.label(column) for column, cell in zip(columns, cells, strict=True))).subquery(name)


def _by_elements(name: str, columns: Mapping[str, Any]) -> Any:
    row = sa.func.json_array_elements(sa.bindparam(name, type_=sa.JSON)).column_valued()
    cells = (sa.cast(row.op("->>")(sa.literal_column(str(n))), type_) for n, type_ in enumerate(columns.values()))
    return sa.select(*(cell.label(column) for column, cell in zip(columns, cells, strict=True))).subquery(name)


_KINDS: Mapping[str, tuple[Among, Given]] = {"sqlite": (_in_json, _by_json), "postgresql": (_in_array, _by_elements)}
