"""Group commit: no permit without a valid lease and a confirmed commit, and no outcome lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest
from factories import make_worker
from letters import CLAIM

from newsletter.delivery.ledger.ledger import Decision, Ledger, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.delivery.sender.group_commit import GroupCommit
from newsletter.delivery.sender.lease import LeaseGuard
from newsletter.errors import DatabaseBusyError

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


def write(ledger: ScriptedLedger, lease: LeaseGuard, work: Callable[[GroupCommit], Awaitable[None]]) -> list[str]:
    """Let a group commit run while something works with it; what it reported."""
    trouble: list[str] = []

    async def run() -> None:
        commits = GroupCommit(
            cast("Ledger", ledger), make_worker(), lease, clock=lambda: datetime.now(UTC), on_trouble=trouble.append
        )
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

    assert write(ledger, lease, work) == ["out of reach"]
    assert ledger.told == [([SETTLEMENT], [REQUEST]), ([SETTLEMENT], []), ([], [REQUEST])]
