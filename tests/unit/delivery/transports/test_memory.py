"""The transport of other tests: it keeps what it was given and answers what it was told."""

from __future__ import annotations

import asyncio

import pytest
from mailing import granted, letter, refused
from memory import MemoryTransport

from newsletter.delivery.ledger.outcome import Accepted, Deferred, Reply, Unknown
from newsletter.errors import PermitRefusedError, RelayConnectionError

LATER = Deferred(Reply(451, "4.3.0", "later"))


def test_answers_are_given_in_turn_and_then_accepted() -> None:
    transport = MemoryTransport([LATER, Unknown("lost")])
    outcomes = [asyncio.run(transport.send(*letter(), granted)) for _ in range(3)]
    assert outcomes[:2] == [LATER, Unknown("lost")]
    assert isinstance(outcomes[2], Accepted)
    assert transport.sent == [letter()] * 3


def test_lost_line_and_refused_permit_keep_nothing() -> None:
    transport = MemoryTransport([RelayConnectionError("gone")])
    with pytest.raises(RelayConnectionError):
        asyncio.run(transport.send(*letter(), granted))
    with pytest.raises(PermitRefusedError):
        asyncio.run(transport.send(*letter(), refused))
    assert transport.sent == []
