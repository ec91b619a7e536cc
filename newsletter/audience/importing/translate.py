"""Translating: a row of another tool's export as our own export would write it. Before: `rows`; after: `decide`."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from newsletter.audience.consent import Consent
from newsletter.audience.importing.cells import LINK_ID, read, read_object
from newsletter.audience.importing.headings import OBJECT, PERSON
from newsletter.audience.importing.profiles import CSV, Profile, State, Terms, strongest
from newsletter.audience.importing.rows import Row, Sheet
from newsletter.audience.subscriber import Attribute, text_of

_MAILBOX = re.compile(r"([^<>]*?)\s*<\s*([^<>]*?)\s*>")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)(?: ?(Z|[+-]\d\d:?\d\d)(?: \S+)?| UTC| GMT)?"
)
"""With what Go and Ruby write after it: `2024-05-03 10:20:30.5 +0200 CEST`, `2024-05-03 10:20:30 UTC`."""
_EVIDENCE = (
    ("created", "created_at", ""),
    ("opted in", "opted_in_at", "opted_in_from"),
    ("confirmed", "confirmed_at", "confirmed_from"),
    ("left", "left_at", "left_why"),
)
_NAMES = ("first_name", "last_name")
_STAYED, _LEFT = ("confirmed_at", "opted_in_at", "created_at"), ("left_at",)


def translated(row: Row, sheet: Sheet, terms: Terms) -> Row:
    """The row with consent or suppression in the columns of our own export, a name, and attributes with their types.

    Rows of our own export stay as they are. A plain CSV file has no consent of its own, unless the operator says
    that its addresses are unsubscribed or suppressed.
    """
    if row.fault:
        return row
    if sheet.profile is None:
        cell = row.cells.get(f"{OBJECT}:", "")
        found = read_object(cell) if cell else {}
        return replace(row, attributes=found or {}, fault="" if found is not None else f"{OBJECT} is no JSON object")
    try:
        state = _state(row, sheet, sheet.profile, terms)
    except ValueError as error:
        return replace(row, fault=str(error))
    read_on, facts = _read(row, sheet)
    return read_on if state is None else _with_state(read_on, state, sheet.profile, terms, facts)


def _read(row: Row, sheet: Sheet) -> tuple[Row, Mapping[str, str]]:
    """The row with its name, address and attributes, and the cells of the profile's other meanings."""
    if sheet.is_plain:
        name, address = mailbox(row.cells["email"])
        cells = {**row.cells, "email": address}
        if name and not cells.get("name"):
            cells["name"] = name
        return Row(row.line, cells, raw=row.raw, notes=row.notes), {}
    facts: dict[str, str] = {}
    cells = {}
    person: dict[str, str] = {}
    attributes: dict[str, Attribute] = {}
    notes = row.notes
    for column, cell in row.cells.items():
        meaning = sheet.meanings.get(column, "")
        if meaning == "object":
            if (found := read_object(cell)) is not None:
                attributes |= found
                for name in set(PERSON) & set(found):  # ours have columns of their own
                    person[name] = text_of(attributes.pop(name))
            elif cell:
                cells[column.rstrip(":")] = cell
                notes += (f"{column.rstrip(':')} is no JSON object; it was kept as text",)
        elif meaning == LINK_ID:
            if cell:
                attributes[LINK_ID] = cell
        elif meaning == "tags":
            if tags := list(_tags(cell)):
                attributes["tags"] = tags
        elif meaning.endswith(("_at", "_from", "_why")):
            facts[meaning] = cell
        else:
            if column not in sheet.states:
                cells[column] = cell
            if meaning in _NAMES:
                facts[meaning] = facts.get(meaning) or cell
    name, cells["email"] = mailbox(cells["email"])
    person["name"] = name or " ".join(filter(None, map(facts.get, _NAMES))) or person.get("name", "")
    cells |= {name: value for name, value in person.items() if value and name != "email" and not cells.get(name)}
    return Row(row.line, cells, raw=row.raw, notes=notes, attributes=attributes), facts


