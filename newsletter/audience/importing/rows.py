"""Rows: a CSV file from anywhere, read as a stream. Before: bytes; after: `decide` makes entries of the rows.

Reading any file ends and needs little memory: lines, rows and cells have a maximum size, and what cannot be read is
refused with its line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from newsletter.audience.importing.cells import MAX_CELL, clean, column_name, dropped, fault, read, restored, unwrapped
from newsletter.audience.importing.headings import (
    OBJECT,
    PERSON,
    is_our_export,
    lists_named,
    named_columns,
    read_headings,
    unknown_columns,
)
from newsletter.audience.importing.profiles import CSV, Profile, State, Terms, profile_of
from newsletter.audience.importing.status import StatusWords
from newsletter.audience.subscriber import Attribute
from newsletter.errors import RequestError, WrongUsageError

if TYPE_CHECKING:
    from _csv import Reader

    from _typeshed import WriteableBuffer

MAX_FILE = 256 * 1024 * 1024
"""Bytes."""
MAX_ROW = 1024 * 1024
"""Characters of one row, and of one line."""
DELIMITERS = ",;\t|"

_FIRST_LINE = "Its first line names the columns, one of them email"

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
_SEPARATOR = re.compile(rf'"?sep=([{DELIMITERS}])"?[\r\n]+', re.IGNORECASE)

_NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
"""Encodings of Python in which no program writes a file of subscribers."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file that is not blank; `fault`: why it cannot be used."""

    line: int
    """Where it begins, counted from 1."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Column → text as `clean` leaves it (the email only trimmed); missing cells are empty."""
    fault: str = ""
    raw: Sequence[str] = ()
    """As in the file, for the file of rejected rows."""
    notes: tuple[str, ...] = ()
    """What was removed from its cells."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """From JSON objects and lists of tags; `translate` reads them."""
    from_tool: bool = False
    """Whether another tool's export says its consent, or the operator for all its rows."""
    left_out: str = ""
    """Why it is passed over although nothing is wrong with it."""
    is_unproved: bool = False
    """Subscribed in another tool, without a time of confirmation or the operator's basis: pending here."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file whose first line was read."""

    columns: tuple[str, ...]
    """As `read_headings` names them."""
    headings: tuple[str, ...]
    """As in the file."""
    delimiter: str
    rows: Iterator[Row]
    """Once, in order. Raises RequestError at a line after which nothing can be read."""
    profile: Profile | None = None
    """None: our own export."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Column → what the profile says that it means."""
    states: Mapping[str, str] = field(default_factory=dict)
    """Status column of the profile → its heading."""

    is_plain: bool = False
    """Whether neither `meanings` nor `states` say how to read any column, other than one of our own export."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that are kept as attributes."""
        kept = ("", "attribute", "first_name", "last_name")
        plain = [column for column in self.named if column not in PERSON and ":" not in column]
        return tuple(each for each in plain if self.meanings.get(each, "") in kept and each not in self.states)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns of the rows: all but `REJECTED`."""
        return named_columns(self.columns)


def read_sheet(source: BinaryIO, *, encoding: str = "", terms: Terms = Terms()) -> Sheet:  # noqa: B008 (frozen)
    """Read a CSV file: any delimiter of `,;|` and tab, any line ends, UTF-8 or UTF-16 unless `encoding` is given.

    A first line with the delimiter, as Excel writes it (`sep=;`), is used. A status column that no profile explains
    is refused, unless the operator gives the status of a plain CSV file. Raises RequestError for a file that cannot
    be used, here or from `rows`.
    """
    buffered = io.BufferedReader(_Bounded(source), 1 << 16)
    head = buffered.peek(400)[:400]
    if head.startswith(_WORKBOOKS):
        raise RequestError("The file is an Excel workbook", hint="Save it as CSV (UTF-8), and import that")
    lines = _Lines(buffered, encoding or _encoding(head))
    first_line = lines.next_filled()
    said = _SEPARATOR.fullmatch(first_line)
    if said:
        first_line = lines.next_filled()
    if not first_line:
        raise RequestError("The file is empty", hint=_FIRST_LINE)
    if lines.is_cut:
        raise RequestError(f"Line {lines.number} is longer than {MAX_ROW} characters", hint=_FIRST_LINE)
    delimiter = said[1] if said else _delimiter(first_line)
    reader = csv.reader(chain([first_line.lstrip("\ufeff")], lines), delimiter=delimiter, strict=True)
    headings = _headings(reader)
    if terms.bare and any("@" in heading for heading in headings):
        lines.give_back(first_line.lstrip("\ufeff"))
        headings = ("email", *(f"column {number}" for number in range(2, len(headings) + 1)))
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    named = _renamed(headings, terms)
    is_ours = is_our_export(named)
    profile = profile_of(named, CSV if is_ours and terms.tool == "auto" else terms.tool)
    read_by = [heading if (meaning := profile.meaning(heading)) not in PERSON else meaning for heading in named]
    any_status = profile.key == CSV and terms.status is not None
    columns = read_headings(read_by, any_status=any_status, known=list(filter(profile.knows, read_by)))
    rows = _rows(lines, reader, columns)
    if not (any_status or lists_named(columns)):  # our own export says who may be written to
        unknown = unknown_columns(columns, read_by)
        rows = _without_status(rows, StatusWords({c: h for c, h in unknown.items() if not profile.knows(h)}))
    if is_ours and profile.key == CSV and terms.status is not State.SUPPRESSED:
        return Sheet(columns, headings, delimiter, rows)
    profile.check(named, terms)
    pairs = list(zip(columns, read_by, strict=True))
    meanings = {column: profile.meaning(heading) for column, heading in pairs} | {f"{OBJECT}:": "object"}
    states = {column: heading for column, heading in pairs if profile.is_status(heading)}
    return Sheet(
        columns=columns,
        headings=headings,
        delimiter=delimiter,
        rows=rows,
        profile=profile,
        meanings=meanings,
        states=states,
        is_plain=not states and all(meanings[column] in ("", "attribute", *PERSON) for column in columns),
    )


def _renamed(headings: Sequence[str], terms: Terms) -> list[str]:
    """The headings that the operator's names replace some of. Raises WrongUsageError for one that is not there."""
    found = {column_name(heading) for heading in headings}
    names = {column_name(heading): name for heading, name in terms.headings.items()}
    if missing := [heading for heading in terms.headings if column_name(heading) not in found]:
        raise WrongUsageError(
            f"--map names a column that the file does not have: {', '.join(missing)}",
            hint=f"The first line names: {', '.join(headings)}",
        )
    return [names.get(column_name(heading), heading) for heading in headings]


