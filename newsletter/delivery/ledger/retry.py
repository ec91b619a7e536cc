"""Retry: what to do after an attempt, as a value. Plain decisions; the ledger carries them out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Decision
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a deferred message is retried and when it expires. Greylisting wants at least five minutes first."""

    first: timedelta = timedelta(minutes=5)
    factor: float = 2.0
    longest: timedelta = timedelta(hours=4)
    expiry: timedelta = timedelta(hours=48)
    """Counted from the first attempt that counted, or from when the delivery was last resumed if that is later."""

    def pause_after(self, attempts: int) -> timedelta:
        """How long to wait after the given number of counted attempts (1 or more)."""
        return min(self.longest, self.first * self.factor ** min(attempts - 1, 32))

    def pause_after_setback(self, setbacks: int) -> timedelta:
        """How long to let one message rest after nothing was judged for the given number of times (1 or more).

        The first time it goes on at once, on another connection. A message that breaks connections again and again is
        the likely cause itself, and must not delay the others.
        """
        return min(self.first, timedelta(seconds=0 if setbacks <= 1 else 2.0 ** min(setbacks - 2, 32)))


def decide(
    outcome: Outcome, *, attempts: int, eligible_at: datetime, now: datetime, policy: RetryPolicy, setbacks: int = 0
) -> Decision:
    """What to do after `outcome`. `attempts` and `setbacks` are those before this one; times are UTC.

    `eligible_at`: what expiry counts from, if an attempt counted before.
    """
    at = now + policy.pause_after(attempts + 1)
    is_expired = at > (eligible_at if attempts else now) + policy.expiry
    match outcome:
        case Accepted():
            return Decision.done()
        case Deferred(reply=reply, classification=Classification.RELAY_DOWN):
            return set_back(str(reply), setbacks=setbacks, now=now, policy=policy)
        case Rejected() if outcome.classification.blame == "ours" and outcome.classification not in _LIMITS:
            # Counted: what refuses this one message for ever must not keep its delivery from finishing.
            reason = f"ours ({outcome.classification}): {outcome.reply}"
            return Decision.fail(f"expired: {reason}") if is_expired else Decision.requeue(at, reason, counts=True)
        case Rejected() | Deferred() if outcome.classification.blame == "ours":
            # No attempt is counted, so the recipient never expires because of our own limits.
            at = now + policy.pause_after(setbacks + 1)
            return Decision.requeue(at, f"ours ({outcome.classification}): {outcome.reply}")
        case Rejected(reply=reply):
            return Decision.fail(str(reply))
        case Deferred(reply=reply):
            return Decision.fail(f"expired: {reply}") if is_expired else Decision.retry(at, str(reply))
        case _:
            return Decision.hold(outcome.reason)


_LIMITS = frozenset({Classification.QUOTA, Classification.RATE})
"""What passes by waiting, however long it takes: a monthly quota, for instance."""


def set_back(reason: str, *, setbacks: int, now: datetime, policy: RetryPolicy) -> Decision:
    """What to do when nothing was judged: no connection, or lost before the final dot. `setbacks` before this one."""
    return Decision.requeue(now + policy.pause_after_setback(setbacks + 1), reason)
