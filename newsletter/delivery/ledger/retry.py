"""Retry: what to do after an attempt, as a value. Plain decisions; the ledger carries them out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Decision
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Refusal, Rejected

_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)
"""Of all that goes to a relay or provider: limits for an hour or a day end at a moment that nobody tells."""


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

    def pause_of_all(self, times: int, classification: Classification | None) -> timedelta:
        """How long to send nothing to whoever asked for a pause for the given number of times in a row (1 or more)."""
        first = self.first if classification is Classification.QUOTA else min(self.first, _FIRST_PAUSE)
        return min(_LONGEST_PAUSE, first * 2.0 ** min(times - 1, 32))


def decide(
    outcome: Outcome, *, attempts: int, eligible_at: datetime, now: datetime, policy: RetryPolicy, setbacks: int = 0
) -> Decision:
    """What to do after `outcome`. `attempts` and `setbacks` are those before this one; times are UTC.

    `eligible_at`: what expiry counts from, if an attempt counted before.
    """
    if isinstance(outcome, Accepted):
        return Decision.done()
    at = now + policy.pause_after(attempts + 1)
    is_expired = at > (eligible_at if attempts else now) + policy.expiry
    match outcome:
        case Deferred(reply=reply, classification=Classification.RELAY_DOWN):
            return set_back(str(reply), setbacks=setbacks, now=now, policy=policy)
        case Refusal() if outcome.is_limit:
            # The pause holds back this message and the others; so that it is not always the first, it rests longer.
            return set_back(f"ours ({outcome})", setbacks=setbacks, now=now, policy=policy)
        case Refusal() if outcome.is_policy:
            return Decision.requeue(now + policy.pause_after(setbacks + 1), f"ours ({outcome})")
        case Rejected():
            return Decision.fail(str(outcome))
        case Deferred():
            return Decision.fail(f"expired: {outcome}") if is_expired else Decision.retry(at, str(outcome))
        case _:
            return Decision.hold(outcome.reason)


MOST_REFUSED = 3
"""How often a recipient is refused for a policy before that is about them, if others at their provider are accepted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a recipient before the next attempt."""

    refusals: int = 0
    """How often a policy refused them for good before."""
    has_neighbours: bool = False
    """Whether others at their provider were accepted in this delivery."""


def after_policy(
    refusal: Deferred | Rejected, standing: Standing, *, attempts: int, eligible_at: datetime, now: datetime,
    policy: RetryPolicy,
) -> Decision | None:  # fmt: skip
    """What to do with a recipient whom a policy refused; None: halt their provider's share, it refuses everybody.

    Beside accepted neighbours it is about this recipient: refused for good three times they are rejected, and a "not
    now" expires as any other does. Else it is about us: no attempt is counted.
    """
    if isinstance(refusal, Deferred):
        at = now + policy.pause_after(attempts + 1)
        if not standing.has_neighbours:
            return Decision.requeue(at, f"ours ({refusal})")
        is_expired = at > (eligible_at if attempts else now) + policy.expiry
        return Decision.fail(f"expired: {refusal}") if is_expired else Decision.retry(at, str(refusal))
    if standing.refusals + 1 >= MOST_REFUSED:
        return Decision.fail(f"policy: {refusal.reply}") if standing.has_neighbours else None
    return Decision.requeue(now + policy.pause_after(standing.refusals + 1), f"ours ({refusal})")


def set_back(reason: str, *, setbacks: int, now: datetime, policy: RetryPolicy) -> Decision:
    """What to do when nothing was judged: no connection, or lost before the final dot. `setbacks` before this one."""
    return Decision.requeue(now + policy.pause_after_setback(setbacks + 1), reason)