class _Bounded(io.RawIOBase):
    """The bytes of a file or pipe, up to the largest file that is read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._left = MAX_FILE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        piece = memoryview(buffer).cast("B")
        try:
            data = self._source.read(len(piece))
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RequestError(f"The file cannot be read: {getattr(error, 'strerror', '') or error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise RequestError("The file is larger than 256 MiB", hint="Import it in several parts")
        piece[: len(data)] = data
        return len(data)


class _Lines:
    """The lines of a file. A line that is too long is cut; `is_cut` is then true until `begin`."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        try:
            self._encoding = codecs.lookup(encoding).name
            if self._encoding in _NOT_OF_FILES:
                raise LookupError
            # Line ends stay as they are: a return inside quotes remains one.
            self._text = io.TextIOWrapper(source, encoding=self._encoding, newline="")
        except (LookupError, UnicodeEncodeError) as error:
            raise WrongUsageError(f"There is no encoding called {encoding!r} for text files") from error
        self.number = 0
        """Of the latest line."""
        self.latest = ""
        self.is_cut = False
        self._left = MAX_ROW
        self._again = ""

    def give_back(self, line: str) -> None:
        """Read this line, the latest, once more."""
        self._again = line
        self.number -= 1

    def begin(self) -> None:
        """Start the next row."""
        self._left = MAX_ROW
        self.is_cut = False

    def next_filled(self) -> str:
        """The next line that is not blank; empty at the end of the file."""
        for line in self:
            if line.strip():
                return line
            self.begin()
        return ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._piece()
        if not line:
            raise StopIteration
        if _is_open(line):
            rest = line
            while _is_open(rest):
                rest = self._piece()
            self.is_cut = True
            line = line[:200].replace('"', "") + "\n"  # without quotes: the next line is a row of its own
        self.number += 1
        self.latest = line
        self._left -= len(line)
        if self._left < 0:
            raise csv.Error(f"the row is longer than {MAX_ROW} characters")
        return line

    def _piece(self) -> str:
        if self._again:
            piece, self._again = self._again, ""
            return piece
        try:
            return self._text.readline(MAX_ROW)
        except UnicodeDecodeError as error:
            before = error.object[: error.start]  # all lines before these bytes were returned
            line = self.number + max(before.count(b"\n"), before.count(b"\r")) + 1
            raise RequestError(
                f"Line {line} is not {self._encoding.upper().removesuffix('-SIG')} text",
                hint="Save the file as UTF-8 (in Excel: “CSV UTF-8”), or name its encoding: --encoding windows-1252",
            ) from error


