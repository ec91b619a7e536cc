"""Headings: what the first line of a file says about its columns. Before: `rows`; after: `decide` reads cells by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from newsletter.errors import RequestError

MAX_COLUMNS = 200

PERSON = ("email", "name", "language", "timezone")
"""The columns that are no attributes."""

_OURS = ("consent", "since", "suppressed")


def column_name(heading: str) -> str:
    """A column's name as an attribute is written in merge fields: `Favourite Topic` → `favourite_topic`."""
    name = "".join(character if character.isalnum() else "_" for character in heading.strip().lower())
    return name.strip("_")


def refuse_status(headings: Sequence[str]) -> None:
    """Raise RequestError for columns in which another tool says who left there: their rows would be confirmed here."""
    found = {heading: tools for heading in headings if (tools := _status_tools(heading))}
    if not found:
        return
    names = list(dict.fromkeys(tool for each in found.values() for tool in each.split(", ") if tool != "any"))
    known = f", as exports of {', '.join(names[:3])}{' and others' * (len(names) > 3)} do" if names else ""
    columns, say = ("columns", "say") if len(found) > 1 else ("column", "says")
    raise RequestError(
        f"The {columns} {', '.join(found)} {say} who may not be written to{known}; nobody was imported",
        hint="Keep only the rows of those who may be written to, and take out the column. If everyone in the file has "
        "confirmed: --status confirmed",
    )


def _status_tools(heading: str) -> str:
    name = "".join(filter(str.isalnum, heading.casefold()))
    if column_name(heading) in _OURS:
        return ""
    return next((tools for pattern, tools in _known().items() if fnmatchcase(name, pattern)), "")


@cache
def _known() -> Mapping[str, str]:
    """Pattern → tools, from the table beside this file."""
    lines = files(__package__).joinpath("status_columns.tsv").read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def check_columns(columns: Sequence[str], headings: Sequence[str]) -> None:
    """Raise RequestError for columns that cannot be told apart or named, and for a file without addresses."""
    if len(columns) > MAX_COLUMNS:
        raise RequestError(f"The file has {len(columns)} columns; at most {MAX_COLUMNS} are read")
    for position, (column, heading) in enumerate(zip(columns, headings, strict=True), start=1):
        if not column:
            raise RequestError(f"Column {position} has no name", hint="Name it in the first line, or take it out")
        if max(len(heading), len(column)) > 64:
            raise RequestError(f"The name of column {position} is longer than 64 characters")
        if column in columns[: position - 1]:
            raise RequestError(f"There are two columns called {column}", hint="Rename one of them, or take it out")
    if "email" not in columns:
        raise RequestError("There is no column called email", hint=_email_hint(columns, headings))


def _email_hint(columns: Sequence[str], headings: Sequence[str]) -> str:
    for column, heading in zip(columns, headings, strict=True):
        if "@" in heading:
            return "The first line must name the columns; here it seems to be a subscriber already"
        if "mail" in column or column.startswith("address"):
            return f"If {heading!r} is the one, rename it to email"
    return f"The first line names: {', '.join(headings)}"
