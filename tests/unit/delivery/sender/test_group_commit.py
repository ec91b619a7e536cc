"""Group commit: no permit without a valid lease and a confirmed commit, and no outcome lost."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from factories import make_worker
from letters import CLAIM

from newsletter.delivery.ledger.ledger import Decision, Ledger, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.delivery.sender import group_commit
from newsletter.delivery.sender.group_commit import GroupCommit, Journal
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.errors import DatabaseBusyError, JournalError

LEASE = 30.0
REQUEST = PermitRequest(CLAIM, CLAIM.recipient, "b" * 64)
SETTLEMENT = Settlement(CLAIM, Decision.done(), Accepted(Reply(250, "", "ok")))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedLedger:
    """Grants every permit, once what is to happen `meanwhile` has happened; remembers what it was told."""

    def __init__(self, *meanwhile: Callable[[], None]) -> None:
        self._meanwhile = list(meanwhile)
        self.told: list[tuple[list[Settlement], list[PermitRequest]]] = []

    def record(
        self, worker: Worker, settlements: Sequence[Settlement], permits: Sequence[PermitRequest], now: datetime
    ) -> list[bool]:
        self.told.append((list(settlements), list(permits)))
        if self._meanwhile:
            self._meanwhile.pop(0)()
        return [True] * len(permits)


class ListedJournal:
    """Remembers what it was told, beside what the ledger had been told by then."""

    def __init__(self, ledger: ScriptedLedger) -> None:
        self._ledger = ledger
        self.told: list[tuple[int, list[PermitRequest], list[Settlement]]] = []

    def keep_up(self) -> None: ...

    def require_current(self, delivery: str) -> None: ...

    def compare_again(self) -> None: ...

    def append(self, worker: Worker, permits: Sequence[PermitRequest], settled: Sequence[Settlement]) -> None:
        if permits or settled:
            self.told.append((len(self._ledger.told), list(permits), list(settled)))


def write(
    ledger: ScriptedLedger, lease: LeaseGuard, work: Callable[[GroupCommit], Awaitable[None]],
    journal: Journal | None = None, stop: asyncio.Event | None = None,
) -> list[str]:  # fmt: skip
    """Let a group commit run while something works with it; what it reported."""
    trouble: list[str] = []
    journal = journal or ListedJournal(ledger)

    async def run() -> None:
        commits = GroupCommit(
            cast("Ledger", ledger), journal, make_worker(), lease, stop or asyncio.Event(),
            clock=lambda: datetime.now(UTC), on_trouble=trouble.append,
        )  # fmt: skip
        running = asyncio.create_task(commits.run())
        try:
            async with asyncio.timeout(30):
                await work(commits)
        finally:
            running.cancel()
            commits.close()

    asyncio.run(run())
    return trouble


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(clock: Clock) -> LeaseGuard:
    """One that is valid."""
    lease = LeaseGuard(LEASE, clock)
    lease.extend(clock.now)
    return lease


def test_permit_is_granted_while_the_lease_is_valid(lease: LeaseGuard) -> None:
    async def work(commits: GroupCommit) -> None:
        assert await commits.permit(REQUEST)

    write(ScriptedLedger(), lease, work)


def test_no_permit_is_asked_for_without_a_valid_lease(clock: Clock, lease: LeaseGuard) -> None:
    ledger = ScriptedLedger()
    clock.now += LEASE

    async def work(commits: GroupCommit) -> None:
        assert not await commits.permit(REQUEST)

    write(ledger, lease, work)
    assert ledger.told == []


def test_permit_that_comes_after_the_lease_is_not_used(clock: Clock, lease: LeaseGuard) -> None:
    def be_slow() -> None:
        clock.now += LEASE

    async def work(commits: GroupCommit) -> None:
        assert not await commits.permit(REQUEST)

    write(ScriptedLedger(be_slow), lease, work)


def test_no_permit_without_the_database_and_no_outcome_lost(lease: LeaseGuard) -> None:
    def be_away() -> None:
        raise DatabaseBusyError("out of reach")

    ledger = ScriptedLedger(be_away)

    async def work(commits: GroupCommit) -> None:
        commits.settle(SETTLEMENT)
        assert not await commits.permit(REQUEST)
        assert commits.is_unreachable
        await commits.drained()
        assert not commits.is_unreachable
        assert await commits.permit(REQUEST)

    journal = ListedJournal(ledger)
    assert write(ledger, lease, work, journal) == ["out of reach"]
    assert ledger.told == [([SETTLEMENT], [REQUEST]), ([SETTLEMENT], []), ([], [REQUEST])]
    assert journal.told == [
        (1, [], [SETTLEMENT]),
        (3, [REQUEST], []),
    ]  # the outcome at once, the receipt after the commit


def test_no_permit_without_a_receipt(lease: LeaseGuard) -> None:
    class FullJournal(ListedJournal):
        def append(self, worker: Worker, permits: Sequence[PermitRequest], settled: Sequence[Settlement]) -> None:
            if permits:
                raise JournalError("no space left")

    async def work(commits: GroupCommit) -> None:
        assert not await commits.permit(REQUEST)
        assert commits.is_unreachable

    ledger = ScriptedLedger()
    write(ledger, lease, work, FullJournal(ledger))
    assert len(ledger.told) == 1


def test_stopped_worker_does_not_wait_for_a_database_that_is_gone(
    lease: LeaseGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.delivery.sender.group_commit._LAST_PATIENCE", 0.5)

    def be_gone() -> None:
        raise DatabaseBusyError("gone")

    ledger = ScriptedLedger(*[be_gone] * 1000)
    journal = ListedJournal(ledger)
    stop = asyncio.Event()
    stop.set()

    async def work(commits: GroupCommit) -> None:
        commits.settle(SETTLEMENT)
        await commits.drained()
        await commits.call_until_done(be_gone)

    write(ledger, lease, work, journal, stop)
    assert journal.told == [(1, [], [SETTLEMENT])]


def test_outcome_is_committed_no_later_than_the_permit_that_follows_it(
    lease: LeaseGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both come while the thread is collecting a group."""
    later = replace(REQUEST, message_id="later")
    ledger, collected = ScriptedLedger(), threading.Event()
    drain, meanwhile = group_commit._drain, list[Callable[[], object]]()

    def collect(found: deque[Any]) -> list[Any]:
        taken = drain(found)
        if meanwhile:
            meanwhile.pop()()
            assert collected.wait(20)
        return taken

    async def work(commits: GroupCommit) -> None:
        asked: list[asyncio.Task[bool]] = []

        async def settle_and_ask() -> None:
            commits.settle(SETTLEMENT)
            asked.append(asyncio.create_task(commits.permit(later)))
            await asyncio.sleep(0)
            collected.set()

        loop = asyncio.get_running_loop()
        meanwhile.append(lambda: asyncio.run_coroutine_threadsafe(settle_and_ask(), loop))
        assert await commits.permit(REQUEST)
        assert await asked[0]

    monkeypatch.setattr(group_commit, "_drain", collect)
    write(ledger, lease, work)
    groups = [(SETTLEMENT in settled, later in permits) for settled, permits in ledger.told]
    assert groups == [(True, False), (False, True)]
