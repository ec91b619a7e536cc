"""How a rate is written, and how long so many messages take at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.rate import PRESETS, Rate, preset_for, read_rates, said

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
    assert said(read_rates("microsoft365")) == "30/minute, 10000/day"


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
