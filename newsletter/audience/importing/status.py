"""Status columns: where exports of other tools say who may not be written to. A file with one is refused.

They are known by their heading (`status_columns.tsv`) or by what their cells contain (`status_words.tsv`).
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files

from newsletter.errors import RequestError

_MAX_WORD = 60
"""Characters of a cell that can be a status."""
_MOST_SHOWN = 5

_HINT = (
    "If a known tool wrote the file, name it with --from. Else keep only the rows of subscribers who may be written "
    "to, and remove the column. If all of them have confirmed: --status confirmed"
)


def status_tools(heading: str) -> str:
    """The tools whose exports have a status column with this heading; empty if it is none."""
    name = folded(heading)
    return next((tools for pattern, tools in _table("status_columns.tsv") if fnmatchcase(name, pattern)), "")


def refuse_status_columns(headings: Iterable[str]) -> None:
    """Raises RequestError for headings of status columns."""
    found = {heading: tools for heading in headings if (tools := status_tools(heading))}
    if not found:
        return
    names = list(dict.fromkeys(tool for each in found.values() for tool in each.split(", ") if tool != "any"))
    known = f", as exports of {', '.join(names[:3])}{' and others' * (len(names) > 3)} do" if names else ""
    columns = "columns" if len(found) > 1 else "column"
    raise RequestError(
        f"Status {columns} {', '.join(found)}, with subscribers who may not be written to{known}; nothing was imported",
        hint=_HINT,
    )


class StatusWords:
    """Cells that are a status such as `unsubscribed`: each word is kept once per column, with its first line."""

    def __init__(self, headings: Mapping[str, str]) -> None:
        """`headings`: column → as in the file."""
        self._headings = headings
        self._words = {column: _words(heading) for column, heading in headings.items()}
        self._found: dict[str, dict[str, str]] = {}

    def look(self, line: int, cells: Mapping[str, str]) -> None:
        """Look at the cells of one row."""
        for column, words in self._words.items():
            cell = cells.get(column, "")
            if cell and len(cell) <= _MAX_WORD and (word := folded(cell)) in words:
                self._found.setdefault(column, {}).setdefault(word, f"{cell} (line {line})")

    def refuse(self) -> None:
        """Raises RequestError if there were any."""
        if not self._found:
            return
        columns = "; column ".join(
            f"{self._headings[column]} contains {_listed([*words.values()])}" for column, words in self._found.items()
        )
        raise RequestError(
            f"Column {columns}: such subscribers may not be written to; nothing was imported",
            hint=f"{_HINT}. An ordinary attribute needs the prefix attribute: in the first line",
        )


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:_MOST_SHOWN]) + " and others" * (len(values) > _MOST_SHOWN)


def _words(heading: str) -> Collection[str]:
    """The words that are a status in the column of this heading, folded."""
    name = folded(heading)
    lists = [words for pattern, words in _table("status_words.tsv") if fnmatchcase(name, pattern)]
    return {folded(word) for words in lists for word in words.split(", ")}


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Letters and digits, without case and accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text.casefold())))


@cache
def _table(name: str) -> Sequence[tuple[str, str]]:
    """Pattern of a folded heading, and the second column, from a table beside this file."""
    lines = files(__package__).joinpath(name).read_text("utf-8").splitlines()
    pairs = [line.partition("\t") for line in lines if not line.startswith("#")]
    return [("*".join(map(folded, pattern.split("*"))), rest) for pattern, _, rest in pairs]
