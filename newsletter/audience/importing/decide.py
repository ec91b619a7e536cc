"""Importing: what each row of a file changes in the audience. Before: `rows`; after: `storage/audience` writes it.

Rows are read and staged first, without blocking other writers; then one transaction looks up the subscribers, decides
and writes. A crash at any moment leaves either everything or nothing, and the same command can be given again. Other
writers wait for that transaction: on SQLite for seconds when there are hundreds of thousands of rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin
from newsletter.audience.importing.headings import CONSENT, PAUSED, SUPPRESSED
from newsletter.audience.importing.rows import Row
from newsletter.audience.subscriber import Attribute, Subscription
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.errors import AddressError
from newsletter.language import language_tag
from newsletter.timezone import is_time_zone

_MAX_HOW = 32

_Word = TypeVar("_Word", bound=StrEnum)


class OnConflict(StrEnum):
    """Whether a row changes the data of a subscriber who is known already."""

    SKIP = "skip"
    UPDATE = "update"
    """Cells that are not empty replace it. Attributes that the file does not name stay, as does the address."""


class VerdictKind(StrEnum):
    """Exactly one is true of every row."""

    IMPORTED = "imported"
    """Subscribed to at least one of the lists, or an address was suppressed that is no subscriber's."""
    UPDATED = "updated"
    """Subscribed already; the row changed the subscriber's data, unsubscribed or suppressed them."""
    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot be used, whatever the audience."""

    line: int
    reason: str
    raw: Sequence[str] = ()
    """Its cells."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with a valid address."""

    line: int
    address: Address
    address_hash: str
    name: str = ""
    language: str = ""
    timezone: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    """From the row's own consent columns; one without a list's name holds for every list of the import."""
    suppression: Suppression | None = None
    paused_until: datetime | None = None
    from_tool: bool = False
    """Whether another tool's export said its consent."""
    notes: tuple[str, ...] = ()
    """What could not be used although the row is imported: a time zone that does not exist."""

    @property
    def is_subscriber(self) -> bool:
        """Whether it describes a subscriber, and not only an address that is suppressed."""
        known = (
            self.name or self.language or self.timezone or self.attributes or self.subscriptions or self.paused_until
        )
        return self.suppression is None or bool(known)


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of a row and its subscriber that decide what happens to the row."""

    is_subscriber: bool = True
    """As of the entry."""
    suppresses: bool = False
    has_address: bool = False
    """Whether the subscriber exists and is not erased."""
    suppression: SuppressionReason | None = None
    wanted: int = 1
    """How many lists the row subscribes to."""
    subscribed: int = 0
    """How many of these have a subscription, whatever its consent."""
    unsubscribed: int = 0
    """How many of these the subscriber has unsubscribed from."""
    opt_outs: int = 0
    """For how many of these the row has an unsubscribe later than the known consent."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens to the rows with the same facts."""

    kind: VerdictKind
    reason: str = ""
    writes_subscriber: bool = False
    """Whether name, language, time zone and attributes are written, not only subscriptions."""


