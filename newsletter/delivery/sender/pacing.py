"""Pacing: what follows from the relay's words for all further messages: pauses, halts, and who is refused for good.

Joins `breaker` (what halts) and `throttle` (what waits) with the ledger, which is asked in its own thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Claim, Decision, Ledger, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected
from newsletter.delivery.ledger.providers import share_of
from newsletter.delivery.ledger.rate import Rate, Slice
from newsletter.delivery.ledger.retry import RetryPolicy, Standing, after_policy
from newsletter.delivery.sender.breaker import Breaker, Halt
from newsletter.delivery.sender.group_commit import GroupCommit, report
from newsletter.delivery.sender.handover import Handover, SenderDependencies
from newsletter.delivery.sender.throttle import RELAY, Pause, Throttle
from newsletter.errors import StorageError
from newsletter.machine import now_elapsed

_READ_EVERY = 1.0
"""Seconds between two looks at what other workers met and what operators released."""


_SHORT = timedelta(seconds=1.1)
"""What a connection waits for the rate; with more, its claim is given back: a subscriber may leave meanwhile."""


class Pacing:
    """Of one worker."""

    def __init__(
        self, dependencies: SenderDependencies, commits: GroupCommit, breaker: Breaker, *, policy: RetryPolicy,
        rates: Sequence[Rate], at_once: int,
    ) -> None:  # fmt: skip
        self._pace = dependencies.pace
        self._ledger: Ledger = dependencies.ledger
        self._clock: Callable[[], datetime] = dependencies.clock
        self._on_trouble = dependencies.on_trouble
        self._commits = commits
        self._policy = policy
        self._breaker = breaker
        self._standings: dict[str, Standing] = {}
        self._with_invalid: set[str] = set()
        self._read_at = 0.0
        self._rates = tuple(rates)
        self._at_once = at_once
        self._taking = asyncio.Lock()
        self._slice: Slice | None = None
        self._spent_until = datetime.min.replace(tzinfo=UTC)
        self.throttle = Throttle(policy)

    async def read(self, *, at_once: bool = False) -> None:
        """Read the pauses, if that was not done just now."""
        if at_once or now_elapsed() - self._read_at >= _READ_EVERY:
            asked_at = self._clock()
            stored = await self._commits.call(self._pace.pauses)
            for delivery, share in self.throttle.read(stored, asked_at):
                self._breaker.release(delivery, share)
            self._read_at = now_elapsed()

    async def at_rest(self, delivery: str, *, is_over: bool) -> None:
        """Nothing of a delivery is due, or to come: suppress whom it found to be no address."""
        if not self._breaker.is_open(delivery) and (is_over or delivery in self._with_invalid):
            self._with_invalid.discard(delivery)
            await self._commits.call(self._pace.suppress_invalid, delivery, self._clock())

    async def look_up(self, claims: Sequence[Claim]) -> None:
        """Read how often those who were claimed before were refused."""
        if tried := [claim for claim in claims if claim.epoch > 1]:
            self._standings |= await self._commits.call(self._pace.standings, tried)

    def blocked_until(self, now: datetime) -> datetime | None:
        """Until when nothing at all is sent: the relay said so, or the rate is used up; None: something may be."""
        ends = (self.throttle.relay_until(now), self._spent_until if self._spent_until > now else None)
        return max((end for end in ends if end), default=None)

    async def begin(self, claim: Claim) -> Settlement | None:
        """What becomes of a claim that must wait; None: its message may be begun, and `ended` is called after it."""
        if self._rates and not self._breaker.is_open(claim.delivery):
            async with self._taking:
                while until := await self._wait_for_slice():
                    if until - self._clock() > _SHORT:
                        return Settlement(claim, Decision.requeue(self._clock(), ""), None)
                    await asyncio.sleep(max(0.0, (until - self._clock()).total_seconds()))
        held = self._hold(claim)
        if held and self._slice:
            self._slice = replace(self._slice, count=self._slice.count + 1)
        return held

    async def _wait_for_slice(self) -> datetime | None:
        """Use one message of the rate; when none is left, until when."""
        now = self._clock()
        if self._spent_until > now:
            return self._spent_until
        if not self._slice or not self._slice.count or self._slice.until <= now:
            wanted = max(self._at_once, min(rate.count for rate in self._rates) // 20)
            try:
                self._slice = await self._commits.call(self._pace.take, self._rates, wanted, now, self._slice)
            except StorageError as error:
                report(error, self._on_trouble)
                return now + _SHORT
            if self._slice.next_at:
                self._spent_until = self._slice.next_at
                return self._spent_until
        self._slice = replace(self._slice, count=self._slice.count - 1)
        return None

    async def close(self) -> None:
        """Give back what was taken of the rate and not used."""
        if self._rates and self._slice and self._slice.count:
            await self._commits.call(self._pace.take, self._rates, 0, self._clock(), self._slice)

    def _hold(self, claim: Claim) -> Settlement | None:
        now = self._clock()
        if self._breaker.is_open(claim.delivery):
            return Settlement(claim, Decision.requeue(now, "halted before it could be sent"), None)
        held = self.throttle.hold(claim, now)
        # Without a reason: the pause has it, and this recipient was not asked about.
        return Settlement(claim, Decision.requeue(held, ""), None) if held else None

    def judge(self, settlement: Settlement) -> tuple[Settlement, Halt | None]:
        """A recipient refused again and again while their neighbours are accepted is not left waiting. Never blocks:
        an outcome is settled before the next message on its connection asks for a permit."""
        claim, outcome = settlement.claim, settlement.outcome
        before = self._standings.pop(claim.recipient, Standing())
        if isinstance(outcome, Rejected) and outcome.classification is Classification.INVALID_ADDRESS:
            self._with_invalid.add(claim.delivery)
        if not (isinstance(outcome, Deferred | Rejected) and outcome.is_policy):
            return settlement, None
        decision = after_policy(
            outcome, replace(before, has_neighbours=before.has_neighbours or self._breaker.has_accepted(claim)),
            attempts=claim.attempts, eligible_at=claim.eligible_at, now=self._clock(), policy=self._policy,
        )  # fmt: skip
        if decision is not None:
            return replace(settlement, decision=decision), None
        share = share_of(claim.provider, claim.address)
        is_new = self._breaker.open_share(claim.delivery, share)
        return settlement, Halt(f"nobody was accepted: {outcome}", share) if is_new else None

    async def note(self, result: Handover, halt: Halt | None, began: datetime) -> None:
        """Halt, begin or end a pause, as a hand-over begun at `began` says; stored before it returns."""
        claim, outcome, now = result.settlement.claim, result.settlement.outcome, self._clock()
        if halt := halt or self._breaker.note(result):
            await self.halt(claim.delivery, halt)
        if isinstance(outcome, Accepted):
            for over in self.throttle.accepted(claim, began):
                await self._commits.call_until_done(self._pace.end_pause, over)
            return
        if result.busy:
            pause = self.throttle.pause(RELAY, result.busy, began, now)
        else:
            pause = self.throttle.note(claim, outcome, began, now)
        if pause:
            what = f"{pause.share or 'the relay'} until {pause.until:%H:%M:%S} UTC"
            speed = self.throttle.speed_of(pause.share)
            then = f", then at most {speed:.1f} a second" if speed else ""
            self._on_trouble(f"a pause of {what}{then}: {pause.reason}")
            await self._commits.call_until_done(self._pace.pause, pause)

    async def halt(self, delivery: str, halt: Halt) -> None:
        """Halt a share or a delivery, durably."""
        if halt.share:
            pause = Pause(delivery, halt.share, halt.reason, self._clock(), None)
            self.throttle.add(pause)
            await self._commits.call_until_done(self._pace.pause, pause)
        else:
            await self._commits.call_until_done(self._ledger.halt, delivery, halt.reason)
            self._breaker.halted(delivery)
