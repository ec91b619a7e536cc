"""Report: the state of a delivery (Summary) and its outcome (Report), from the counts that storage reads."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Recipient, RecipientState
from newsletter.delivery.ledger.plan import Exclusion
from newsletter.delivery.sender.throttle import Pause
from newsletter.feedback.found import ReturnKind
from newsletter.reporting.reconcile import add_up


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """What one provider's refusals were about, and how many recipients they left in a state."""

    provider: str
    state: RecipientState
    reason: str
    """A classification, `expired`, or `other`: what is no reply, or of before an update."""
    count: int


def failures_of(rows: Iterable[tuple[str, str, str, int]]) -> tuple[Failure, ...]:
    """From provider, state, the beginning of a reason, and count; the most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for provider, state, reason, count in rows:
        counts[provider, state, _about(reason)] += count
    return tuple(
        Failure(provider, RecipientState(state), reason, count)
        for (provider, state, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _about(reason: str) -> str:
    word = reason.removeprefix("ours (").partition(":")[0].partition(" ")[0]
    return word if word == "expired" or word in _CLASSIFICATIONS else "other"


_CLASSIFICATIONS = frozenset(Classification)


@dataclass(frozen=True, slots=True, order=True)
class CameBack:
    """Of how many messages to one provider something came back, later than the relay's reply: bounces, complaints."""

    provider: str
    kind: ReturnKind
    about: str
    """A classification, or the kind of a complaint."""
    count: int


def came_back(rows: Iterable[tuple[str, str, str, int]]) -> tuple[CameBack, ...]:
    """From provider, kind, what it is about, and count; the most frequent first."""
    found = (CameBack(provider, ReturnKind(kind), about, count) for provider, kind, about, count in rows)
    return tuple(sorted(found, key=lambda one: (-one.count, one)))


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of one delivery; read in milliseconds, whatever its size."""

    delivery: Delivery
    states: Mapping[RecipientState, int]
    """Rows by state; a state without rows may be missing."""
    reasons: Mapping[RecipientState, Mapping[str, int]]
    """Rows by state and reason; 0 where there are too many rows to count the reasons of."""
    next_at: datetime | None = None
    """When the next recipient is due; None when none is left, or one is being sent to."""
    failures: tuple[Failure, ...] = ()
    """By provider and reason, of those states that have not too many rows to look at."""
    returned: tuple[CameBack, ...] = ()
    """What came back about messages that had been accepted."""
    pauses: tuple[Pause, ...] = ()
    """Shares of it to which nothing is sent now."""
    rate: str = ""
    """How many messages may be begun in which times; empty: any number."""
    left: int = 0
    """Of the rate, at this moment."""
    takes: timedelta = timedelta()
    """How long those who wait take at the rate."""
    attended: bool = False
    """Whether a sender process is running, as far as this host can see."""

    @property
    def counts(self) -> dict[str, int]:
        """How many were frozen, and the rows of every state, in the order of the flow."""
        frozen = self.delivery.frozen_count
        total = sum(self.states.values()) if frozen is None else frozen
        return no_counts() | {"frozen": total} | {state.value: count for state, count in self.states.items()}

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the counts do not add up. `deliveries verify` also compares the rows."""
        return add_up(self.delivery, self.states)

    @property
    def has_failed(self) -> bool:
        """Whether messages were rejected or could not be composed, and none of the others has left or still may."""
        state, rows = self.delivery.state, self.states
        failed = Exclusion.RENDER in self.reasons.get(RecipientState.EXCLUDED, {})
        if state is DeliveryState.FINISHED:
            failed = failed or rows.get(RecipientState.REJECTED, 0) > 0
        elif state is not DeliveryState.HALTED:
            return False
        may_arrive = (RecipientState.ACCEPTED, RecipientState.UNKNOWN, RecipientState.DEFERRED)
        return failed and not any(rows.get(one, 0) for one in may_arrive)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one delivery, with every reason counted."""

    summary: Summary
    languages: Mapping[str, int]
    """Recipients by language of their edition, without the suppressed and excluded."""
    providers: Mapping[str, Mapping[RecipientState, int]]
    """Rows by provider and state, the largest provider first."""
    unknown: tuple[Recipient, ...]
    """Those whose message may or may not have arrived."""
    resent: tuple[Recipient, ...]
    """Those whose message was sent again although an earlier attempt may have arrived."""
    leaving: Mapping[str, int] = field(default_factory=dict)
    """Reasons that were given after unsubscribing by an email of it, the most frequent first."""


def no_counts() -> dict[str, int]:
    """The counts of a delivery without recipients."""
    return dict.fromkeys(("frozen", *(state.value for state in RecipientState)), 0)
