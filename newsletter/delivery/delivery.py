"""Delivery: the sending of one issue to one audience at one time, and the states it goes through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """scheduled → preparing → sending ⇄ paused → finished; or cancelled, missed, halted."""

    SCHEDULED = "scheduled"
    """Waiting for its time."""
    PREPARING = "preparing"
    """Its audience is being frozen into recipients."""
    SENDING = "sending"
    PAUSED = "paused"
    """Stopped by an operator, or because the database was replaced by an older one; `resume` goes on."""
    HALTED = "halted"
    """Stopped by the program; an operator must look. `resume` goes on after a refused login, too many refusals that are
    our fault or messages that cannot be composed."""
    MISSED = "missed"
    """It was not started: its time passed by more than `max_lateness`, its sender is unfinished, or the database was
    replaced by an older one. Waits for an operator."""
    FINISHED = "finished"
    """Nothing is left to send; unknown outcomes may still be listed."""
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever be sent again by this delivery."""
        return self in (DeliveryState.FINISHED, DeliveryState.CANCELLED)

    @property
    def is_under_way(self) -> bool:
        """Whether a sending process should be at work on it now."""
        return self in (DeliveryState.PREPARING, DeliveryState.SENDING)

    @property
    def waits_for_a_person(self) -> bool:
        """Whether it was stopped before its end, and goes on only when it is resumed."""
        return self in (DeliveryState.PAUSED, DeliveryState.HALTED, DeliveryState.MISSED)


MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.SCHEDULED: frozenset({DeliveryState.PREPARING, DeliveryState.MISSED, DeliveryState.CANCELLED}),
    DeliveryState.PREPARING: frozenset({DeliveryState.SENDING, DeliveryState.PAUSED, DeliveryState.CANCELLED}),
    DeliveryState.SENDING: frozenset(
        {DeliveryState.PAUSED, DeliveryState.HALTED, DeliveryState.FINISHED, DeliveryState.CANCELLED}
    ),
    DeliveryState.PAUSED: frozenset({DeliveryState.PREPARING, DeliveryState.SENDING, DeliveryState.CANCELLED}),
    DeliveryState.HALTED: frozenset({DeliveryState.SENDING, DeliveryState.PAUSED, DeliveryState.CANCELLED}),
    DeliveryState.MISSED: frozenset({DeliveryState.SCHEDULED, DeliveryState.PREPARING, DeliveryState.CANCELLED}),
    DeliveryState.FINISHED: frozenset({DeliveryState.SENDING}),  # a resolved unknown that is to be sent again
    DeliveryState.CANCELLED: frozenset(),
}
"""Which state may follow which. The stored state is only ever changed by comparing and setting."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, as read from the database."""

    id: str
    """Opaque; shown on the command line and put in URLs."""
    issue: str
    """The issue's slug."""
    state: DeliveryState
    hash: str
    """Content hash over all its editions."""
    lists: tuple[str, ...]
    """Slugs, in the order they were named; the first gives the List-Id."""
    languages: tuple[str, ...]
    """Of its editions; the issue's own first."""
    again: bool
    """Whether subscribers who already got this issue get it once more."""
    created_at: datetime
    forced: bool = False
    """Whether it was made for a real relay although its sender is unfinished."""
    scheduled_at: datetime | None = None
    """UTC; None: at once."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    frozen_count: int | None = None
    """How many recipients were frozen; None until the audience is complete."""
    frozen_digest: str = ""
    """SHA-256 over the frozen recipients' ids and address hashes in order of id."""
    segment: str = ""
    """The expression that narrows its lists; empty for everybody."""
    expected: int | None = None
    """How many recipients the segment had when an operator confirmed the delivery."""
    not_eligible: Mapping[str, int] = field(default_factory=dict)
    """Subscribers of the lists who are not recipients, by reason: pending, unsubscribed."""
    reason: str = ""
    """Why it is halted, paused, missed or cancelled."""

    def may_become(self, state: DeliveryState) -> bool:
        """Whether `state` may follow the present one."""
        return state in MOVES[self.state]
