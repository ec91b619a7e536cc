"""The fence and the one writer: no permit in doubt about the lease or the commit, and no outcome lost."""

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
from newsletter.delivery.sender.group_commit import GroupCommit, LeaseGuard
from newsletter.errors import DatabaseBusyError

LEASE = 30.0
REQUEST = PermitRequest(CLAIM, CLAIM.recipient, "b" * 64)
SETTLEMENT = Settlement(CLAIM, Decision.done(), Accepted(Reply(250, "", "ok")))


class Clock:
    """A clock that stands still until somebody moves it."""

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


def write(ledger: ScriptedLedger, fence: LeaseGuard, work: Callable[[GroupCommit], Awaitable[None]]) -> list[str]:
    """Let a writer run while something works with it; the trouble it told of."""
    trouble: list[str] = []

    async def run() -> None:
        writer = GroupCommit(
            cast("Ledger", ledger), make_worker(), fence, clock=lambda: datetime.now(UTC), trouble=trouble.append
        )
        running = asyncio.create_task(writer.run())
        try:
            async with asyncio.timeout(30):
                await work(writer)
        finally:
            running.cancel()
            writer.close()

    asyncio.run(run())
    return trouble


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fence(clock: Clock) -> LeaseGuard:
    """One that is open."""
    fence = LeaseGuard(LEASE, clock)
    fence.extend(clock.now)
    return fence


def test_fence_is_closed_until_the_lease_was_renewed(clock: Clock) -> None:
    assert LeaseGuard(LEASE, clock).is_closed


def test_fence_closes_before_the_lease_ends(clock: Clock) -> None:
    fence = LeaseGuard(LEASE, clock)
    asked_at = clock.now
    clock.now += 5.0  # the answer took its time; the lease may have begun when it was asked for
    fence.extend(asked_at)
    assert not fence.is_closed
    clock.now = asked_at + LEASE / 2
    assert not fence.is_closed, "it is renewed at a third, and one renewal may be late"
    clock.now = asked_at + LEASE * 0.9
    assert fence.is_closed


def test_permit_is_granted_while_the_fence_is_open(fence: LeaseGuard) -> None:
    async def work(writer: GroupCommit) -> None:
        assert await writer.permit(REQUEST)

    write(ScriptedLedger(), fence, work)


def test_no_permit_is_asked_for_when_the_fence_is_closed(clock: Clock, fence: LeaseGuard) -> None:
    ledger = ScriptedLedger()
    clock.now += LEASE

    async def work(writer: GroupCommit) -> None:
        assert not await writer.permit(REQUEST)

    write(ledger, fence, work)
    assert ledger.told == []


def test_permit_that_comes_after_the_fence_closed_is_not_used(clock: Clock, fence: LeaseGuard) -> None:
    def be_slow() -> None:
        clock.now += LEASE

    async def work(writer: GroupCommit) -> None:
        assert not await writer.permit(REQUEST)

    write(ScriptedLedger(be_slow), fence, work)


def test_no_permit_without_the_database_and_no_outcome_lost(fence: LeaseGuard) -> None:
    def be_away() -> None:
        raise DatabaseBusyError("out of reach")

    ledger = ScriptedLedger(be_away)

    async def work(writer: GroupCommit) -> None:
        writer.settle(SETTLEMENT)
        assert not await writer.permit(REQUEST)
        assert writer.is_cut_off
        await writer.drained()
        assert not writer.is_cut_off
        assert await writer.permit(REQUEST)

    assert write(ledger, fence, work) == ["out of reach"]
    assert ledger.told == [([SETTLEMENT], [REQUEST]), ([SETTLEMENT], []), ([], [REQUEST])]
