"""Rows: a CSV file from anywhere, read with care. Before: bytes; after: `importing` makes people of the rows.

Whatever stands in the file, this ends: sizes are bounded, and what cannot be read is refused with its line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.audience.importing.headings import check_columns, column_name, refuse_status
from newsletter.errors import RequestError, WrongUsageError

if TYPE_CHECKING:
    from _csv import Reader

MAX_FILE = 256 * 1024 * 1024
"""Bytes."""
MAX_CELL = 10_000
"""Characters."""
DELIMITERS = ",;\t|"

REJECTED = ("line", "reason")
"""The first columns of a file of rejected rows; it can be mended and imported as it is."""

_FIRST_LINE = "Its first line names the columns, one of them email"

_FORMULA = re.compile("'*[=+\\-@＝＋－＠\t\r]")
"""What a spreadsheet may take for a formula, whether or not apostrophes stand before it already."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
_SEPARATOR = re.compile(rf'"?sep=([{DELIMITERS}])"?(?=[\r\n])', re.IGNORECASE)

_NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
"""Encodings that Python knows by name and in which no program writes a file of people."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file that is not blank. A row that cannot be used has a `fault` and says what it is."""

    line: int
    """Where it begins, counted from 1."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Column → text, trimmed; missing cells are empty."""
    fault: str = ""
    raw: Sequence[str] = ()
    """As it stood in the file, to be given back if the row is rejected."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file whose first line was understood."""

    columns: tuple[str, ...]
    """Their names as `column_name` writes them."""
    headings: tuple[str, ...]
    """Their names as they stand in the file."""
    delimiter: str
    rows: Iterator[Row]
    """Once, in order. Raises RequestError at a line from which on nothing can be read."""

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that rows have: all but those that a file of rejected rows begins with."""
        return _named(self.columns)


def read_sheet(data: bytes, *, encoding: str = "", any_status: bool = False) -> Sheet:
    """Read a CSV file: any delimiter of `,;|` and tab, any line ends, UTF-8 or UTF-16 unless `encoding` says more.

    A first line that only says the delimiter, as Excel writes it (`sep=;`), is heeded. A column that says who left
    another tool is taken for an attribute only with `any_status`. Raises RequestError for a file that cannot be used.
    """
    if len(data) > MAX_FILE:
        raise RequestError("The file is larger than 256 MiB", hint="Import it in several parts")
    if data.startswith(_WORKBOOKS):
        raise RequestError("The file is an Excel workbook", hint="Save it as CSV (UTF-8), and import that")
    text = _decode(data, encoding)
    said = _SEPARATOR.match(text)
    text = text[said.end() :] if said else text  # its line end stays, so that lines are counted as in the file
    first_line = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    if not first_line:
        raise RequestError("The file is empty", hint=_FIRST_LINE)
    delimiter = said[1] if said else _delimiter(first_line)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    headings = _headings(reader)
    columns = tuple(column_name(heading) for heading in headings)
    if not any_status:
        refuse_status(headings)
    check_columns(columns, headings)
    return Sheet(columns, headings, delimiter, _rows(lines, reader, columns))


def _decode(data: bytes, encoding: str) -> str:
    try:
        encoding = codecs.lookup(encoding).name if encoding else _encoding(data)
        if encoding in _NOT_OF_FILES:
            raise LookupError
        return data.decode(encoding)
    except (LookupError, UnicodeEncodeError) as error:
        raise WrongUsageError(f"There is no encoding called {encoding!r} for text files") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RequestError(
            f"Line {line} is not {encoding.upper().removesuffix('-SIG')} text",
            hint="Save the file as UTF-8 (in Excel: “CSV UTF-8”), or name its encoding: --encoding windows-1252",
        ) from error


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:400]
    # Text of mostly Latin letters without a mark: every other byte of UTF-16 is zero.
    if head and head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head and head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return "utf-8"


def _delimiter(line: str) -> str:
    """The one that makes the most columns of the first line, with an email column if any of them gives one."""

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
        raise RequestError("The file is empty but for delimiters", hint=_FIRST_LINE)
    while not headings[-1].strip():  # spreadsheets like to leave empty columns at the end
        headings.pop()
    for position, heading in enumerate(headings, start=1):
        if fault := _fault(heading):
            raise RequestError(f"The name of column {position} {fault}")
    return tuple(heading.strip() for heading in headings)


class _Lines:
    """The lines of a text, one after the other; the latest is kept, for rows that cannot be read."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")  # as they end: a return inside quotes stays one
        self.latest = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.latest = next(self._lines)
        return self.latest


def _rows(lines: _Lines, reader: Reader, columns: Sequence[str]) -> Iterator[Row]:
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num != begin:  # it went wrong after a line end inside quotes: where is the next row's begin?
                raise RequestError(
                    f"From line {begin} on the file cannot be read: {error}",
                    hint="Probably a closing quote is missing there; nothing was imported",
                ) from error
            yield Row(begin, fault=f"The line cannot be read: {error}", raw=[lines.latest.rstrip("\r\n")])
            continue
        if any(cell.strip() for cell in cells):
            yield _row(begin, cells, columns)


def _row(line: int, cells: Sequence[str], columns: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        return Row(line, fault=f"The row has {len(cells)} cells, the first line {len(columns)}", raw=cells)
    named = {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    for column, cell in named.items():
        if fault := _fault(cell):
            return Row(line, fault=f"The cell {column} {fault}", raw=cells)
    return Row(line, {column: restored(named.get(column, "")) for column in _named(columns)}, raw=cells)


def _named(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(columns[len(REJECTED) :] if tuple(columns[: len(REJECTED)]) == REJECTED else columns)


def _fault(cell: str) -> str:
    if len(cell) > MAX_CELL:
        return f"is longer than {MAX_CELL} characters; perhaps a closing quote is missing"
    if cell.isprintable():
        return ""
    for character in cell:
        # Line ends and tabs are somebody's text; other controls are an accident or an attack.
        if (
            (character < " " and character not in "\n\r\t")
            or "\x7f" <= character <= "\x9f"
            or character in "\u2028\u2029"
        ):
            return f"contains a control character (U+{ord(character):04X})"
        if "\ud800" <= character <= "\udfff":
            return f"contains half a character (U+{ord(character):04X}); the file is damaged or has another encoding"
    return ""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before it if need be."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
