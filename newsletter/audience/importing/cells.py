"""Cells: the text of one CSV cell, made safe when read and written; importing restores what exporting wrote."""

import csv
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from math import isfinite
from typing import IO, Any, NoReturn

from newsletter.audience.subscriber import Attribute

MAX_CELL = 10_000
"""Characters."""

_BREAKS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Line ends to some programs, besides the line feed."""

_VISIBLE = re.compile("[\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
"""Format characters (Cf) that text needs: joiners of Persian, Indic scripts and emoji; signs that enclose digits."""

_FORMULA = "'*[=+\\-@＝＋－＠\t]"
"""The start of a line that a spreadsheet may take for a formula, with or without apostrophes before it."""
_LINE_OF_FORMULA = re.compile(f"^(?={_FORMULA})", re.MULTILINE)
_APOSTROPHE = re.compile(f"^'(?={_FORMULA})", re.MULTILINE)
_TEXT_FORMULA = re.compile(r'(?s)\s*="((?:[^"]|"")*)"\s*')
"""How a spreadsheet keeps the zeros of `="0049"`."""

_MAX_INTEGER = 2**53
"""Larger numbers change in programs that read them as floating point, or write them without an exponent."""


LINK_ID = "link_id"
"""The attribute that holds the id by which another tool's unsubscribe links name a subscriber."""


def clean(cell: str) -> str:
    """Trimmed text without invisible control characters; only line feeds end lines."""
    if cell.isprintable():
        return cell.strip()
    cell = _BREAKS.sub(" ", cell.replace("\r\n", "\n"))
    return "".join(character for character in cell if not _is_invisible(character)).strip()


def words(text: str) -> str:
    """What an operator says, clean; half characters, which no database keeps, are replaced."""
    return clean(text).encode("utf-8", "replace").decode()


def read(cell: str) -> str:
    """The text of a name or attribute in a file, clean and without the apostrophes of `harmless`."""
    cell = clean(unwrapped(cell))
    return clean(restored(cell)) if "'" in cell else cell  # again: a tab may follow the apostrophe


def unwrapped(cell: str) -> str:
    """The text that a spreadsheet's formula `="text"` shows."""
    found = _TEXT_FORMULA.fullmatch(cell) if "=" in cell else None
    return found[1].replace('""', '"') if found else cell


def read_object(cell: str) -> dict[str, Attribute] | None:
    """The attributes in a JSON object, clean and named like columns; None for a cell that is no such object."""
    try:
        found = json.loads(cell, parse_constant=_refuse) if cell.startswith("{") else None
        json.dumps(found, ensure_ascii=False).encode()  # half characters
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    values = ((column_name(name), _clean_value(value)) for name, value in found.items())
    return {name: value for name, value in values if name and value not in (None, "")}


def column_name(heading: str) -> str:
    """A column's name as an attribute is written in merge fields: `Favourite Topic` → `favourite_topic`."""
    name = "".join(character if character.isalnum() else "_" for character in heading.strip().lower())
    return name.strip("_")


def dropped(cell: str) -> tuple[str, ...]:
    """The invisible characters that `clean` removes, and half characters, as `U+202E`, each once."""
    if cell.isprintable():
        return ()
    found = dict.fromkeys(
        character
        for character in cell
        if (_is_invisible(character) or "\ud800" <= character <= "\udfff") and not _BREAKS.match(character)
    )
    return tuple(f"U+{ord(character):04X}" for character in found)


def harmless(cell: str) -> str:
    """A cell without formulas: lines that a spreadsheet may take for one get an apostrophe in front."""
    return _LINE_OF_FORMULA.sub("'", cell)


def escaped(cell: str) -> str:
    """A cell whose formulas stay; one gets an apostrophe where `read` would remove an apostrophe or `="…"`."""
    return "'" * bool(_TEXT_FORMULA.fullmatch(cell)) + _APOSTROPHE.sub("''", cell)


def restored(cell: str) -> str:
    """The cell that `harmless` or `escaped` was given."""
    return _APOSTROPHE.sub("", cell)


def row_writer(out: IO[str], *, raw: bool = False, delimiter: str = ",") -> Callable[[Iterable[str]], object]:
    """A function that writes one row of a CSV file; `out` was opened with `newline=""`.

    Cells are `harmless`, or with `raw` only `escaped`; importing restores either.
    """
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    guarded = escaped if raw else harmless
    # Not every version of the writer puts a cell in quotes for a return, and no reader agrees on the other breaks.
    return lambda cells: writer.writerow([guarded(_BREAKS.sub(" ", cell)) for cell in cells])


def fault(cell: str) -> str:
    """Why a cell cannot be used; empty if it can."""
    if len(cell) > MAX_CELL:
        return f"is longer than {MAX_CELL} characters; perhaps a closing quote is missing"
    if not cell.isprintable() and (half := re.search("[\ud800-\udfff]", cell)):
        return f"contains half a character (U+{ord(half[0]):04X}); the file is damaged or has another encoding"
    return ""


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return (category == "Cc" and character not in "\n\t") or (category == "Cf" and not _VISIBLE.match(character))


def _clean_value(value: Any) -> Any:
    """Of JSON: clean texts, and numbers that every database and program keeps."""
    match value:
        case str():
            return clean(value)
        case list():
            return [_clean_value(one) for one in value]
        case dict():
            return {clean(name): _clean_value(one) for name, one in value.items()}
        case float() if not isfinite(value):
            return None
        case int() | float() if abs(value) > _MAX_INTEGER:
            return str(value)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
