"""Importing: what each row of a file makes of an audience. Before: `rows`; after: `storage/importing` writes it.

Rows are read and judged first, while nobody waits; then one transaction looks up who is there, decides, and writes. So
a crash at any moment leaves either everything or nothing, and the same command can simply be said again. The price is
that other writers wait for that transaction, on SQLite for seconds when there are hundreds of thousands of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.audience.address import Address, parse_address
from newsletter.audience.importing.rows import Row
from newsletter.audience.suppression import SuppressionReason
from newsletter.errors import AddressError
from newsletter.language import language_tag
from newsletter.timezone import is_time_zone


class OnConflict(StrEnum):
    """What becomes of what we know of a person who is there already."""

    SKIP = "skip"
    UPDATE = "update"
    """Cells that are not empty replace it; attributes it does not name stay, and so does the address's spelling."""


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
    """What became of a row whatever the audience: rejected, or skipped for an earlier one."""

    line: int
    kind: VerdictKind
    reason: str = ""
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
    """What of the row could not be used although the person is taken: a time zone that does not exist."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the person a row names, as far as it bears on the lists they are to come onto."""

    has_address: bool = False
    """Whether they are a subscriber, and not an erased one."""
    suppression: SuppressionReason | None = None
    subscribed: int = 0
    """To how many of the lists they have a subscription, whatever it says."""
    left: int = 0
    """In how many of these they have unsubscribed."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of the people of whom the same is known."""

    kind: VerdictKind
    reason: str = ""
    writes_person: bool = False
    """Whether name, language, time zone and attributes are written, not only subscriptions."""


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


def decide(known: Known, *, lists: int, on_conflict: OnConflict) -> Ruling:
    """What becomes of a person who is to come onto so many lists.

    Consent never gets better by importing: who is suppressed or has left stays so, and pending stays pending.
    """
    if known.suppression is not None:
        return Ruling(VerdictKind.SKIPPED, f"suppressed ({known.suppression.value})")
    if lists and known.left == lists:
        return Ruling(VerdictKind.SKIPPED, "unsubscribed")
    updates = on_conflict is OnConflict.UPDATE
    if known.subscribed < lists:
        return Ruling(VerdictKind.IMPORTED, writes_person=updates or not known.has_address)
    if updates:
        return Ruling(VerdictKind.UPDATED, writes_person=True)
    return Ruling(VerdictKind.SKIPPED, "on the list already")
