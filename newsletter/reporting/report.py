"""Report: what a delivery amounted to, and whether its books balance. Plain values from what storage counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import Recipient, RecipientState


@dataclass(frozen=True, slots=True)
class Counts:
    """What the rows of one delivery say, counted from the rows themselves."""

    counts: Mapping[RecipientState, int]
    """Rows by state; a state without rows may be missing."""
    digest: str
    """SHA-256 over the rows' ids and address hashes in order of id."""
    twice: tuple[str, ...] = ()
    """Recipients of this delivery whose message was accepted more than once, or whose address got the issue twice."""
    disagreeing: tuple[str, ...] = ()
    """Recipients whose attempts say something else than their state."""

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Report:
    """One delivery, for people."""

    delivery: Delivery
    books: Counts
    problems: tuple[str, ...]
    """Why the books do not balance; empty when they do."""
    languages: Mapping[str, int]
    """Recipients by language of the edition they get; who is sent nothing is not among them."""
    reasons: Mapping[RecipientState, Mapping[str, int]]
    """For each state that has reasons: how many rows say which."""
    unknown: tuple[Recipient, ...] = ()
    """Those whose message may or may not have arrived, by name."""
    resent: tuple[Recipient, ...] = field(default=())
    """Those whose message was sent again although an earlier attempt may have arrived, by name."""
    next_at: datetime | None = None
    """When the next recipient may be sent to; None when nobody is left, or somebody is being sent to."""
    cannot_resume: tuple[str, ...] = ()
    """Why `resume` refuses it, although it waits for a person; these are problems, too."""
    attended: bool = False
    """Whether any sending process is believed to be at work."""


def reconcile(delivery: Delivery, books: Counts) -> tuple[str, ...]:
    """Everything in which the books of a delivery do not balance, one sentence each; nothing when all is well.

    stored frozen count = accepted + rejected + deferred + unknown + suppressed + excluded
                          + waiting + claimed + permitted
    stored digest = digest of the rows;  nobody accepted twice;  attempts agree with states
    """
    found = []
    if delivery.frozen_count is not None:
        if books.total != delivery.frozen_count:
            found.append(f"{delivery.frozen_count} recipients were frozen, but the ledger has {books.total}")
        if books.digest != delivery.frozen_digest:
            found.append("The recipients in the ledger are not those that were frozen (their digest differs)")
    if books.twice:
        found.append(f"Accepted more than once: {_some(books.twice)}")
    if books.disagreeing:
        found.append(f"The attempts say something else than the state: {_some(books.disagreeing)}")
    return tuple(found)


def _some(names: tuple[str, ...], most: int = 10) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def counts_of(delivery: Delivery, books: Counts) -> dict[str, int]:
    """How many were frozen, and every state with its number of rows, in the order of the flow."""
    frozen = books.total if delivery.frozen_count is None else delivery.frozen_count
    return no_counts() | {"frozen": frozen} | {state.value: count for state, count in books.counts.items()}


def no_counts() -> dict[str, int]:
    """The same of a delivery that has nobody, or that was not made for want of people."""
    return dict.fromkeys(("frozen", *(state.value for state in RecipientState)), 0)
