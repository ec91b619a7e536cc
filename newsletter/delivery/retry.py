"""Retry: what to do after an attempt, as a value. Plain decisions; the ledger carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from newsletter.delivery.outcome import Accepted, Deferred, Fault, Outcome, Rejected


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a deferred message is tried again, and when we give up. Greylisting wants at least five minutes first."""

    first: timedelta = timedelta(minutes=5)
    factor: float = 2.0
    longest: timedelta = timedelta(hours=4)
    expiry: timedelta = timedelta(hours=48)
    """Counted from the instant the recipient could first have been sent to."""

    def pause_after(self, attempts: int) -> timedelta:
        """How long to wait after the given number of counted attempts (1 or more)."""
        return min(self.longest, self.first * self.factor ** min(attempts - 1, 32))


@dataclass(frozen=True, slots=True)
class Accept:
    """The relay has it: done."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Wait until `at`. `counts` tells whether this attempt is counted; `reason` stands in the row."""

    at: datetime
    counts: bool
    reason: str


@dataclass(frozen=True, slots=True)
class GoBack:
    """Back to waiting, due at `at`: nothing was judged, or the refusal was ours (`reason: ours`)."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Rejected for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Unknown: listed until evidence or a person decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class Exclude:
    """Never handed over: the message could not be composed (`render`) or must not be sent."""

    reason: str


Decision: TypeAlias = Accept | TryAgain | GoBack | GiveUp | Hold | Exclude


def decide(outcome: Outcome, *, attempts: int, eligible_at: datetime, now: datetime, policy: RetryPolicy) -> Decision:
    """What to do after `outcome`. `attempts` are those counted before this one; times are UTC."""
    match outcome:
        case Accepted():
            return Accept()
        case Rejected(reply=reply, fault=Fault.OURS):
            return GoBack(at=now + policy.first, reason=f"ours: {reply}")
        case Rejected(reply=reply):
            return GiveUp(reason=str(reply))
        case Deferred(reply=reply, burns_attempt=burns):
            at = now + policy.pause_after(attempts + 1 if burns else 1)
            if at > eligible_at + policy.expiry:
                return GiveUp(reason=f"expired: {reply}")
            return TryAgain(at=at, counts=burns, reason=str(reply))
        case _:
            return Hold(reason=outcome.reason)
