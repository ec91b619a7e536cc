"""Send: the one loop that joins ledger, compose and transport. Before: a frozen audience; after: settled rows.

    enter → claim a few → on each connection: compose → envelope, body, permit, dot, reply → decide → settle → … → leave

What the ledger is asked goes through the `GroupCommit`, so that what a connection learnt is committed no later than
its next permit; what may take seconds goes beside it. A worker that cannot renew its lease in time stops by itself,
and enters anew when it was given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.sender.backoff import Backoff
from newsletter.delivery.sender.group_commit import GroupCommit, LeaseGuard, wait_out
from newsletter.delivery.sender.handover import Handover, SenderPorts
from newsletter.errors import StorageError
from newsletter.machine import now_elapsed

log = logging.getLogger("newsletter.sender")

SOON = 60.0
"""Seconds that a foreground send waits for messages that were set back."""


class Ending(StrEnum):
    """Why the loop ended."""

    DONE = "done"
    """Nothing is due any more; or the delivery is finished, paused, halted or cancelled."""
    STOPPED = "stopped"
    """It was asked to."""
    NO_RELAY = "no relay"
    """The relay could not be reached for longer than `patience`."""
    RECLAIMED = "given up"
    """Others took this worker for dead; whatever it had claimed is theirs now."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How a worker sends. Durations in seconds."""

    connections: int
    lease: float
    policy: RetryPolicy
    patience: float | None = None
    """How long to go on without reaching the relay; None: for ever."""


async def send(around: SenderPorts, terms: SenderSettings, stop: asyncio.Event, *, only: str | None = None) -> Ending:
    """Send what is due: of one delivery until nothing is, or of all deliveries until `stop` is set.

    Setting `stop` ends claiming; messages under way are finished and recorded first, unsent claims given back. A
    database out of reach is waited for, unless it is to begin with: then its StorageError is raised. A damaged one
    always raises DamagedDatabaseError.
    """
    ending = await _SenderRun(around, terms, stop, only).work()
    while ending is Ending.RECLAIMED:
        try:
            ending = await _SenderRun(around, terms, stop, only).work()
        except StorageError as error:  # it could not enter anew
            wait_out(error, around.trouble)
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


