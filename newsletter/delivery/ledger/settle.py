"""Settle: what a settlement changes in its recipient's row, or whether it came too late. Decided from values."""

from dataclasses import dataclass, replace
from types import NoneType

from newsletter.delivery.ledger.ledger import HELD, MAY_HAVE_ARRIVED, Decision, RecipientState, Settlement, rest_of
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected, Unknown
from newsletter.delivery.ledger.plan import Exclusion

ACCEPTED_BY_HAND = "resolved"
"""The reason of an accepted row whose attempt stayed unknown."""
ACCEPTED_BY_RETURN = "came_back"
"""The same, where an email about the message came back: it had left."""
WOULD_DIFFER = "held: the message would differ from the one that may have arrived"
"""The reason of an unknown row that was to be sent again, but whose bytes would have changed."""
WAS_UPDATED = f"{WOULD_DIFFER}: newsletter was updated meanwhile"
"""The same, where the edition was stored by an older version of the composer."""
HELD_FOR_BYTES = (WOULD_DIFFER, WAS_UPDATED)
"""They are sent only when an operator says so, with the new bytes."""


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A recipient's row as it is when a settlement arrives; locked until the change is written."""

    state: RecipientState
    epoch: int
    worker: str
    cancelled: bool = False
    """Whether its delivery was cancelled."""
    in_doubt: bool = False
    """Whether an earlier attempt may have arrived, and the message is being sent again."""


def settle(row: LockedRow, settlement: Settlement, worker: str) -> Decision | None:
    """What a worker's settlement makes of the row; None when it came too late to change anything.

    All cases: tests/golden/settle.txt. The lease of a worker may have been reclaimed while it waited for a reply:
    - That a message was accepted ends every row that is still open, also one that another worker is sending.
    - A row that is unknown because of this very attempt takes whatever the attempt found out.
    """
    claim, decision = settlement.claim, settlement.decision
    is_anothers = row.state in HELD and row.worker not in ("", worker)
    in_doubt = row.in_doubt or (is_anothers and row.state in MAY_HAVE_ARRIVED)
    change = _amend(decision, cancelled=row.cancelled, in_doubt=in_doubt)
    if row.epoch == claim.epoch:
        if row.state in HELD and row.worker == worker:
            return change
        if row.state is RecipientState.UNKNOWN and decision.state not in _NO_EVIDENCE:
            return change
    if decision.state is RecipientState.ACCEPTED and row.state in _OPEN:
        return change
    return None


def _amend(decision: Decision, *, cancelled: bool, in_doubt: bool) -> Decision:
    """A cancelled delivery sends nothing again; a recipient who may have the message never ends as having none."""
    state, reason, next_at = decision.state, decision.reason, decision.next_at
    if cancelled and next_at is not None:
        state, reason, next_at = RecipientState.EXCLUDED, Exclusion.CANCELLED, None
    if state in _NO_MESSAGE:
        state = rest_of(state, in_doubt=in_doubt)
    return replace(decision, state=state, reason=reason, next_at=next_at, in_doubt=in_doubt)


_NO_MESSAGE = frozenset({RecipientState.REJECTED, RecipientState.EXCLUDED})
_NO_EVIDENCE = frozenset({RecipientState.UNKNOWN, RecipientState.EXCLUDED})
_OPEN = frozenset({RecipientState.UNKNOWN, RecipientState.WAITING, RecipientState.DEFERRED, *HELD})


ABORTED = "aborted"
"""The outcome of an attempt that was permitted but whose final dot was certainly never written."""


REFUSED = "refused"
"""The outcome of an attempt that a policy refused for good, and that is made again; three of them are about them."""
LIMITED = "limited"
"""The outcome of an attempt that met a limit of ours."""

_NAMES = {Accepted: "accepted", Deferred: "deferred", Rejected: "rejected", Unknown: "unknown", NoneType: ABORTED}


def outcome_name(settlement: Settlement) -> str:
    """The outcome in the attempt's row."""
    outcome = settlement.outcome
    if isinstance(outcome, Rejected) and settlement.decision.next_at is not None:
        return LIMITED if outcome.is_limit else REFUSED
    return _NAMES[type(outcome)]


def reply_text(settlement: Settlement) -> str:
    """The relay's reply as stored in the row; empty without one."""
    outcome = settlement.outcome
    return str(outcome.reply) if isinstance(outcome, Accepted | Deferred | Rejected) else ""
