"""Sender: claims recipients, hands their messages over on several connections, settles the outcomes.

    register → claim a few → on each connection: compose → body, permit, dot, reply → decide → settle → … → deregister

Before: a frozen audience; after: settled rows. The ledger is asked through `GroupCommit`, so that an outcome is
committed no later than its connection's next permit; what may take seconds runs beside it. A worker that cannot renew
its lease in time stops by itself, and registers again when it was reclaimed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from newsletter.delivery.ledger.ledger import Claim, Decision, RecipientState, Settlement
from newsletter.delivery.ledger.rate import Rate
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.sender.backoff import Backoff
from newsletter.delivery.sender.breaker import Breaker, Halt
from newsletter.delivery.sender.group_commit import GroupCommit, report
from newsletter.delivery.sender.handover import Handover, SenderDependencies, hand_over
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.delivery.sender.pacing import Pacing
from newsletter.delivery.sender.registration import Registration
from newsletter.errors import StorageError

log = logging.getLogger("newsletter.sender")

SOON = 60.0
"""Seconds that a foreground send waits for messages that were set back."""

_POLL = 1.0
"""Seconds until the ledger is asked again, where no time is known."""

_REPOLL = 0.05
"""The same where the next answer may differ at once."""


class Ending(StrEnum):
    """Why the sender ended."""

    DONE = "done"
    """Nothing is due; or the delivery is finished, paused, halted or cancelled."""
    STOPPED = "stopped"
    """A stop was requested."""
    NO_RELAY = "no relay"
    """The relay could not be reached for longer than `patience`."""
    RECLAIMED = "reclaimed"
    """Other workers have reclaimed its claims: its lease had run out."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How a worker sends. Durations in seconds."""

    at_once: int
    """How many messages are given to the transport at a time."""
    lease: float
    policy: RetryPolicy
    rates: Sequence[Rate] = ()
    """How many messages all workers may begin in which times; empty: any number."""
    patience: float | None = None
    """How long to go on without reaching the relay; None: without end."""


