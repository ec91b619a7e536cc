"""Group commit: outcomes and permits of all connections of a worker, written together in one transaction after another.

Before: the sender, whose connections run side by side. After: a `Ledger`, whose calls block and run in one thread.
Outcomes and permits that come while one transaction runs are committed together by the next.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from newsletter.delivery.ledger.ledger import Ledger, PermitRequest, Settlement, Worker
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.errors import DamagedDatabaseError, StorageError

Result = TypeVar("Result")

_LONGEST_PAUSE = 5.0
"""Seconds between two tries to reach the database."""


class GroupCommit:
    """The only writer of a worker. `on_trouble` is called when the database cannot be reached."""

    def __init__(
        self,
        ledger: Ledger,
        worker: Worker,
        lease: LeaseGuard,
        *,
        clock: Callable[[], datetime],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._on_trouble = on_trouble
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._settlements: list[Settlement] = []
        self._permits: list[tuple[PermitRequest, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._failures = 0

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run one method of the ledger in the ledger's thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def permit(self, request: PermitRequest) -> bool:
        """Whether the final dot may be written now: the permit is committed and the lease is still valid.

        False while the database cannot be reached: a message without a dot can be sent later, a dot cannot be undone.
        """
        if not self._lease.is_valid:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._permits.append((request, answer))
        self._wake.set()
        # Look at the lease again: the commit may have taken so long that another worker has reclaimed the row.
        return await answer and self._lease.is_valid

    def settle(self, settlement: Settlement) -> None:
        """Commit an outcome, with the next permit at the latest; repeated until it succeeds."""
        self._settlements.append(settlement)
        self._drained.clear()
        self._wake.set()

    @property
    def is_unreachable(self) -> bool:
        """Whether the last commit failed; `run` repeats it."""
        return self._failures > 0

    async def drained(self) -> None:
        """Wait until every outcome is committed."""
        await self._drained.wait()

    async def run(self) -> None:
        """Commit what was asked for, until cancelled. Raises DamagedDatabaseError."""
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
                # The commit may have happened, but without its confirmation no dot is written. Recording an outcome
                # twice changes nothing.
                _answer(permits, [False] * len(permits))
                self._settlements[:0] = settlements
                self._failures += 1
                report(error, self._on_trouble)
                await asyncio.sleep(_pause(self._failures))
                self._wake.set()
                continue
            self._failures = 0
            _answer(permits, answers)
            if not self._settlements:
                self._drained.set()

    async def call_until_done(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run one method of the ledger; repeat it until it succeeds. Raises DamagedDatabaseError."""
        failures = 0
        while True:
            try:
                return await self.call(function, *arguments)
            except StorageError as error:
                failures += 1
                report(error, self._on_trouble)
                await asyncio.sleep(_pause(failures))

    def close(self) -> None:
        """End the thread, once its last transaction has ended."""
        self._thread.shutdown(wait=True)


def report(error: StorageError, on_trouble: Callable[[str], None]) -> None:
    """Report that the database cannot be reached; re-raises DamagedDatabaseError, which waiting does not repair."""
    if isinstance(error, DamagedDatabaseError):
        raise error
    on_trouble(str(error))


def _pause(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 16), _LONGEST_PAUSE)


def _answer(permits: list[tuple[PermitRequest, asyncio.Future[bool]]], answers: list[bool]) -> None:
    for (_, future), answer in zip(permits, answers, strict=True):
        if not future.done():  # the asking task may have been cancelled
            future.set_result(answer)
