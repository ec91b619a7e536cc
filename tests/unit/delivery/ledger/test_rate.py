"""How a rate is written, and how long so many messages take at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from newsletter.config import Config, SendingSection
from newsletter.delivery.ledger.rate import (
    PRESETS,
    WARM_UPS,
    Rate,
    preset_for,
    rates_at,
    read_rates,
    read_warm_up,
    said,
)

NOW = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("14/second", Rate(14, "second")), (" 500 / day ", Rate(500, "day")), ("100/minute", Rate(100, "minute"))],
)
def test_rate_is_read(text: str, rate: Rate) -> None:
    assert read_rates(text) == (rate,)
    assert read_rates(str(rate)) == (rate,)


@pytest.mark.parametrize(
    "text",
    [
        "14",
        "0/second",
        "-1/day",
        "1.5/second",
        "14/s",
        "14/week",
        "/day",
        "14 per second",
        "1/day, 2/day",
        "1/day,",
        "ses",
    ],
)
def test_what_is_no_rate_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match='"5000/hour"'):
        read_rates(text)


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


def test_several_limits_hold_together() -> None:
    assert read_rates("30/minute, 10000/day") == (Rate(30, "minute"), Rate(10_000, "day"))
    assert read_rates("") == read_rates(" ") == ()
    assert said(read_rates("microsoft365"), NOW) == "30/minute, 10000/day"


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_a_rate_with_its_source(name: str) -> None:
    assert read_rates(name)
    assert PRESETS[name].source.startswith("https://")


@pytest.mark.parametrize(
    ("host", "name"),
    [("smtp.office365.com", "microsoft365"), ("SMTP.gmail.com", "gmail"), ("smtp.example.org", ""),
     ("email-smtp.eu-west-1.amazonaws.com", "ses-sandbox")],
)  # fmt: skip
def test_relay_has_the_limits_of_its_provider(host: str, name: str) -> None:
    assert preset_for(host) == name


FIRST = datetime(2026, 12, 1, 12, tzinfo=UTC)
CAUTIOUS = "cautious from 2026-12-01"


@pytest.mark.parametrize(
    ("day", "rate", "holds"),
    [
        (-3, "", "14/second, 50/day (warm-up)"),
        (0, "", "14/second, 50/day (warm-up)"),
        (3, "", "14/second, 165/day (warm-up)"),
        (17, "", "14/second, 48600/day (warm-up)"),
        (18, "", "14/second"),
        (3, ", 100/day", "14/second, 100/day"),
        (2, ", 5000/day", "14/second, 110/day (warm-up)"),
        (18, ", 5000/day", "14/second, 5000/day"),
    ],
)
def test_warm_up_grows_by_the_day_up_to_the_rate(day: int, rate: str, holds: str) -> None:
    rates = Config(sending=SendingSection(rate=f"14/second{rate}", warm_up=CAUTIOUS)).rates
    assert said(rates, FIRST + timedelta(days=day)) == holds


def test_warm_up_begins_at_midnight_utc() -> None:
    [warm_up] = Config(sending=SendingSection(warm_up=CAUTIOUS)).rates
    assert rates_at([warm_up], datetime(2026, 12, 1, 23, 59, tzinfo=UTC)) == (Rate(50, "day"),)
    assert rates_at([warm_up], datetime(2026, 12, 2, 0, 0, tzinfo=UTC)) == (Rate(75, "day"),)


@pytest.mark.parametrize(
    ("messages", "left", "days"),
    [(0, 50, 0), (50, 50, 0), (51, 50, 1), (125, 50, 1), (126, 50, 2), (126, 0, 2), (236, 0, 3), (10**6, 0, 18)],
)
def test_time_that_a_warm_up_takes_counts_each_day_as_it_will_be(messages: int, left: int, days: int) -> None:
    warm_up = read_warm_up(CAUTIOUS)
    assert warm_up is not None
    assert warm_up.time_from(FIRST, messages, left) == timedelta(days=days)


def test_warm_up_takes_as_long_as_its_last_limit_after_it() -> None:
    warm_up = read_warm_up(CAUTIOUS, [Rate(100, "day")])
    assert warm_up is not None
    assert warm_up.time_from(FIRST, 50 + 75 + 100 * 30, 50) == timedelta(days=31)


@pytest.mark.parametrize("text", ["cautious", "cautious from now", "bold from 2026-12-01", "from 2026-12-01", "14/day"])
def test_what_is_no_warm_up_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match='"cautious from 2026-12-01"; there are: cautious, doubling'):
        read_warm_up(text)


def test_no_day_of_a_warm_up_has_more_than_twice_the_day_before() -> None:
    for days in WARM_UPS.values():
        assert all(before < after <= 2 * before for before, after in pairwise(days))
