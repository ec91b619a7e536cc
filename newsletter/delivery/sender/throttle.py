"""Throttle: whom a relay or a provider made us wait for, until when, and which claims that holds back. No I/O.

A limit pauses one provider's share, or the relay, with growing pauses; a policy halts a share until an operator
resumes. Pauses are in the ledger (`Pace`), so that all workers hold to them and a restart does not forget them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from newsletter.delivery.ledger.classification import Classification, Scope
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.outcome import Deferred, Outcome, Refusal
from newsletter.delivery.ledger.providers import share_of
from newsletter.delivery.ledger.rate import Rate, Slice
from newsletter.delivery.ledger.retry import RetryPolicy, Standing

RELAY = ""
"""The share that is everything that goes through the relay."""

_RUN = {Classification.RELAY_DOWN: 20}
_SHORT_RUN = 3
"""Recipients deferred in a row, by what their refusal is about, before all wait: one may be about the recipient."""

_PROBE = timedelta(seconds=1)
"""How long others wait while one message tries whether a pause is over."""


_SKEW = timedelta(minutes=1)
"""Between the clocks of two hosts."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why and until when nothing is sent to a share: of one delivery, or (`delivery` is empty) of all."""

    delivery: str
    share: str
    """A provider, `@domain`, or RELAY."""
    reason: str
    since: datetime
    until: datetime | None
    """None: until an operator resumes the delivery."""
    times: int = 1
    """How many pauses in a row; each is longer. Kept after its end until a message is accepted."""

    @property
    def key(self) -> "Key":
        """What it is about."""
        return self.delivery, self.share

    def is_on(self, now: datetime) -> bool:
        """Whether nothing may be sent now. One from the future was made before the clock was put back."""
        return self.until is None or self.since - _SKEW <= now < self.until


Key: TypeAlias = tuple[str, str]

_SLOWER = 0.7
"""Of what a provider took before it said "too fast"."""
_SLOWEST = 0.1
_GROWTH = 600
"""A speed grows by a tenth in a minute in which nothing was refused."""


@dataclass(slots=True)
class _Speed:
    """How many messages a second may be begun, learnt from "too fast"; saved up for one second."""

    per_second: float
    saved: float
    at: datetime

    def save(self, now: datetime) -> None:
        """Let time pass."""
        gained = max(0.0, (now - self.at).total_seconds()) * self.per_second
        self.saved, self.at = min(max(1.0, self.per_second), self.saved + gained), now

    def is_ready(self, now: datetime) -> bool:
        """Whether a message may be begun."""
        self.save(now)
        return self.saved >= 1

    def ready_at(self, now: datetime) -> datetime:
        """When as many as in a second may be begun; claims are made for so many."""
        self.save(now)
        missing = max(1.0, self.per_second) - self.saved
        return now if self.saved >= 1 else now + timedelta(seconds=missing / self.per_second)


class Pace(Protocol):
    """What the ledger keeps of pauses and refusals. Every method is one transaction."""

    def pauses(self) -> list[Pause]:
        """All of them, those that have ended and are unproved too."""

    def pause(self, pause: Pause) -> None:
        """Store it, unless another worker has stored as long a one, or a halt, meanwhile."""

    def end_pause(self, pause: Pause) -> None:
        """Forget this pause, unless a longer one has followed."""

    def take(self, rates: Sequence[Rate], wanted: int, now: datetime, unused: Slice | None) -> Slice:
        """Give back what was not used of a slice, and take up to `wanted` more."""

    def suppress_invalid(self, delivery: str, now: datetime) -> None:
        """Suppress the addresses that were rejected as `invalid_address`; each refusal counts once."""

    def standings(self, claims: Sequence[Claim]) -> dict[str, Standing]:
        """What is known of recipients of one delivery who were claimed before: of those whom a policy refused."""