def read_entry(row: Row, hash_of: Callable[[str], str], origin: Origin) -> Entry | Rejection:
    """The entry of a row, or why it is rejected.

    `hash_of` makes the keyed hash of a canonical address; `origin` applies to consents without one in the row.
    """
    if row.fault:
        return Rejection(row.line, row.fault, row.raw)
    cells = dict(row.cells)
    try:
        address = parse_address(cells.pop("email", ""))
        address_hash = hash_of(address.canonical)
        ours = [column for column in cells if ":" in column]
        suppression = _suppression(cells, address, address_hash, origin.at) if ours else None
        subscriptions = tuple(_subscriptions(cells, origin)) if ours else ()
        if "consent:" in cells and not subscriptions and suppression is None:
            raise ValueError("The cell consent is empty")
    except (AddressError, ValueError) as error:
        return Rejection(row.line, str(error), row.raw)
    notes = list(row.notes)
    language, timezone = cells.pop("language", ""), cells.pop("timezone", "")
    tag = language_tag(language) if language else ""
    if tag is None:
        notes.append(f"{language[:40]!r} is no language tag, such as en or zh-Hant; it was ignored")
    if timezone and not is_time_zone(timezone):
        notes.append(f"there is no time zone {timezone[:40]!r}; it was ignored")
        timezone = ""
    paused_until = None
    if pause := cells.pop(f"{PAUSED}:", ""):
        try:
            paused_until = _instant(pause, origin.at)
        except ValueError as error:
            notes.append(f"{error}; the break was ignored")
    return Entry(
        line=row.line,
        address=address,
        address_hash=address_hash,
        name=" ".join(cells.pop("name", "").split()),
        language=tag or "",
        timezone=timezone,
        attributes={**row.attributes, **{name: value for name, value in cells.items() if value and name not in ours}},
        subscriptions=subscriptions,
        suppression=suppression,
        paused_until=paused_until,
        from_tool=row.from_tool,
        notes=tuple(notes),
    )


def decide(known: Known, *, on_conflict: OnConflict) -> Ruling:
    """What happens to a row. An import never re-subscribes anyone: suppressed, unsubscribed and pending stay so. An
    unsubscribe in our own export that is later than the known consent is applied."""
    if known.suppression is not None:
        return Ruling(VerdictKind.SKIPPED, f"suppressed ({known.suppression.value})")
    if not known.is_subscriber:
        return Ruling(VerdictKind.IMPORTED)
    if known.wanted and known.unsubscribed == known.wanted and not known.suppresses:
        return Ruling(VerdictKind.SKIPPED, "unsubscribed")
    updates = on_conflict is OnConflict.UPDATE
    if known.subscribed < known.wanted or not known.has_address:
        return Ruling(VerdictKind.IMPORTED, writes_subscriber=updates or not known.has_address)
    if updates or known.opt_outs or known.suppresses:
        return Ruling(VerdictKind.UPDATED, writes_subscriber=updates)
    return Ruling(VerdictKind.SKIPPED, "on the list already")


def _subscriptions(cells: Mapping[str, str], origin: Origin) -> Iterator[Subscription]:
    """Raises ValueError."""
    for column in [column for column in cells if column.startswith("consent:")]:
        slug = column.partition(":")[2]
        consent, since, how, basis = (cells.get(f"{word}:{slug}", "") for word in CONSENT)
        if not consent:
            continue
        if len(how) > _MAX_HOW:
            raise ValueError(f"The cell how is longer than {_MAX_HOW} characters")
        word = _word(consent, "consent", list(Consent))
        yield Subscription(slug, word, _instant(since, origin.at), how or origin.how, basis or origin.basis)


def _suppression(cells: Mapping[str, str], address: Address, address_hash: str, now: datetime) -> Suppression | None:
    """Raises ValueError."""
    if not cells.get("suppressed:"):
        return None
    word, since, note = (cells.get(f"{name}:", "") for name in SUPPRESSED)
    # An erased one has no address that a file could name.
    reasons = [reason for reason in SuppressionReason if reason is not SuppressionReason.ERASED]
    return Suppression(address_hash, address.text, _word(word, "suppressed", reasons), _instant(since, now), note)


def _word(cell: str, column: str, words: Sequence[_Word]) -> _Word:
    for word in words:
        if cell.lower() == word.value:
            return word
    allowed = " or ".join(word.value for word in words)
    raise ValueError(f"The cell {column} holds {cell[:40]!r} instead of {allowed}. Rename the column if it is another")


def _instant(cell: str, default: datetime) -> datetime:
    if not cell:
        return default
    try:
        found = datetime.fromisoformat(cell)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{cell[:40]!r} is no date and time, such as 2026-11-30T11:38:59+00:00") from error