async def send(
    dependencies: SenderDependencies, settings: SenderSettings, stop: asyncio.Event, *, only: str | None = None
) -> Ending:
    """Send what is due: of one delivery until nothing is, or of all deliveries until `stop` is set.

    Setting `stop` ends claiming; messages in flight are finished and recorded, unsent claims return to waiting. While
    the database cannot be reached it waits, except at the start: then StorageError is raised. A damaged database always
    raises DamagedDatabaseError.
    """
    ending = await Sender(dependencies, settings, stop, only).run()
    while ending is Ending.RECLAIMED:
        try:
            ending = await Sender(dependencies, settings, stop, only).run()
        except StorageError as error:  # it could not register again
            report(error, dependencies.on_trouble)
            if await is_set_within(stop, 1.0):
                return Ending.STOPPED
    return ending


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, but no longer than this; whether it is set."""
    try:
        async with asyncio.timeout(seconds):  # `wait_for` of Python 3.11 may swallow a cancellation
            return await event.wait()
    except TimeoutError:
        return False


class Sender:
    """One worker, from its registration to its end."""

    def __init__(
        self, dependencies: SenderDependencies, settings: SenderSettings, stop: asyncio.Event, only: str | None
    ) -> None:
        self._dependencies = dependencies
        self._ledger = dependencies.ledger
        self._journal = dependencies.journal
        self._clock = dependencies.clock
        self._on_trouble = dependencies.on_trouble
        self._settings = settings
        self._stop = stop
        self._only = only
        self._worker = dependencies.new_worker()
        self._lease = LeaseGuard(settings.lease)
        self._commits = GroupCommit(
            self._ledger, self._journal, self._worker, self._lease, stop, clock=self._clock, on_trouble=self._on_trouble
        )
        self._registration = Registration(dependencies, self._commits, self._worker, self._lease, settings.lease)
        self._backoff = Backoff(settings.patience)
        self._breaker = Breaker()
        self._pacing = Pacing(
            dependencies, self._commits, self._breaker, policy=settings.policy, rates=settings.rates,
            at_once=settings.at_once,
        )  # fmt: skip
        self._throttle = self._pacing.throttle
        self._queue: asyncio.Queue[Claim | None] = asyncio.Queue()
        self._in_flight: Counter[str] = Counter()
        self._setbacks: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._ending: Ending | None = None

    async def run(self) -> Ending:
        """Register, send, finish what is in flight, deregister."""
        try:
            await self._registration.begin()
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._commits.run()),
                    group.create_task(self._registration.keep(self._changed.set)),
                    group.create_task(self._wake_on_stop()),
                ]
                senders = [group.create_task(self._send_claims()) for _ in range(self._settings.at_once)]
                self._ending = await self._refill_until_the_end()
                for _ in senders:
                    self._queue.put_nowait(None)
                await asyncio.gather(*senders)
                await self._commits.drained()
                for task in background:
                    task.cancel()
            await self._deregister()
            return self._ending
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the others follow from the first
        finally:
            self._commits.close()

    async def _deregister(self) -> None:
        try:
            await self._pacing.close()
            await self._registration.end()
        except StorageError as error:
            # Nothing is lost: the next worker finds this process dead and reclaims its claims.
            self._on_trouble(str(error))

    async def _wake_on_stop(self) -> None:
        await self._stop.wait()
        self._changed.set()

    # Claims for the connections

    async def _refill_until_the_end(self) -> Ending:
        while True:
            if self._stop.is_set():
                return Ending.STOPPED
            if self._registration.is_reclaimed:
                return Ending.RECLAIMED
            if self._backoff.is_exhausted:
                return Ending.NO_RELAY
            if not self._lease.is_valid or not self._is_low:
                await self._wait(_POLL)
                continue
            try:
                pause = await self._refill_all()
            except StorageError as error:
                report(error, self._on_trouble)
                pause = _POLL
            if pause is None:
                return Ending.DONE
            await self._wait(pause)

    async def _refill_all(self) -> float | None:
        """Claim from each active delivery once; seconds until the next time, None when nothing is to come."""
        await self._pacing.read()
        if until := self._pacing.blocked_until(now := self._clock()):
            pause = (until - now).total_seconds()
            return None if self._only and pause > SOON else pause
        sending = await self._commits.call(self._ledger.sending)
        active = [delivery for delivery in sending if self._only in (None, delivery)]
        found = [await self._refill(delivery) for delivery in active]
        if any(found):
            return 0.0
        pauses = [await self._next_due(delivery) for delivery in active]
        nearest = min((pause for pause in pauses if pause is not None), default=None)
        return nearest if self._only else min(_POLL, nearest or _POLL)

    async def _refill(self, delivery: str) -> int:
        limit = max(8, 4 * self._settings.at_once)
        # Not in the ledger's thread: permits and the renewal of the lease must not wait for it.
        await asyncio.to_thread(self._journal.require_current, delivery)
        # Ask before claiming: a claim under way while the halt is stored may still be of before it.
        was_halted = self._breaker.is_halted(delivery)
        is_new = was_halted or not self._breaker.has_begun(delivery)
        resumed_after = await self._commits.call(self._ledger.resumed_after, delivery) if is_new else ""
        now = self._clock()
        without = self._throttle.without(delivery, now)
        claims = await self._commits.call(self._ledger.claim, delivery, self._worker, limit, now, without)
        if claims:
            await self._check_claims(claims)
            await self._pacing.look_up(claims)
        if claims and is_new:
            self._breaker.begin(delivery, resumed_after)
        for claim in claims:
            self._in_flight[delivery] += 1
            self._queue.put_nowait(claim)
        return len(claims)

    async def _check_claims(self, claims: Sequence[Claim]) -> None:
        """Send none of a database that was replaced in the moment before."""
        try:
            await asyncio.to_thread(self._journal.require_current, claims[0].delivery)
        except StorageError as error:
            for claim in claims:
                self._commits.settle(Settlement(claim, Decision.requeue(self._clock(), str(error)), None))
            raise

    async def _next_due(self, delivery: str) -> float | None:
        """After no claim: finish the delivery, or seconds to the next one; None: more than a foreground send waits."""
        if self._in_flight[delivery]:
            return _POLL
        await self._commits.drained()
        now = self._clock()
        without = self._throttle.without(delivery, now)
        remaining = await self._commits.call(self._ledger.remaining, delivery, self._worker, without)
        await self._pacing.at_rest(delivery, is_over=remaining.is_nothing and not without)
        if without and remaining.is_nothing:
            return await self._wait_for_shares(delivery, now)
        if remaining.is_nothing:
            # Not in the ledger's thread either: it reads every row of the delivery.
            if await asyncio.to_thread(self._ledger.finish, delivery, now):
                log.info("delivery=%s state=finished", delivery)
            return _REPOLL
        if remaining.deferred is not None and remaining.deferred <= now:
            return _REPOLL  # one claim stops after very many that expired or are suppressed; ask for the rest
        if remaining.waiting is not None and (pause := (remaining.waiting - now).total_seconds()) <= SOON:
            return max(_REPOLL, pause)
        return _POLL if remaining.held else None

    async def _wait_for_shares(self, delivery: str, now: datetime) -> float | None:
        """Only recipients of paused shares are left: seconds to the first end, or the delivery is halted with them."""
        await self._pacing.read(at_once=True)  # an operator may have released them in this second
        halted = self._throttle.without(delivery, now, halted=True)
        remaining = await self._commits.call(self._ledger.remaining, delivery, self._worker, halted)
        if remaining.is_nothing and halted:
            everybody = await self._commits.call(self._ledger.remaining, delivery, self._worker)
            if everybody.is_nothing:
                return _REPOLL
            await self._pacing.halt(delivery, Halt(self._throttle.why_halted(delivery)))
            return _REPOLL
        until = self._throttle.next_end(delivery, now)
        pause = max(_REPOLL, (until - now).total_seconds()) if until else _REPOLL
        return pause if pause <= SOON else None

    async def _wait(self, seconds: float) -> None:
        """Wait for a settlement or a stop, but no longer than `seconds` or one second."""
        self._changed.clear()
        if seconds and not self._stop.is_set():
            await is_set_within(self._changed, min(seconds, 1.0))

    # One message after the other

    async def _send_claims(self) -> None:
        """Send claims in turn. Those not begun at the end return to waiting when the worker deregisters."""
        while (claim := await self._queue.get()) is not None:
            await self._wait_until_possible()
            if not self._is_ending:
                await self._send_or_hold(claim)
            self._in_flight[claim.delivery] -= 1
            if self._is_low:
                self._changed.set()

    async def _send_or_hold(self, claim: Claim) -> None:
        if held := await self._pacing.begin(claim):
            return self._commits.settle(held)
        try:
            return await self._send(claim)
        finally:
            self._throttle.ended(claim)

    async def _send(self, claim: Claim) -> None:
        setbacks, began = self._setbacks[claim.recipient], self._clock()
        result = await hand_over(
            claim, self._dependencies, self._settings.policy, self._commits.permit, setbacks=setbacks
        )
        if result.is_unrendered and self._breaker.is_open(claim.delivery):
            # The delivery was halted while this message was composed: the recipient's data may not be the cause.
            decision = Decision.requeue(self._clock(), result.trouble)
            return self._commits.settle(replace(result.settlement, decision=decision))
        # At once: the next message on its connection may ask for a permit now, which must not be committed before.
        settlement, halt = self._pacing.judge(result.settlement)
        self._commits.settle(settlement)
        if result.trouble:
            self._on_trouble(result.trouble)
        self._note_answer(result)
        return await self._pacing.note(result, halt, began)

    def _note_answer(self, result: Handover) -> None:
        if result.is_answered is None:
            return
        (self._backoff.answered if result.is_answered else self._backoff.failed)()
        recipient = result.settlement.claim.recipient
        if result.settlement.decision.state is RecipientState.WAITING:
            self._setbacks[recipient] += 1
        else:
            self._setbacks.pop(recipient, None)

    @property
    def _is_low(self) -> bool:
        """Whether more should be claimed now, so that no connection has to wait for it."""
        return self._queue.qsize() < self._settings.at_once

    @property
    def _is_ending(self) -> bool:
        return self._ending is not None or self._registration.is_reclaimed or self._stop.is_set()

    async def _wait_until_possible(self) -> None:
        """Begin no message while relay or database cannot be reached: it would end without a dot."""
        while not self._is_ending and (
            self._backoff.pause > 0 or not self._lease.is_valid or self._commits.is_unreachable
        ):
            await asyncio.sleep(min(0.2, self._backoff.pause or 0.2))