def _is_open(piece: str) -> bool:
    return len(piece) == MAX_ROW and piece[-1] not in "\r\n"


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # Text of mostly Latin letters without a mark: every other byte of UTF-16 is zero.
    if head and head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head and head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return "utf-8"


def _delimiter(line: str) -> str:
    """The delimiter that makes the most columns of the first line, preferring those that make an email column."""

    def merit(delimiter: str) -> tuple[bool, int]:
        cells = line.rstrip("\r\n").split(delimiter)
        return "email" in [column_name(cell.strip(' "')) for cell in cells], len(cells)

    return max(DELIMITERS, key=merit)


def _headings(reader: Reader) -> tuple[str, ...]:
    try:
        headings = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    except csv.Error as error:
        raise RequestError(f"The line of column names cannot be read: {error}") from error
    if not headings:
        raise RequestError("The file holds only delimiters", hint=_FIRST_LINE)
    while not headings[-1].strip():  # spreadsheets leave empty columns at the end
        headings.pop()
    return tuple(clean(heading) for heading in headings)


def _rows(lines: _Lines, reader: Reader, columns: Sequence[str]) -> Iterator[Row]:
    while True:
        lines.begin()
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.number != line:  # inside quotes: where the next row begins is not known
                raise RequestError(
                    f"From line {line} on the file cannot be read: {error}",
                    hint="Probably a closing quote is missing there; nothing was imported",
                ) from error
            yield Row(line, fault=f"The line cannot be read: {error}", raw=[lines.latest.rstrip("\r\n")])
            continue
        if lines.is_cut:
            yield Row(line, fault=f"The line is longer than {MAX_ROW} characters", raw=cells)
        elif any(cell.strip() for cell in cells):
            yield _row(line, cells, columns)


def _without_status(rows: Iterator[Row], status: StatusWords) -> Iterator[Row]:
    for row in rows:
        if not row.cells.get("suppressed:"):  # such rows subscribe nobody
            status.look(row.line, row.cells)
        yield row
    status.refuse()


def _row(line: int, cells: Sequence[str], columns: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        return Row(line, fault=f"The row has {len(cells)} cells, the first line {len(columns)}", raw=cells)
    named = named_columns(columns)
    if (found := _plain(cells, columns, named)) is not None:
        return Row(line, found, raw=cells)
    found = dict.fromkeys(named, "")
    notes: list[str] = []
    for column, cell in zip(named, cells[len(columns) - len(named) :], strict=False):
        if reason := fault(cell):
            return Row(line, fault=f"The cell {column} {reason}", raw=cells)
        if column == "email":  # invisible characters stay: `parse_address` refuses them
            found[column] = restored(unwrapped(cell).strip())
            continue
        found[column] = read(cell)
        if characters := dropped(cell):
            notes.append(f"invisible characters were removed from {column} ({', '.join(characters)})")
    return Row(line, found, raw=cells, notes=tuple(notes))


def _plain(cells: Sequence[str], columns: Sequence[str], named: Sequence[str]) -> dict[str, str] | None:
    """The cells of nearly every row, at a third of the time: nothing in them is to be removed, restored or refused."""
    whole = "".join(cells)
    if len(cells) != len(columns) or len(whole) > MAX_CELL or not whole.isprintable() or "'" in whole or "=" in whole:
        return None
    return dict(zip(named, map(str.strip, cells[len(columns) - len(named) :]), strict=True))
