"""How a rate is written, and how long so many messages take at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.rate import Rate, read_rate

NOW = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("14/second", Rate(14, "second")), (" 500 / day ", Rate(500, "day")), ("100/minute", Rate(100, "minute"))],
)
def test_rate_is_read(text: str, rate: Rate) -> None:
    assert read_rate(text) == rate
    assert read_rate(str(rate)) == rate


@pytest.mark.parametrize("text", ["14", "0/second", "-1/day", "1.5/second", "14/s", "14/week", "/day", "14 per second"])
def test_what_is_no_rate_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match='"500/day"'):
        read_rate(text)


@pytest.mark.parametrize(
    ("messages", "used", "windows"),
    [(0, 0, 0), (500, 0, 0), (501, 0, 1), (1000, 0, 1), (1001, 0, 2), (500, 1, 1), (500, 500, 1), (501, 500, 2),
     (1, 700, 1)],
)  # fmt: skip
def test_last_one_starts_with_its_window(messages: int, used: int, windows: int) -> None:
    assert Rate(500, "day").time_for(messages, used) == timedelta(days=windows)


def test_bucket_ends_after_this_moment_and_counts_for_a_window_after_its_end() -> None:
    rate = Rate(14, "minute")
    end = rate.bucket_end(NOW)
    assert end == NOW.replace(second=3, microsecond=0)
    assert rate.bucket_end(end) == end + timedelta(seconds=3)
    assert rate.since(end + rate.window - timedelta(seconds=1)) < end
    assert rate.since(end + rate.window) == end