class Throttle:
    """What one worker knows of pauses."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._pauses: dict[Key, Pause] = {}
        self._probes: dict[Key, str] = {}
        """The recipient whose message tries whether a pause that has ended is over."""
        self._limited: set[str] = set()
        """Shares that met a limit since a message was last accepted."""
        self._runs: defaultdict[str, set[str]] = defaultdict(set)
        self._speeds: dict[str, _Speed] = {}
        self._counted: dict[str, tuple[int, datetime]] = {}
        """By share, how many were accepted since it last said "too fast"; not for domains, which may be very many."""

    def read(self, stored: Iterable[Pause], asked_at: datetime) -> list[Key]:
        """Take over what the ledger has. Returns the shares that an operator released."""
        known = {pause.key: pause for pause in stored}
        gone = [one for one in self._pauses.values() if one.key not in known and one.since < asked_at]
        self._pauses = {one.key: one for one in self._pauses.values() if one not in gone} | known
        return [one.key for one in gone if one.until is None]

    def add(self, pause: Pause) -> None:
        """Hold to it from now on; the ledger is told by the caller."""
        self._pauses[pause.key] = pause

    def relay_until(self, now: datetime) -> datetime | None:
        """Until when nothing at all is sent; None: something may be."""
        pause, speed = self._pauses.get(("", RELAY)), self._speeds.get(RELAY)
        if pause and pause.is_on(now):
            return pause.until
        return speed.ready_at(now) if speed and not speed.is_ready(now) else None

    def without(self, delivery: str, now: datetime, *, halted: bool = False) -> frozenset[str]:
        """The shares of a delivery of which nothing is to be claimed. `halted`: only those that no time releases."""
        found = [
            one.share
            for one in self._of(delivery)
            if one.share and (one.until is None if halted else one.is_on(now) or one.key in self._probes)
        ]
        slow = [share for share, speed in self._speeds.items() if share and speed.ready_at(now) > now]
        return frozenset(found if halted else found + slow)

    def next_end(self, delivery: str, now: datetime) -> datetime | None:
        """When the first of its paused or slowed shares may be sent to again; None: there is none."""
        ends = [one.until for one in self._of(delivery) if one.until and one.is_on(now)]
        ends += [speed.ready_at(now) for share, speed in self._speeds.items() if share]
        return min((end for end in ends if end > now), default=None)

    def why_halted(self, delivery: str) -> str:
        """Its halted shares and what was said about them."""
        return "; ".join(f"{one.share}: {one.reason}" for one in self._of(delivery) if one.until is None)

    def _of(self, delivery: str) -> list[Pause]:
        return [one for one in self._pauses.values() if one.delivery in ("", delivery)]

    def hold(self, claim: Claim, now: datetime) -> datetime | None:
        """When to claim it again; None: its message may be begun, and `ended` is called after it."""
        if not (self._pauses or self._speeds):
            return None
        found = [pause for key in _keys(claim) if (pause := self._pauses.get(key))]
        for pause in found:
            if pause.is_on(now):
                return now  # due at once, because a pause may end early; the next claim passes it over
            if self._probes.get(pause.key, claim.recipient) != claim.recipient:
                return now + _PROBE
        slow = [speed for share in (RELAY, _share(claim)) if (speed := self._speeds.get(share))]
        if not all(speed.is_ready(now) for speed in slow):
            return now
        for speed in slow:
            speed.saved -= 1
        self._probes |= {pause.key: claim.recipient for pause in found}
        return None

    def ended(self, claim: Claim) -> None:
        """A message that was begun has ended, however."""
        if self._probes:
            self._probes = {key: recipient for key, recipient in self._probes.items() if recipient != claim.recipient}

    def accepted(self, claim: Claim, began: datetime) -> list[Pause]:
        """A message was accepted. Returns the pauses that are over with that, to be forgotten by the ledger too."""
        self._limited.clear()
        if self._runs:
            self._runs.pop(RELAY, None)
            self._runs.pop(_share(claim), None)
        self._count(claim, began)
        if not self._pauses:
            return []
        over = [
            pause for key in _keys(claim)
            if (pause := self._pauses.get(key)) and pause.until is not None and pause.until <= began
        ]  # fmt: skip
        for pause in over:
            del self._pauses[pause.key]
        return over

    def note(self, claim: Claim, outcome: Outcome | None, began: datetime, now: datetime) -> Pause | None:
        """The pause that follows from what the relay said to a message begun at `began`, if one does."""
        if not isinstance(outcome, Refusal) or outcome.scope is Scope.MAILBOX:
            return None
        share = _share(claim) if outcome.scope is Scope.PROVIDER else RELAY
        if isinstance(outcome, Deferred) and (outcome.is_policy or outcome.classification is Classification.RELAY_DOWN):
            run = self._runs[share]
            run.add(claim.recipient)
            if len(run) < _RUN.get(outcome.classification, _SHORT_RUN):
                return None
        elif not outcome.is_limit:
            return None
        else:
            self._limited.add(share)
            if len(self._limited) > 1:  # two providers, and nobody accepted in between: it is the relay's own limit
                share = RELAY
        pause = self.pause(share, str(outcome), began, now, outcome.classification)
        if pause and outcome.classification is Classification.RATE:
            self._slow_down(share, now)
        return pause

    def speed_of(self, share: str) -> float | None:
        """How many messages a second may be begun; None: it never said "too fast"."""
        return self._speeds[share].per_second if share in self._speeds else None

    def _count(self, claim: Claim, began: datetime) -> None:
        for share in (RELAY, _share(claim)):
            if not share.startswith("@"):
                count, since = self._counted.get(share, (0, began))
                self._counted[share] = count + 1, since
            if speed := self._speeds.get(share):
                speed.per_second *= 1 + 1 / (_GROWTH * speed.per_second)

    def _slow_down(self, share: str, now: datetime) -> None:
        """Send at what it took since it last said "too fast", pauses included, less a part."""
        count, since = self._counted.get(share, (0, now))
        if count:
            self._counted[share] = 0, now
            took = count / max(0.1, (now - since).total_seconds())
            before = self._speeds[share].per_second if share in self._speeds else took
            speed = max(_SLOWEST, _SLOWER * min(took, before))
            self._speeds[share] = _Speed(speed, max(1.0, speed), now)

    def pause(
        self, share: str, reason: str, began: datetime, now: datetime, classification: Classification | None = None
    ) -> Pause | None:
        """The next pause of a share; None for a message that was on its way when the present one began."""
        before = self._pauses.get(("", share))
        if before and began < before.since:
            return None
        times = before.times + 1 if before else 1
        until = now + self._policy.pause_of_all(times, classification)
        self._pauses["", share] = made = Pause("", share, reason, now, until, times)
        return made


def _share(claim: Claim) -> str:
    return share_of(claim.provider, claim.address)


def _keys(claim: Claim) -> tuple[Key, ...]:
    share = _share(claim)
    return ("", RELAY), ("", share), (claim.delivery, share)