class _SenderRun:
    """One worker's stay in the ledger, from entering to leaving."""

    def __init__(self, around: SenderPorts, terms: SenderSettings, stop: asyncio.Event, only: str | None) -> None:
        self._around = around
        self._terms = terms
        self._stop = stop
        self._only = only
        self._worker = around.new_worker()
        self._fence = LeaseGuard(terms.lease)
        self._writer = GroupCommit(around.ledger, self._worker, self._fence, clock=around.clock, trouble=around.trouble)
        self._gate = Backoff(terms.patience)
        self._courier = Handover(around, terms.policy, self._writer, self._gate)
        self._queue: asyncio.Queue[Claim | None] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._ending: Ending | None = None
        self._is_reclaimed = False
        self._in_flight: Counter[str] = Counter()

    async def work(self) -> Ending:
        """Enter, send, finish what is under way, leave."""
        try:
            await self._enter()
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._writer.run())
                others = [group.create_task(self._renew_lease()), group.create_task(self._watch_stop())]
                connections = [group.create_task(self._connection()) for _ in range(self._terms.connections)]
                self._ending = await self._keep_supplied()
                for _ in connections:
                    self._queue.put_nowait(None)
                await asyncio.gather(*connections)
                await self._writer.drained()
                for task in (writing, *others):
                    task.cancel()
            await self._leave()
            return self._ending
        except BaseExceptionGroup as group_of_one:
            # Whatever went wrong first; the others are its consequences.
            raise group_of_one.exceptions[0] from None
        finally:
            self._writer.close()

    async def _enter(self) -> None:
        ledger, now, asked_at = self._around.ledger, self._around.clock(), now_elapsed()
        await self._writer.call(ledger.recover, now, self._around.is_dead)
        await self._writer.call(ledger.register, self._worker, self._terms.lease, now)
        self._fence.extend(asked_at)

    async def _leave(self) -> None:
        try:
            await self._writer.call(self._around.ledger.deregister, self._worker, self._around.clock())
        except StorageError as error:
            # Nothing is lost: whoever comes next finds this process dead and takes its claims over.
            self._around.trouble(str(error))

    async def _renew_lease(self) -> None:
        """Renew the lease at a third of it, and take over from those who did not."""
        pause = self._terms.lease / 3
        while not self._is_reclaimed:
            await asyncio.sleep(pause)
            asked_at, ledger = now_elapsed(), self._around.ledger
            try:
                if await self._writer.call(ledger.renew, self._worker, self._terms.lease):
                    self._fence.extend(asked_at)
                    await self._writer.call(ledger.recover, self._around.clock(), self._around.is_dead)
                else:
                    self._is_reclaimed = True
                    self._changed.set()
                pause = self._terms.lease / 3
            except StorageError as error:
                wait_out(error, self._around.trouble)
                pause = min(1.0, self._terms.lease / 10)

    async def _watch_stop(self) -> None:
        await self._stop.wait()
        self._changed.set()

    async def _keep_supplied(self) -> Ending:
        """Keep the connections supplied with claims until there is a reason to end."""
        while True:
            if self._stop.is_set():
                return Ending.STOPPED
            if self._is_reclaimed:
                return Ending.RECLAIMED
            if self._gate.is_exhausted:
                return Ending.NO_RELAY
            if self._fence.is_closed or self._queue.qsize() >= self._terms.connections:
                await self._wait(1.0)
                continue
            try:
                pause = await self._refill_all()
            except StorageError as error:
                wait_out(error, self._around.trouble)
                pause = 1.0
            if pause is None:
                return Ending.DONE
            await self._wait(pause)

    async def _refill_all(self) -> float | None:
        """Claim from each delivery once; how long to wait before the next turn, None when nothing is to come."""
        docket = await self._active_deliveries()
        found = [await self._refill(delivery) for delivery in docket]
        if any(found):
            return 0.0
        pauses = [await self._next_due(delivery) for delivery in docket]
        nearest = min((pause for pause in pauses if pause is not None), default=None)
        return nearest if self._only else min(1.0, nearest or 1.0)

    async def _active_deliveries(self) -> Sequence[str]:
        sending = await self._writer.call(self._around.ledger.sending)
        return [delivery for delivery in sending if self._only in (None, delivery)]

    async def _refill(self, delivery: str) -> int:
        limit = max(8, 4 * self._terms.connections)
        # Not in the writer's thread: permits and the renewal of the lease must not wait for it.
        if not await asyncio.to_thread(self._around.ledger.is_whole, delivery):
            return 0
        # Looked at before: claims that were asked for earlier may have been taken earlier than the halt.
        was_halted = self._courier.has_halted(delivery)
        now = self._around.clock()
        claims = await self._writer.call(self._around.ledger.claim, delivery, self._worker, limit, now)
        if claims and was_halted:
            self._courier.begin_afresh(delivery)
        for claim in claims:
            self._in_flight[delivery] += 1
            self._queue.put_nowait(claim)
        return len(claims)

    async def _next_due(self, delivery: str) -> float | None:
        """Nobody of a delivery was handed out: finish it, or say how long to wait for it; None: longer than we do."""
        if self._in_flight[delivery]:
            return 1.0
        await self._writer.drained()
        remaining = await self._writer.call(self._around.ledger.remaining, delivery, self._worker)
        now = self._around.clock()
        if remaining.waiting is None and remaining.deferred is None and not remaining.held:
            # Not in the writer's thread either: it reads every row of the delivery.
            if await asyncio.to_thread(self._around.ledger.finish, delivery, now):
                log.info("delivery=%s state=finished", delivery)
            return 0.05
        if remaining.deferred is not None and remaining.deferred <= now:
            return 0.05  # so many are refused, as expired for instance, that one claim did not get to their end
        if remaining.waiting is not None and (pause := (remaining.waiting - now).total_seconds()) <= SOON:
            return max(0.05, pause)
        return 1.0 if remaining.held else None

    async def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until something was settled or a stop was asked for."""
        self._changed.clear()
        if seconds and not self._stop.is_set():
            await is_set_within(self._changed, min(seconds, 1.0))

    async def _connection(self) -> None:
        """Send one claim after the other until there are no more; claims that are not begun go back when we leave."""
        while (claim := await self._queue.get()) is not None:
            await self._wait_until_possible()
            if not self._is_ending:
                settlement = await self._courier.deliver(claim)
                self._writer.settle(settlement)
                self._around.watch(claim, settlement.decision)
            self._in_flight[claim.delivery] -= 1
            self._changed.set()

    @property
    def _is_ending(self) -> bool:
        return self._ending is not None or self._is_reclaimed or self._stop.is_set()

    async def _wait_until_possible(self) -> None:
        """Begin no message while relay or database are out of reach: it would end without a dot."""
        while not self._is_ending and (self._gate.pause > 0 or self._fence.is_closed or self._writer.is_cut_off):
            await asyncio.sleep(min(0.2, self._gate.pause or 0.2))
