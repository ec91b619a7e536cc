"""Headings: the columns of a file, read from its first line. Before: `rows`; after: `decide` reads the cells.

In code a column is named like an attribute (`favourite_topic`); the further columns of our own export are words with a
colon: `consent:weekly`, `consent:` for every list, `suppressed:`.
"""

import re
from collections.abc import Collection, Sequence
from shlex import quote

from newsletter.audience.importing.cells import column_name
from newsletter.audience.importing.status import refuse_status_columns, status_tools
from newsletter.errors import RequestError

MAX_COLUMNS = 200

PERSON = ("email", "name", "language", "timezone")
CONSENT = ("consent", "since", "how", "basis")
"""Our export's columns for a subscription; for one of several lists as `consent:weekly`."""
SUPPRESSED = ("suppressed", "suppressed_since", "suppressed_note")

PAUSED = "paused_until"
"""Our export's column for a break."""

OBJECT = "attributes"
"""The column of our export and others for attributes that are no text, in a JSON object."""

REJECTED = ("line", "reason")
"""The first columns of a file of rejected rows, which can be corrected and imported as it is."""

_ATTRIBUTE = "attribute:"
"""Prefix of an attribute's name that would otherwise mean something else."""
_OF_A_LIST = re.compile(rf"({'|'.join(CONSENT)}):[a-z0-9-]+")


def attribute_heading(name: str) -> str:
    """How an export writes an attribute's name, so that an import takes it for nothing else."""
    return _ATTRIBUTE + name if name in (*CONSENT, *SUPPRESSED, PAUSED, OBJECT) or status_tools(name) else name


def read_headings(headings: Sequence[str], *, any_status: bool, known: Collection[str] = ()) -> tuple[str, ...]:
    """The columns of a file. Raises RequestError for ambiguous columns and for a file without addresses.

    A status column of another tool is refused unless it is a `known` heading, or any with `any_status`.
    """
    names = [column_name(heading) for heading in headings]
    columns = tuple(_column(heading.lower(), name, names) for heading, name in zip(headings, names, strict=True))
    if not any_status:
        refuse_status_columns(
            heading for heading in unknown_columns(columns, headings).values() if heading not in known
        )
    _check(columns, headings)
    return columns


def named_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of the rows: all but `REJECTED`, which the file may hold once more as columns of its own."""
    return tuple(columns[len(REJECTED) :] if tuple(columns[: len(REJECTED)]) == REJECTED else columns)


def unknown_columns(columns: Sequence[str], headings: Sequence[str]) -> dict[str, str]:
    """Column → heading, for those that are neither ours nor called an attribute."""
    return {
        column: heading
        for column, heading in zip(columns, headings, strict=True)
        if not (column in PERSON or ":" in column or heading.lower().startswith(_ATTRIBUTE))
    }


def is_our_export(headings: Sequence[str]) -> bool:
    """Whether the file says in our own words who may be written to."""
    of_lists = filter(_OF_A_LIST.fullmatch, map(str.lower, headings))
    return bool({"consent", "suppressed"} & set(map(column_name, headings))) or any(of_lists)


def lists_named(columns: Sequence[str]) -> set[str]:
    """The lists whose consent the columns give; an empty name is every list."""
    return {column.partition(":")[2] for column in columns if column.startswith("consent:")}


def _column(heading: str, name: str, names: Sequence[str]) -> str:
    if heading.startswith(_ATTRIBUTE):
        return column_name(heading.removeprefix(_ATTRIBUTE))
    if _OF_A_LIST.fullmatch(heading):
        return heading
    if any(name in ours and ours[0] in names for ours in (CONSENT, SUPPRESSED, (PAUSED,), (OBJECT,))):
        return f"{name}:"
    return name


def _check(columns: Sequence[str], headings: Sequence[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise RequestError(f"The file has {len(columns)} columns; at most {MAX_COLUMNS} are read")
    ours = len(columns) - len(named_columns(columns))
    for position, (column, heading) in enumerate(zip(columns, headings, strict=True), start=1):
        if not column:
            raise RequestError(f"Column {position} has no name", hint="Name it in the first line, or take it out")
        if max(len(heading), len(column)) > 80:
            raise RequestError(f"The name of column {position} is longer than 80 characters")
        if column in columns[ours : position - 1]:
            raise RequestError(
                f"There are two columns called {column.rstrip(':')}", hint="Rename one of them, or take it out"
            )
    if "email" not in columns:
        raise RequestError("There is no column called email", hint=_email_hint(columns, headings))
    if len(lists := lists_named(columns)) > 1 and "" in lists:
        raise RequestError("There is a column consent beside those of single lists", hint="Take one of them out")


def _email_hint(columns: Sequence[str], headings: Sequence[str]) -> str:
    for column, heading in zip(columns, headings, strict=True):
        if "@" in heading:
            return "The first line must name the columns; here it seems to be a subscriber already"
        if "mail" in column or column.startswith("address"):
            return f"If {heading!r} is the one: --map {quote(f'{heading}=email')}"
    return f"The first line names: {', '.join(headings)}"
