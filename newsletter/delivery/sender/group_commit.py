"""Group commit: outcomes and permits of all connections of a worker, written together in one transaction after another.

Before: the sender, whose connections run side by side. After: a `Ledger` and a `Journal`, whose calls block and run in
one thread. Outcomes and permits that come while one transaction runs are committed together by the next; an outcome
waits for a permit, its connection's next one at the latest, so that a message takes one commit. Receipts of the permits
are in the journal before any dot.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from newsletter.delivery.ledger.ledger import Ledger, PermitRequest, Settlement, Worker
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.errors import DamagedDatabaseError, StorageError

Result = TypeVar("Result")
Item = TypeVar("Item")
_Permit: TypeAlias = tuple[PermitRequest, asyncio.Future[bool]]

_LONGEST_PAUSE = 5.0
"""Seconds between two tries to reach the database."""

_LINGER = 0.05
"""Seconds that an outcome waits for a permit to be committed with."""

_LAST_PATIENCE = 5.0
"""Seconds that a worker that was stopped waits for the database. The journal has what it learnt."""


class Journal(Protocol):
    """What outlives the database on this host. Every method but `compare_again` blocks and raises StorageError."""

    def keep_up(self) -> None:
        """Let pass when anything may be sent from the database; first, give it what it lacks."""

    def require_current(self, delivery: str) -> None:
        """Let pass a delivery of whose issue the database has every receipt. May take seconds the first time."""

    def compare_again(self) -> None:
        """Look at every delivery once more: dead senders may have left outcomes of rows that were recovered.
        Never blocks: it is called in the event loop."""

    def append(self, worker: Worker, permits: Sequence[PermitRequest], settled: Sequence[Settlement]) -> None:
        """Append receipts of committed permits, and outcomes."""


class GroupCommit:
    """The only writer of a worker. `on_trouble` is called when the database cannot be reached."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        worker: Worker,
        lease: LeaseGuard,
        stop: asyncio.Event,
        *,
        clock: Callable[[], datetime],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._stop = stop
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._on_trouble = on_trouble
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        # Filled by the event loop and emptied by the thread, which begins the next group by itself.
        self._settlements: deque[Settlement] = deque()
        self._permits: deque[_Permit] = deque()
        self._is_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._uncommitted = 0
        self._drained = asyncio.Event()
        self._drained.set()
        self._failures = 0
        # The thread's own: what the database could not take, and how many of these the journal has.
        self._left: list[Settlement] = []
        self._in_journal = 0

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run one method of the ledger in the ledger's thread. Raises what it raises."""
        return await self._loop.run_in_executor(self._thread, function, *arguments)

    async def permit(self, request: PermitRequest) -> bool:
        """Whether the final dot may be written now: the permit is committed and the lease is still valid.

        False while the database cannot be reached: a message without a dot can be sent later, a dot cannot be undone.
        False after a stop: its envelope may have been sent behind a message whose reply is still to come.
        """
        if self._stop.is_set() or not self._lease.is_valid:
            return False
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._permits.append((request, answer))
        self._loop.call_soon(self._schedule)  # with those of the other connections that are ready now
        # Look at the lease again: the commit may have taken so long that another worker has reclaimed the row.
        return await answer and self._lease.is_valid

    def settle(self, settlement: Settlement) -> None:
        """Commit an outcome, with the next permit at the latest; repeated until it succeeds."""
        self._uncommitted += 1
        self._drained.clear()
        self._settlements.append(settlement)
        if self._timer is None:
            self._timer = self._loop.call_later(_LINGER, self._schedule)

    @property
    def is_unreachable(self) -> bool:
        """Whether the last commit failed; it is repeated."""
        return self._failures > 0

    async def drained(self) -> None:
        """Wait until every outcome is committed; after a stop for a few seconds only: the journal has them."""
        self._schedule()
        waited = 0.0
        while not self._drained.is_set() and waited < _LAST_PATIENCE:
            waiting = asyncio.create_task(self._drained.wait())
            await asyncio.wait([waiting], timeout=0.5)
            waiting.cancel()
            waited = waited + 0.5 if self._stop.is_set() and self.is_unreachable else 0.0

    async def run(self) -> None:
        """Wait until cancelled. Raises what must end the sender: DamagedDatabaseError, a mistake of ours."""
        await self._failure

    def _schedule(self, *, again: bool = False) -> None:
        """Let the thread commit what there is by then. While the database is away: only to try `again`."""
        if self.is_unreachable and not again:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_scheduled:
            self._is_scheduled = True
            self._thread.submit(self._commit_group)

    def _commit_group(self) -> None:
        """In the thread: one transaction for all that was asked for until now."""
        self._is_scheduled = False  # what comes from now on is for the next one
        # Permits first: the outcome that came before one of them is then among the settlements.
        permits = _drain(self._permits)
        settlements = [*self._left, *_drain(self._settlements)]
        if not (settlements or permits or self._failures):
            return
        answers, error = [False] * len(permits), None
        try:
            answers = self._commit(settlements, [request for request, _ in permits])
            self._left = []
        except Exception as failed:  # noqa: BLE001  dealt with in the event loop
            # The commit may have happened, but without its confirmation no dot is written. Recording an outcome twice
            # changes nothing.
            error, self._left = failed, settlements
            self._save(settlements)
        self._loop.call_soon_threadsafe(self._end_group, permits, answers, len(settlements), error)

    def _end_group(self, permits: list[_Permit], answers: list[bool], settled: int, error: Exception | None) -> None:
        if error is None:
            self._failures = 0
            self._uncommitted -= settled
            if not self._uncommitted:
                self._drained.set()
        elif isinstance(error, StorageError) and not isinstance(error, DamagedDatabaseError):
            self._failures += 1
            self._on_trouble(str(error))
            self._timer = self._loop.call_later(_pause(self._failures), partial(self._schedule, again=True))
        elif not self._failure.done():
            self._failure.set_exception(error)
        for (_, future), answer in zip(permits, answers, strict=True):
            if not future.done():  # the asking task may have been cancelled
                future.set_result(answer)

    def _commit(self, settlements: Sequence[Settlement], permits: Sequence[PermitRequest]) -> list[bool]:
        answers = self._ledger.record(self._worker, settlements, permits, self._clock())
        granted = [request for request, is_granted in zip(permits, answers, strict=True) if is_granted]
        self._journal.append(self._worker, granted, settlements[self._in_journal :])
        self._in_journal = 0
        return answers

    def _save(self, settlements: Sequence[Settlement]) -> None:
        """Let the journal have what the database could not take: this worker may be stopped before it can."""
        try:
            self._journal.append(self._worker, [], settlements[self._in_journal :])
            self._in_journal = len(settlements)
        except StorageError as error:
            self._loop.call_soon_threadsafe(self._on_trouble, str(error))

    async def call_until_done(self, function: Callable[..., None], *arguments: Any) -> None:
        """Run one method of the ledger; repeat it until it succeeds or the worker is stopped.

        Raises DamagedDatabaseError.
        """
        failures = 0
        while True:
            try:
                return await self.call(function, *arguments)
            except StorageError as error:
                failures += 1
                report(error, self._on_trouble)
                if self._stop.is_set():
                    return None
                await asyncio.sleep(_pause(failures))

    def close(self) -> None:
        """End the thread, once its last transaction has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=True)


def report(error: StorageError, on_trouble: Callable[[str], None]) -> None:
    """Report that the database cannot be reached; re-raises DamagedDatabaseError, which waiting does not repair."""
    if isinstance(error, DamagedDatabaseError):
        raise error
    on_trouble(str(error))


def _pause(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 16), _LONGEST_PAUSE)


def _drain(found: deque[Item]) -> list[Item]:
    """All that is in it. Only one thread may take from it, another one may add."""
    return [found.popleft() for _ in range(len(found))]
