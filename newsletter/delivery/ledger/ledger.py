"""Ledger: all recipients of all deliveries with their states and attempts; the only truth about what was sent.

The nouns, and the Protocol of what the sender needs; `storage/ledger/claims.py` implements it.

    waiting ──claim──▶ claimed ──permit──▶ permitted ──2yz──▶ accepted
       ▲                 │                     ├──4yz──▶ deferred(next_at) ──▶ claimed … past expiry ──▶ rejected
       │  worker silent  │                     ├──5yz, theirs──▶ rejected      5yz, ours ──▶ waiting(reason) … rejected
       └─────────────────┘                     └──lost / timeout / crash──▶ unknown ──evidence──▶ accepted
     re-check at claim ──▶ suppressed | excluded                               └──operator or policy──▶ waiting

A recipient whose unknown message is sent again is in doubt: no other delivery of the issue reaches them, and instead of
rejected, suppressed or excluded they become unknown again. Who was excluded from a step of a series before any claim,
because they left or paused, waits again when they are back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from newsletter.delivery.ledger.outcome import Outcome


class RecipientState(StrEnum):
    """Exactly one is true of every recipient at any time."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    """Taken by a worker; nothing was handed over yet."""
    PERMITTED = "permitted"
    """The final dot may have been written."""
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """The relay asked to try later; due at `next_at`."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """Held and listed until evidence or an operator decides."""
    SUPPRESSED = "suppressed"
    EXCLUDED = "excluded"
    """Gets no message, for a reason: unsubscribed, already_received, no_permission, render, paused,
    cancelled."""


MAY_HAVE_ARRIVED = (RecipientState.PERMITTED, RecipientState.ACCEPTED, RecipientState.UNKNOWN)
"""The states in which the last message may have arrived; an earlier one may have in any state of a row in doubt."""

HELD = (RecipientState.CLAIMED, RecipientState.PERMITTED)
"""The states in which a worker has taken the recipient."""


def rest_of(state: RecipientState, *, in_doubt: bool) -> RecipientState:
    """The last state of a recipient who gets no further message: unknown, if an earlier one may have arrived."""
    return RecipientState.UNKNOWN if in_doubt else state


@dataclass(frozen=True, slots=True)
class Worker:
    """A sending process, which holds claims, on one boot of one host."""

    id: str
    host: str
    boot: str
    pid: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One recipient taken by one worker, with all that composing and sending the message needs."""

    recipient: str
    delivery: str
    epoch: int
    """The fencing number; grows with every claim of this recipient."""
    address: str
    language: str
    """Of the edition chosen for this recipient."""
    dated_at: datetime
    """Fixed at the first claim: Date, so that every attempt has the same bytes."""
    attempts: int
    """Attempts that counted so far."""
    eligible_at: datetime
    """When its first counted attempt was settled, or its delivery resumed after that: expiry counts from here."""
    values: Mapping[str, object] = field(default_factory=dict)
    """What merge fields may name under `subscriber`."""
    sha256: str = ""
    """Hash of the bytes of an earlier attempt that may have arrived; a resend must equal it."""
    lists: tuple[str, ...] = ()
    """Slugs of the delivery's lists through which they became a recipient; the first gives the List-Id."""
    provider: str = ""
    issue: str = ""
    address_hash: str = ""


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """Asks that the final dot of this claim's message may be written."""

    claim: Claim
    message_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a recipient's row becomes after an attempt. Made by one of the six methods; `settle` may amend it."""

    state: RecipientState
    reason: str = ""
    counts: bool = False
    """Whether the attempt is counted; a retry waits longer with each one that is."""
    next_at: datetime | None = None
    """When the recipient may be claimed again (UTC); None: not by itself."""
    in_doubt: bool = False
    """Whether an earlier attempt may have arrived; known from the row, so only `settle` sets it."""

    @classmethod
    def done(cls) -> Decision:
        """Accepted: the relay has the message."""
        return cls(RecipientState.ACCEPTED, counts=True)

    @classmethod
    def retry(cls, at: datetime, reason: str) -> Decision:
        """Deferred: the relay asked to try later."""
        return cls(RecipientState.DEFERRED, reason, counts=True, next_at=at)

    @classmethod
    def requeue(cls, at: datetime, reason: str, *, counts: bool = False) -> Decision:
        """Waiting again: the relay did not judge this recipient. `counts`: it may expire all the same."""
        return cls(RecipientState.WAITING, reason, counts=counts, next_at=at)

    @classmethod
    def fail(cls, reason: str) -> Decision:
        """Rejected for good."""
        return cls(RecipientState.REJECTED, reason, counts=True)

    @classmethod
    def hold(cls, reason: str, *, counts: bool = True) -> Decision:
        """Unknown: listed until evidence or an operator decides."""
        return cls(RecipientState.UNKNOWN, reason, counts=counts)

    @classmethod
    def skip(cls, reason: str) -> Decision:
        """Excluded: the message could not be composed or must not be sent."""
        return cls(RecipientState.EXCLUDED, reason)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claim: the relay's outcome (None: nothing was judged) and our decision."""

    claim: Claim
    decision: Decision
    outcome: Outcome | None
    message_id: str = ""
    sha256: str = ""
    """Hash of the bytes that were handed over, or were to be; empty when none were composed."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovering dead workers moved: claimed rows back to waiting, permitted ones to unknown."""

    waiting: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left to do of a delivery: when the next row of a state may be claimed (None: there is none)."""

    waiting: datetime | None
    deferred: datetime | None
    held: int
    """Rows that other workers have claimed or permitted; they finish them, or their lease runs out."""

    @property
    def is_nothing(self) -> bool:
        """Whether all is done."""
        return self.waiting is None and self.deferred is None and not self.held


@dataclass(frozen=True, slots=True)
class Recipient:
    """One subscriber in one delivery, as the ledger shows it."""

    id: str
    delivery: str
    subscriber: int
    address: str
    """As frozen; empty once erased."""
    lists: tuple[str, ...]
    """Slugs of the delivery's lists through which they became a recipient: what one click unsubscribes from."""
    language: str
    """Of the edition chosen for this recipient."""
    values: Mapping[str, object]
    """What merge fields may name under `subscriber`."""
    state: RecipientState
    reason: str
    message_id: str
    reply: str
    attempts: int
    next_at: datetime
    settled_at: datetime | None


