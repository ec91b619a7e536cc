"""What a courier says of a message, and when it halts a delivery whose messages cannot be composed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from factories import make_worker
from letters import CLAIM

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Claim, Ledger, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Rejected, Reply
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.sender.backoff import Backoff
from newsletter.delivery.sender.group_commit import GroupCommit, LeaseGuard
from newsletter.delivery.sender.handover import MOST_REFUSALS, MOST_UNRENDERED, Handover, SenderPorts
from newsletter.delivery.transport import Permit, Transport
from newsletter.errors import ComposeError

GOOD, BAD = CLAIM, replace(CLAIM, recipient="bad", address="bad@example.com")


class HaltLedger:
    """Remembers which deliveries were halted, and why."""

    def __init__(self) -> None:
        self.halted: dict[str, str] = {}

    def halt(self, delivery: str, reason: str) -> None:
        self.halted[delivery] = reason


class Welcoming:
    """A way out that takes everything, and asks for no permit."""

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        return Accepted(Reply(250, "", "ok"))

    async def close(self) -> None:
        """Nothing is open."""


class Refusing(Welcoming):
    """One that refuses everything, and not because of the addresses."""

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        return Rejected(Reply(550, "5.7.1", "policy"), Classification.POLICY)


def prepare(claim: Claim) -> tuple[Envelope, Message]:
    if claim.address == BAD.address:
        raise ComposeError("the name does not fit")
    return Envelope("bounces@news.example", claim.address), Message(claim.recipient, b"hello", "c" * 64)


@contextmanager
def courier_with(ledger: HaltLedger, transport: Transport | None = None) -> Iterator[Handover]:
    worker = make_worker()
    around = SenderPorts(
        ledger=cast("Ledger", ledger), transport=transport or Welcoming(), prepare=prepare,
        clock=lambda: datetime.now(UTC), new_worker=lambda: worker, is_dead=lambda _: False,
        watch=lambda *_: None, trouble=lambda _: None,
    )  # fmt: skip
    writer = GroupCommit(around.ledger, worker, LeaseGuard(30.0), clock=around.clock, trouble=around.trouble)
    yield Handover(around, RetryPolicy(), writer, Backoff(None))
    writer.close()


def delivered(claims: list[Claim]) -> tuple[list[Settlement], dict[str, str]]:
    """Deliver these, one after the other; what is said of each, and the deliveries that were halted, and why."""
    ledger = HaltLedger()

    async def run() -> list[Settlement]:
        with courier_with(ledger) as courier:
            return [await courier.deliver(claim) for claim in claims]

    return asyncio.run(run()), ledger.halted


def halted_by(claims: list[Claim]) -> dict[str, str]:
    return delivered(claims)[1]


@pytest.mark.parametrize(
    ("good", "bad", "is_halted"),
    [
        (0, MOST_UNRENDERED, False),
        (0, MOST_UNRENDERED + 1, True),
        (2078, 21, True),
        (2079, 21, False),  # one in a hundred
    ],
)
def test_many_that_cannot_be_composed_halt_a_delivery_unless_they_are_few_among_many(
    good: int, bad: int, is_halted: bool
) -> None:
    assert bool(halted_by([GOOD] * good + [BAD] * bad)) is is_halted


def test_settlement_names_the_bytes_that_were_handed_over() -> None:
    [settlement], _ = delivered([GOOD])
    assert (settlement.message_id, settlement.sha256) == (GOOD.recipient, "c" * 64)


@pytest.mark.parametrize(
    ("claim", "transport", "most"), [(BAD, Welcoming(), MOST_UNRENDERED + 1), (GOOD, Refusing(), MOST_REFUSALS)]
)
def test_delivery_that_was_resumed_halts_once_more_after_as_many(claim: Claim, transport: Transport, most: int) -> None:
    async def halts() -> list[int]:
        """After how many messages it halted, each time."""
        found = []
        with courier_with(HaltLedger(), transport) as courier:
            for number in range(1, 2 * most + 1):
                await courier.deliver(replace(claim, recipient=f"r{number}"))
                if courier.has_halted(claim.delivery):
                    found.append(number)
                    courier.begin_afresh(claim.delivery)
        return found

    assert asyncio.run(halts()) == [most, 2 * most]


def test_one_recipient_refused_many_times_halts_nothing() -> None:
    async def run() -> dict[str, str]:
        ledger = HaltLedger()
        with courier_with(ledger, Refusing()) as courier:
            for _ in range(2 * MOST_REFUSALS):
                await courier.deliver(GOOD)
        return ledger.halted

    assert asyncio.run(run()) == {}


def test_delivery_has_halted_only_once_the_ledger_knows() -> None:
    """Claims that come until then are of before the halt, and no sign that a person resumed it."""
    said: list[bool] = []

    class AskingLedger(HaltLedger):
        def halt(self, delivery: str, reason: str) -> None:
            said.append(courier.has_halted(delivery))
            super().halt(delivery, reason)

    async def run() -> None:
        for number in range(MOST_REFUSALS):
            await courier.deliver(replace(GOOD, recipient=f"r{number}"))
        said.append(courier.has_halted(GOOD.delivery))

    with courier_with(AskingLedger(), Refusing()) as courier:
        asyncio.run(run())
    assert said == [False, True]
