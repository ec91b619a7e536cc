"""Settle: what a settlement changes in the row it is about, or whether it came too late. Decided from values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.delivery.ledger.ledger import HELD, MAY_HAVE_ARRIVED, RecipientState, Settlement, rest_of
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected, Unknown
from newsletter.delivery.ledger.plan import Exclusion
from newsletter.delivery.ledger.retry import Accept, Exclude, GiveUp, GoBack, Hold, TryAgain

WOULD_DIFFER = "held: the message would differ from the one that may have arrived"
"""The reason of an unknown row that was to be sent again, but would have been composed differently."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a row stands at the moment of settling."""

    state: RecipientState
    epoch: int
    worker: str
    cancelled: bool = False
    """Whether its delivery was cancelled."""
    in_doubt: bool = False
    """Whether an earlier attempt may have arrived, and somebody had it sent again."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of the row."""

    state: RecipientState
    reason: str
    counts: bool
    """Whether the attempt is counted."""
    next_at: datetime | None = None
    """When it is due again; None where nothing is to come."""
    in_doubt: bool = False
    """Whether an earlier attempt may have arrived."""


def settle(standing: Standing, settlement: Settlement, worker: str) -> RowChange | None:
    """The change that a worker's settlement makes; None when the row has gone on without it.

    A worker that was given up may still know what became of its attempt: that it was accepted is news for every row
    that is not over, also while another worker sends it, and anything at all is news for a row that is unknown because
    of this very attempt.
    Where an older copy of the database was put back, a row may know nothing of the claim yet: then all of it is news,
    but for what became of the attempt that the row does know. A row that another worker has claimed since goes on with
    that one, unless a relay has decided.
    """
    claim, decision = settlement.claim, settlement.decision
    is_behind = standing.epoch < claim.epoch
    is_anothers = standing.state in HELD and standing.worker not in ("", worker)
    in_doubt = standing.in_doubt or ((is_behind or is_anothers) and standing.state in MAY_HAVE_ARRIVED)
    change = replace(change_of(settlement, cancelled=standing.cancelled), in_doubt=in_doubt)
    if change.state in _NO_MESSAGE:
        change = replace(change, state=rest_of(change.state, in_doubt=in_doubt))
    if is_behind:
        is_over = standing.state is RecipientState.ACCEPTED
        return None if is_over or (is_anothers and not isinstance(settlement.outcome, _FINAL)) else change
    if standing.epoch == claim.epoch:
        if standing.state in HELD and standing.worker == worker:
            return change
        is_its_own = standing.worker in ("", worker)  # in an older copy another one may have got the same epoch
        if standing.state is RecipientState.UNKNOWN and is_its_own and not isinstance(decision, (Hold, Exclude)):
            return change
        # In a copy made between claim and permit; what a person has sent again is in doubt.
        if standing.state is RecipientState.WAITING and isinstance(settlement.outcome, Unknown) and not in_doubt:
            return change
    if isinstance(decision, Accept) and standing.state in _OPEN_TO_EVIDENCE:
        return change
    return None


_FINAL = (Accepted, Rejected, Unknown)
"""Outcomes after which the same message is not sent again by itself."""
_NO_MESSAGE = frozenset({RecipientState.REJECTED, RecipientState.EXCLUDED})
_OPEN_TO_EVIDENCE = frozenset({RecipientState.UNKNOWN, RecipientState.WAITING, RecipientState.DEFERRED, *HELD})


def change_of(settlement: Settlement, *, cancelled: bool) -> RowChange:
    """What a decision makes of its row; a cancelled delivery has nothing more to come."""
    match settlement.decision:
        case Accept():
            return RowChange(RecipientState.ACCEPTED, "", counts=True)
        case GiveUp(reason=reason):
            return RowChange(RecipientState.REJECTED, reason, counts=settlement.outcome is not None)
        case Hold(reason=reason):
            return RowChange(RecipientState.UNKNOWN, reason, counts=settlement.outcome is not None)
        case Exclude(reason=reason):
            return RowChange(RecipientState.EXCLUDED, reason, counts=False)
        case TryAgain() if cancelled:
            return RowChange(RecipientState.EXCLUDED, Exclusion.CANCELLED, counts=True)
        case TryAgain(at=at, reason=reason):
            return RowChange(RecipientState.DEFERRED, reason, counts=True, next_at=at)
        case GoBack() if cancelled:
            return RowChange(RecipientState.EXCLUDED, Exclusion.CANCELLED, counts=False)
        case GoBack(at=at, reason=reason):
            return RowChange(RecipientState.WAITING, reason, counts=False, next_at=at)


ABORTED = "aborted"
"""The outcome of an attempt that was permitted but whose final dot was certainly never written."""


def outcome_name(settlement: Settlement) -> str:
    """What the attempt's row says became of it."""
    match settlement.outcome:
        case Accepted():
            return "accepted"
        case Deferred():
            return "deferred"
        case Rejected():
            return "rejected"
        case Unknown():
            return "unknown"
        case None:
            return ABORTED


def reply_text(settlement: Settlement) -> str:
    """What the relay said, as it is kept in the row."""
    match settlement.outcome:
        case Accepted(reply=reply) | Deferred(reply=reply) | Rejected(reply=reply):
            return str(reply)
        case _:
            return ""
