"""How hand-overs end: what is settled, what is reported, and what the whole delivery is halted for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn, cast

import pytest
from factories import make_worker
from letters import CLAIM
from memory import MemoryTransport

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.ledger import Claim, Ledger, PermitRequest
from newsletter.delivery.ledger.outcome import Deferred, Outcome, Reply
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.sender.group_commit import Journal
from newsletter.delivery.sender.handover import Compose, Handover, SenderDependencies, hand_over
from newsletter.delivery.sender.throttle import Pace
from newsletter.errors import (
    ComposeError,
    ConfigError,
    DamagedDatabaseError,
    DatabaseBusyError,
    RelayConnectionError,
    RelayLoginError,
    TransportError,
)


async def compose(claim: Claim) -> tuple[Envelope, Message]:
    return Envelope("bounces@news.example", claim.address), Message(claim.recipient, b"hello", "c" * 64)


def failing(error: Exception) -> Compose:
    async def fail(_: Claim) -> NoReturn:
        raise error

    return fail


def handed_over(
    answer: Outcome | TransportError | None = None, *, compose: Compose = compose, is_permitted: bool = True
) -> Handover:
    asked: list[PermitRequest] = []

    async def permit(request: PermitRequest) -> bool:
        asked.append(request)
        return is_permitted

    dependencies = SenderDependencies(
        ledger=cast("Ledger", None), journal=cast("Journal", None), pace=cast("Pace", None), compose=compose,
        transport=MemoryTransport([answer] if answer else []),
        clock=lambda: datetime.now(UTC), new_worker=make_worker, is_dead=lambda _: False, on_trouble=lambda _: None,
    )  # fmt: skip
    claim = replace(CLAIM, eligible_at=datetime.now(UTC))
    return asyncio.run(hand_over(claim, dependencies, RetryPolicy(), permit, setbacks=0))


def test_settlement_names_the_bytes_that_were_handed_over() -> None:
    result = handed_over()
    assert (result.settlement.message_id, result.settlement.sha256) == (CLAIM.recipient, "c" * 64)
    assert (result.settlement.decision.state.value, result.is_answered, result.trouble) == ("accepted", True, "")


@pytest.mark.parametrize(
    ("result", "state", "trouble", "halt", "is_answered"),
    [
        (lambda: handed_over(Deferred(Reply(451, "", "later"))), "deferred", "", "", True),
        (lambda: handed_over(is_permitted=False), "waiting", "", "", None),
        (lambda: handed_over(RelayConnectionError("reset")), "waiting", "reset", "", False),
        (lambda: handed_over(RelayLoginError("535 no")), "waiting", "", "535 no", None),
        (lambda: handed_over(compose=failing(DatabaseBusyError("locked"))), "waiting", "locked", "", None),
        (lambda: handed_over(compose=failing(ConfigError("no key"))), "waiting", "", "no key", None),
        (
            lambda: handed_over(compose=failing(ComposeError("a name"))),
            "excluded", f"{CLAIM.recipient}: a name", "", None,
        ),
    ],
)  # fmt: skip
def test_each_end_is_settled_and_reported(
    result: Callable[[], Handover], state: str, trouble: str, halt: str, is_answered: bool | None
) -> None:
    ended = result()
    assert (ended.settlement.decision.state.value, ended.trouble, ended.halt) == (state, trouble, halt)
    assert ended.is_answered is is_answered
    assert ended.is_unrendered == (state == "excluded")


def test_damaged_database_ends_the_sender() -> None:
    with pytest.raises(DamagedDatabaseError):
        handed_over(compose=failing(DamagedDatabaseError("damaged")))
