"""Reconcile: compare what a delivery recorded when its audience was frozen with its rows and their attempts.

Storage reads the rows (`storage/ledger/reconcile.py`); this decides. Done once when a delivery finishes, by
`deliveries verify` and by `doctor`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import RecipientState


@dataclass(frozen=True, slots=True)
class Counts:
    """What the rows of one delivery and their attempts add up to."""

    by_state: Mapping[RecipientState, int]
    """A state without rows may be missing."""
    digest: str
    """SHA-256 over the rows' ids and address hashes in order of id."""
    twice: tuple[str, ...] = ()
    """Recipients whose message was accepted more than once, or whose address got the issue from two deliveries."""
    disagreeing: tuple[str, ...] = ()
    """Recipients whose attempts contradict their state."""


def reconcile(delivery: Delivery, counts: Counts) -> tuple[str, ...]:
    """One sentence for each discrepancy; nothing when the delivery is reconciled.

    stored frozen count = accepted + rejected + deferred + unknown + suppressed + excluded
                          + waiting + claimed + permitted
    stored digest = digest of the rows;  no recipient accepted twice;  attempts agree with states
    """
    found = [*add_up(delivery, counts.by_state)]
    if delivery.frozen_count is not None and counts.digest != delivery.frozen_digest:
        found.append("The recipients in the ledger are not those that were frozen (their digest differs)")
    if counts.twice:
        found.append(f"Accepted more than once: {_some(counts.twice)}")
    if counts.disagreeing:
        found.append(f"The attempts contradict the state: {_some(counts.disagreeing)}")
    return tuple(found)


def add_up(delivery: Delivery, by_state: Mapping[RecipientState, int]) -> tuple[str, ...]:
    """The first line of `reconcile`, which needs no row: whether the counts add up to the number frozen."""
    total = sum(by_state.values())
    if delivery.frozen_count in (None, total):
        return ()
    return (f"{delivery.frozen_count} recipients were frozen, but the ledger has {total}",)


def _some(names: tuple[str, ...], most: int = 10) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