class Ledger(Protocol):
    """What the sender asks of the ledger. Every method is one durable transaction; times are UTC."""

    def register(self, worker: Worker, lease: float, now: datetime) -> None:
        """Register a worker, with a lease of that many seconds from now on the database's clock."""

    def renew(self, worker: Worker, lease: float) -> bool:
        """Heartbeat. False when the worker was already reclaimed: it must stop at once, without a dot."""

    def deregister(self, worker: Worker, now: datetime) -> None:
        """Deregister a worker; its unsent claims return to waiting."""

    def recover(self, now: datetime, is_dead: Callable[[Worker], bool]) -> Recovered:
        """Reclaim from workers whose lease ran out, and at once from those that are known to be dead."""

    def claim(
        self, delivery: str, worker: Worker, limit: int, now: datetime, without: frozenset[str] = frozenset()
    ) -> list[Claim]:
        """Take up to `limit` due recipients of a delivery that is sending; none if the worker was reclaimed.

        Re-checks each at this moment: the suppressed, the unsubscribed and those who got this issue meanwhile become
        rows with that state and reason instead. Where very many are refused it returns no claim, so that other
        deliveries get their turn: while some are due, ask again.
        Recipients of the shares in `without` (`providers.share_of`) are left waiting.
        """

    def record(
        self, worker: Worker, settlements: Sequence[Settlement], permits: Sequence[PermitRequest], now: datetime
    ) -> list[bool]:
        """Commit outcomes first, then permits, in one transaction; for each permit whether it was granted.

        A permit is granted only if the delivery is sending, epoch, state and worker still match, and no other recipient
        of the same issue and address holds one. A settlement whose epoch is stale is kept as evidence on its attempt,
        not applied. Recording the same settlement twice changes nothing.
        """

    def remaining(self, delivery: str, worker: Worker, without: frozenset[str] = frozenset()) -> Remaining:
        """What is left to do of a delivery, seen by one worker; apart from these shares, but for what is `held`."""

    def finish(self, delivery: str, now: datetime) -> bool:
        """Reconcile a delivery and mark it finished if nothing is left to do. False if something is.

        A delivery that cannot be reconciled is halted instead. May take seconds.
        """

    def halt(self, delivery: str, reason: str) -> None:
        """Stop a delivery until an operator resumes it."""

    def resumed_after(self, delivery: str) -> str:
        """The reasons of the halts after which an operator resumed a delivery, one a line."""

    def sending(self) -> list[str]:
        """The deliveries that are sending (and not paused, halted, cancelled), the oldest first."""
