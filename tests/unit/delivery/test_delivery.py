"""Which state of a delivery may follow which."""

from __future__ import annotations

import pytest

from newsletter.delivery.delivery import MOVES, DeliveryState


def test_every_state_can_be_reached_from_scheduled() -> None:
    reached, found = {DeliveryState.SCHEDULED}, {DeliveryState.SCHEDULED}
    while found:
        found = {after for state in found for after in MOVES[state]} - reached
        reached |= found
    assert reached == set(DeliveryState) == set(MOVES)


@pytest.mark.parametrize("state", [state for state in DeliveryState if not state.is_over])
def test_whatever_is_not_over_can_be_cancelled(state: DeliveryState) -> None:
    assert DeliveryState.CANCELLED in MOVES[state]


def test_nothing_follows_cancelled() -> None:
    assert MOVES[DeliveryState.CANCELLED] == frozenset()
