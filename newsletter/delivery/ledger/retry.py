"""Retry: what to do after an attempt, as a value. Plain decisions; the ledger carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from newsletter.delivery.ledger.outcome import Accepted, Deferred, Fault, Outcome, Rejected


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

    def pause_after_setback(self, setbacks: int) -> timedelta:
        """How long to let one message rest after nothing was judged for the given number of times (1 or more).

        The first time it goes on at once, on another connection. A message that breaks connections again and again is
        the likely cause itself, and must not keep the others from leaving.
        """
        return min(self.first, timedelta(seconds=0 if setbacks <= 1 else 2.0 ** min(setbacks - 2, 32)))


@dataclass(frozen=True, slots=True)
class Accept:
    """The relay has it: done."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The relay said "not now": deferred until `at`."""

    at: datetime
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


def decide(
    outcome: Outcome, *, attempts: int, eligible_at: datetime, now: datetime, policy: RetryPolicy, setbacks: int = 0
) -> Decision:
    """What to do after `outcome`. `attempts` and `setbacks` are those before this one; times are UTC."""
    match outcome:
        case Accepted():
            return Accept()
        case Rejected(reply=reply, fault=Fault.OURS):
            return GoBack(at=now + policy.first, reason=f"ours: {reply}")
        case Rejected(reply=reply):
            return GiveUp(reason=str(reply))
        case Deferred(reply=reply, burns_attempt=False):
            return set_back(str(reply), setbacks=setbacks, now=now, policy=policy)
        case Deferred(reply=reply):
            at = now + policy.pause_after(attempts + 1)
            if at > eligible_at + policy.expiry:
                return GiveUp(reason=f"expired: {reply}")
            return TryAgain(at=at, reason=str(reply))
        case _:
            return Hold(reason=outcome.reason)


def set_back(reason: str, *, setbacks: int, now: datetime, policy: RetryPolicy) -> GoBack:
    """What to do when nothing was judged: no connection, or lost before the final dot. `setbacks` before this one."""
    return GoBack(at=now + policy.pause_after_setback(setbacks + 1), reason=reason)
