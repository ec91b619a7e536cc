"""Importing: what each row of a file makes of an audience. Before: `rows`; after: one verdict per row, and a store.

Rows are read and judged first, without the database; then one transaction looks up who is there, decides, and writes.
So a crash at any moment leaves either everything or nothing, and the same command can simply be said again. The price
is that other writers wait while a file is written, on SQLite a second for every ten thousand rows or so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Protocol

from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin, import_consent
from newsletter.audience.rows import Row
from newsletter.audience.subscriber import Subscriber
from newsletter.audience.suppression import SuppressionReason
from newsletter.errors import AddressError
from newsletter.language import language_tag
from newsletter.timezone import is_time_zone

CHUNK = 500
"""Rows looked up and written with one statement."""


class OnConflict(StrEnum):
    """What becomes of what we know of a person who is there already."""

    SKIP = "skip"
    UPDATE = "update"
    """Cells that are not empty replace it; attributes the file does not name stay."""


class VerdictKind(StrEnum):
    """Exactly one is true of every row."""

    IMPORTED = "imported"
    """The person came onto at least one of the lists."""
    UPDATED = "updated"
    """Was on them already; what we know of them is now what the row says."""
    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one row."""

    line: int
    kind: VerdictKind
    reason: str = ""
    notes: tuple[str, ...] = ()
    """What of the row could not be used although the person was taken: a time zone that does not exist."""
    raw: Sequence[str] = ()
    """The cells of a rejected row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that names a person we can write to."""

    line: int
    address: Address
    address_hash: str
    name: str = ""
    language: str = ""
    timezone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of one person."""

    subscriber: Subscriber | None = None
    consents: Mapping[str, Consent] = field(default_factory=dict)
    """By the slug of the list."""
    suppression: SuppressionReason | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What the store is to write for one person."""

    address: Address
    address_hash: str
    name: str
    language: str
    timezone: str
    attributes: Mapping[str, str]
    subscriber: int | None
    """Their id; None: a new person."""
    writes_person: bool
    """Whether name, language, time zone and attributes are written, not only subscriptions."""
    consents: Mapping[str, Consent]
    """Subscriptions to add, by the slug of the list."""


class ImportStore(Protocol):
    """What importing asks of whoever keeps people; all of it inside one transaction."""

    def known(self, address_hashes: Sequence[str]) -> Mapping[str, Known]:
        """What is known of these people; who is missing is unknown."""
        ...

    def apply(self, changes: Sequence[Change], origin: Origin) -> None:
        """Write these changes; nobody's consent that is there already is touched."""
        ...


def read_entry(row: Row, hash_of: Callable[[str], str]) -> Entry | Verdict:
    """The person a row names, or why it is rejected. `hash_of` makes the keyed hash of a canonical address."""
    if row.fault:
        return Verdict(row.line, VerdictKind.REJECTED, row.fault, raw=row.raw)
    cells = dict(row.cells)
    try:
        address = parse_address(cells.pop("email", ""))
    except AddressError as error:
        return Verdict(row.line, VerdictKind.REJECTED, str(error), raw=row.raw)
    notes: list[str] = []
    language, timezone = cells.pop("language", ""), cells.pop("timezone", "")
    tag = language_tag(language) if language else ""
    if tag is None:
        notes.append(f"{language[:40]!r} is no language tag, such as en or zh-Hant; the person was taken without one")
    if timezone and not is_time_zone(timezone):
        notes.append(f"there is no time zone {timezone[:40]!r}; the person was taken without one")
        timezone = ""
    return Entry(
        line=row.line,
        address=address,
        address_hash=hash_of(address.canonical),
        name=" ".join(cells.pop("name", "").split()),
        language=tag or "",
        timezone=timezone,
        attributes={name: value for name, value in cells.items() if value},
        notes=tuple(notes),
    )


def judge_repeats(entries: Iterable[Entry | Verdict]) -> Iterator[Entry | Verdict]:
    """Skip the second and every later row of one address."""
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, Entry):
            if entry.address_hash in seen:
                yield Verdict(entry.line, VerdictKind.SKIPPED, "an earlier row has the same address")
                continue
            seen.add(entry.address_hash)
        yield entry


def decide(
    entry: Entry, known: Known, *, wanted: Mapping[str, Consent], on_conflict: OnConflict
) -> tuple[Verdict, Change | None]:
    """What becomes of one person. `wanted` says, per list, which consent somebody new to it gets.

    Consent never gets better by importing: who is suppressed or has left stays so, and pending stays pending.
    """

    def skipped(reason: str) -> tuple[Verdict, None]:
        return Verdict(entry.line, VerdictKind.SKIPPED, reason), None

    if known.suppression is not None:
        return skipped(f"suppressed ({known.suppression.value})")
    present = known.consents
    if wanted and all(present.get(slug) is Consent.UNSUBSCRIBED for slug in wanted):
        return skipped("unsubscribed")
    added = {slug: import_consent(None, consent) for slug, consent in wanted.items() if slug not in present}
    is_new = known.subscriber is None or not known.subscriber.address
    updates = on_conflict is OnConflict.UPDATE
    if not (added or updates):
        return skipped("on the list already")
    change = _change(entry, known.subscriber, writes_person=is_new or updates, consents=added)
    kind = VerdictKind.IMPORTED if added else VerdictKind.UPDATED
    return Verdict(entry.line, kind, notes=entry.notes if change.writes_person else ()), change


def run_import(
    entries: Iterable[Entry | Verdict],
    store: ImportStore,
    *,
    wanted: Mapping[str, Consent],
    on_conflict: OnConflict,
    origin: Origin | None,
) -> Iterator[Verdict]:
    """Decide and write everything, 500 people at a time; one verdict per row, in order.

    Without an `origin` nothing is written: a dry run.
    """
    remaining = iter(entries)
    while chunk := list(islice(remaining, CHUNK)):
        known = store.known([entry.address_hash for entry in chunk if isinstance(entry, Entry)])
        changes: list[Change] = []
        for entry in chunk:
            if isinstance(entry, Verdict):
                yield entry
                continue
            verdict, change = decide(
                entry, known.get(entry.address_hash, Known()), wanted=wanted, on_conflict=on_conflict
            )
            changes += [change] if change else []
            yield verdict
        if changes and origin:
            store.apply(changes, origin)


def _change(
    entry: Entry, subscriber: Subscriber | None, *, writes_person: bool, consents: Mapping[str, Consent]
) -> Change:
    """The row over what was known; an empty cell takes nothing away."""
    before = subscriber or Subscriber(0, "", "")
    return Change(
        address=entry.address,
        address_hash=entry.address_hash,
        name=entry.name or before.name,
        language=entry.language or before.language,
        timezone=entry.timezone or before.timezone,
        attributes={**before.attributes, **entry.attributes},
        subscriber=subscriber.id if subscriber else None,
        writes_person=writes_person,
        consents=consents,
    )