def mailbox(cell: str) -> tuple[str, str]:
    """Name and address of `Ann Lee <ann@example.org>`; without `mailto:`, quotes and a leading apostrophe."""
    if "<" not in cell and cell[:1] not in "\"'" and cell[:7].lower() != "mailto:":  # nearly every one
        return "", cell.strip()
    name, address = found.groups() if (found := _MAILBOX.fullmatch(cell)) else ("", cell)
    if address[:7].lower() == "mailto:":
        address = address[7:].partition("?")[0]
    if len(address) > 1 and address[0] == address[-1] == '"':
        address = address[1:-1]
    return read(name.strip(" \"'")), address.removeprefix("'").strip()


def moment(cell: str) -> datetime | None:
    """A time in any form of ISO 8601 and of the tools, UTC unless it says otherwise; None if it is no such time."""
    try:
        parts = _MOMENT.fullmatch(cell.strip())
        found = datetime.fromisoformat("".join(filter(None, parts.groups())) if parts else "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _state(row: Row, sheet: Sheet, profile: Profile, terms: Terms) -> State | None:
    """Raises ValueError for a row that may not be understood as one of somebody who stayed."""
    if profile.key == CSV and terms.status not in (State.UNSUBSCRIBED, State.SUPPRESSED):
        return None
    found = [terms.status] if terms.status else []
    if of_file := profile.state_of_file(terms.file_name):
        found.append(of_file)
    unclear: ValueError | None = None
    for column, heading in sheet.states.items():
        try:
            if said := profile.state_of_cell(heading, row.cells.get(column, "")):
                found.append(said)
        except ValueError as error:
            unclear = unclear or error
    state = strongest(found)
    if state not in (State.UNSUBSCRIBED, State.SUPPRESSED):
        if unclear:
            raise unclear
        if state is None:
            raise ValueError(f"The row does not say whether this is a subscriber in {profile.name}")
    return state


def _with_state(row: Row, state: State, profile: Profile, terms: Terms, facts: Mapping[str, str]) -> Row:
    if state is State.NONE:
        return replace(row, left_out=f"not subscribed in {profile.name}")
    times = {fact: moment(facts[fact]) for fact in (*_STAYED, *_LEFT) if facts.get(fact)}
    notes = [f"{facts[fact][:40]!r} is no date and time" for fact, time in times.items() if time is None]
    has_left = state in (State.UNSUBSCRIBED, State.SUPPRESSED)
    since = next((time.isoformat() for fact in (_LEFT if has_left else _STAYED) if (time := times.get(fact))), "")
    evidence = _evidence(facts, profile)
    if state is State.SUPPRESSED:  # of an address that is never to be written to nothing else is kept
        note = "; ".join(filter(None, [terms.basis, evidence])) or f"suppressed in {profile.name}"
        cells = {"email": row.cells["email"], "suppressed:": "manual"}
        return replace(row, cells=cells | {"suppressed_since:": since, "suppressed_note:": note}, attributes={})
    consent, is_unproved = _consent(state, terms, has_time=times.get("confirmed_at") is not None)
    own = {"consent:": consent.value, "since:": since, "basis:": "; ".join(filter(None, [terms.basis, evidence]))}
    return replace(row, cells={**row.cells, **own}, notes=(*row.notes, *notes), from_tool=True, is_unproved=is_unproved)


def _consent(state: State, terms: Terms, *, has_time: bool) -> tuple[Consent, bool]:
    """The consent here, and whether it is pending only for want of evidence."""
    if state is State.SUBSCRIBED:
        proved = terms.consent or (Consent.CONFIRMED if has_time or terms.basis else None)
        return proved or Consent.PENDING, proved is None
    return Consent(state.value), False


def _evidence(facts: Mapping[str, str], profile: Profile) -> str:
    """Times and networks in the words of the file, as `Mailchimp: opted in 2020-05-03 10:00:00 (192.0.2.1)`."""
    found = [
        f"{what} {facts[at]}{f' ({facts[more]})' if facts.get(more) else ''}"
        for what, at, more in _EVIDENCE
        if facts.get(at)
    ]
    return f"{profile.name}: {', '.join(found)}" if found else ""


def _tags(cell: str) -> Iterator[str]:
    """Tags of one cell, each perhaps in quotes."""
    for tags in csv.reader(cell.splitlines(), skipinitialspace=True):
        yield from filter(None, map(str.strip, tags))
