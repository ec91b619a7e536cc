"""GroupCommit: what the sending loop asks of the ledger, through one thread, outcomes and permits in group commits.

Before: `send`, whose connections run side by side. After: a `Ledger`, which blocks: what takes it long, `send` asks in
another thread. While one transaction is under way the next outcomes and permits gather, and go together into the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from newsletter.delivery.ledger.ledger import Ledger, PermitRequest, Settlement, Worker
from newsletter.errors import DamagedDatabaseError, StorageError
from newsletter.machine import now_elapsed

Result = TypeVar("Result")

_LONGEST_PAUSE = 5.0
"""Seconds between two tries to reach the database."""


class LeaseGuard:
    """Until when this worker may believe in itself: a little shorter than its lease, on a clock that never jumps.

    Nobody takes over while the fence is open; once it is closed no permit is asked for and no granted one is used. It
    opens with the first renewal. `clock`: seconds since any moment.
    """

    def __init__(self, lease: float, clock: Callable[[], float] = now_elapsed) -> None:
        self._lease = lease
        self._clock = clock
        self._until = clock()

    def extend(self, renewed_at: float) -> None:
        """The lease was renewed by a request sent at `renewed_at`; its end counts from then, at the earliest."""
        self._until = renewed_at + self._lease * 0.75

    @property
    def is_closed(self) -> bool:
        """Whether somebody else may take our claims any moment."""
        return self._clock() >= self._until


class GroupCommit:
    """The one writer of a worker. `trouble` is told when the database cannot be reached."""

    def __init__(
        self,
        ledger: Ledger,
        worker: Worker,
        fence: LeaseGuard,
        *,
        clock: Callable[[], datetime],
        trouble: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._fence = fence
        self._clock = clock
        self._trouble = trouble
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._settlements: list[Settlement] = []
        self._permits: list[tuple[PermitRequest, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._failures = 0

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run one method of the ledger in the writer's thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def permit(self, request: PermitRequest) -> bool:
        """Whether the final dot may be written now: committed, and we are still believed.

        No while the database cannot be reached: a message without a dot can be tried again, a dot cannot be taken back.
        """
        if self._fence.is_closed:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._permits.append((request, answer))
        self._wake.set()
        return await answer and not self._fence.is_closed

    def settle(self, settlement: Settlement) -> None:
        """Have an outcome committed: with the next permit at the latest, and again and again until it is."""
        self._settlements.append(settlement)
        self._drained.clear()
        self._wake.set()

    @property
    def is_cut_off(self) -> bool:
        """Whether the last try to commit failed; the next one comes by itself."""
        return self._failures > 0

    async def drained(self) -> None:
        """Wait until every outcome is committed."""
        await self._drained.wait()

    async def run(self) -> None:
        """Commit what gathers, for ever; cancelled once nothing is to come. Raises DamagedDatabaseError."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            settlements, self._settlements = self._settlements, []
            permits, self._permits = self._permits, []
            try:
                answers = await self.call(
                    self._ledger.record, self._worker, settlements, [request for request, _ in permits], self._clock()
                )
            except StorageError as error:
                # Whether or not the commit happened, without its confirmation no dot is written. Recording an outcome
                # once more changes nothing.
                _answer(permits, [False] * len(permits))
                self._settlements[:0] = settlements
                self._failures += 1
                wait_out(error, self._trouble)
                await asyncio.sleep(_pause(self._failures))
                self._wake.set()
                continue
            self._failures = 0
            _answer(permits, answers)
            if not self._settlements:
                self._drained.set()

    async def insist(self, what: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Do something with the database until it can be reached. Raises DamagedDatabaseError."""
        failures = 0
        while True:
            try:
                return await what()
            except StorageError as error:
                failures += 1
                wait_out(error, self._trouble)
                await asyncio.sleep(_pause(failures))

    def close(self) -> None:
        """End the thread, once its last transaction has ended."""
        self._thread.shutdown(wait=True)


def wait_out(error: StorageError, trouble: Callable[[str], None]) -> None:
    """Tell what is in the way of the database; raises the error again when no waiting takes it away."""
    if isinstance(error, DamagedDatabaseError):
        raise error
    trouble(str(error))


def _pause(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 16), _LONGEST_PAUSE)


def _answer(permits: list[tuple[PermitRequest, asyncio.Future[bool]]], answers: list[bool]) -> None:
    for (_, future), answer in zip(permits, answers, strict=True):
        if not future.done():  # whoever asked may have been cancelled
            future.set_result(answer)
