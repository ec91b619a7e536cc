"""Cells: the text of one cell, made safe on its way in and out, so that exporting and importing give it back."""

from __future__ import annotations

import re
import unicodedata

MAX_CELL = 10_000
"""Characters."""

_BREAKS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What some program takes for the end of a line, besides the line feed."""

_VISIBLE = re.compile("[\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
"""Format characters (Cf) that text needs: joiners of Persian, Indic scripts and emoji; signs that enclose digits."""

_FORMULA = "'*[=+\\-@＝＋－＠\t]"
"""How a line begins that a spreadsheet may take for a formula, apostrophes before it or not."""
_LINE_OF_FORMULA = re.compile(f"^(?={_FORMULA})", re.MULTILINE)
_APOSTROPHE = re.compile(f"^'(?={_FORMULA})", re.MULTILINE)


def clean(cell: str) -> str:
    """Trimmed text without invisible control characters; a line ends with a line feed and with nothing else."""
    if cell.isprintable():
        return cell.strip()
    cell = unbroken(cell.replace("\r\n", "\n"))
    return "".join(character for character in cell if not _is_invisible(character)).strip()


def read(cell: str) -> str:
    """The text of a name or an attribute as it stands in a file, clean and without the apostrophes of `harmless`."""
    cell = clean(cell)
    return clean(restored(cell)) if "'" in cell else cell  # again: behind an apostrophe a tab may stand first


def dropped(cell: str) -> tuple[str, ...]:
    """The invisible characters that `clean` leaves out, as `U+202E`, each once."""
    if cell.isprintable():
        return ()
    found = dict.fromkeys(character for character in cell if _is_invisible(character) and not _BREAKS.match(character))
    return tuple(f"U+{ord(character):04X}" for character in found)


def unbroken(cell: str) -> str:
    """The cell with a space for everything but a line feed that could end a line, and so begin a row."""
    return _BREAKS.sub(" ", cell)


def harmless(cell: str) -> str:
    """A cell without formulas: an apostrophe stands before each line that a spreadsheet may take for one."""
    return _LINE_OF_FORMULA.sub("'", cell)


def escaped(cell: str) -> str:
    """A cell whose formulas stay; an apostrophe more where `restored` would take one off."""
    return _APOSTROPHE.sub("''", cell)


def restored(cell: str) -> str:
    """What `harmless` or `escaped` was given."""
    return _APOSTROPHE.sub("", cell)


def fault(cell: str) -> str:
    """Why a cell cannot be used; empty when it can."""
    if len(cell) > MAX_CELL:
        return f"is longer than {MAX_CELL} characters; perhaps a closing quote is missing"
    if not cell.isprintable() and (half := re.search("[\ud800-\udfff]", cell)):
        return f"contains half a character (U+{ord(half[0]):04X}); the file is damaged or has another encoding"
    return ""


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return (category == "Cc" and character not in "\n\t") or (category == "Cf" and not _VISIBLE.match(character))
