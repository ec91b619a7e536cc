"""How long a relay out of reach is left alone."""

from __future__ import annotations

import pytest

from newsletter.delivery.sender.backoff import Backoff


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_pauses_grow_from_none_to_half_a_minute(clock: Clock) -> None:
    backoff = Backoff(None, clock)
    pauses = []
    for _ in range(10):
        backoff.failed()
        pauses.append(backoff.pause)
        clock.now += backoff.pause
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_connections_that_fail_side_by_side_are_one_round(clock: Clock) -> None:
    backoff = Backoff(None, clock)
    for _ in range(4):
        backoff.failed()
    assert backoff.pause == 1.0


def test_answer_starts_again_without_a_pause(clock: Clock) -> None:
    backoff = Backoff(5.0, clock)
    for _ in range(3):
        backoff.failed()
        clock.now += backoff.pause
    backoff.answered()
    assert (backoff.pause, backoff.is_exhausted) == (0.0, False)
    backoff.failed()
    assert backoff.pause == 0.0


def test_patience_counts_from_the_first_failure(clock: Clock) -> None:
    backoff = Backoff(5.0, clock)
    backoff.failed()
    clock.now += 5.0
    backoff.failed()
    assert not backoff.is_exhausted, "exactly five seconds"
    clock.now += 0.5
    assert backoff.is_exhausted


def test_one_failure_long_ago_exhausts_nothing(clock: Clock) -> None:
    backoff = Backoff(5.0, clock)
    backoff.failed()
    clock.now += 3600.0
    assert not backoff.is_exhausted


def test_without_patience_it_is_tried_for_ever(clock: Clock) -> None:
    backoff = Backoff(None, clock)
    for _ in range(100):
        backoff.failed()
        clock.now += 1e6
    assert not backoff.is_exhausted
