"""What people write after `--at`, on the nights when clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from newsletter.delivery.sender.schedule import check_start, is_missed, read_when, read_zone
from newsletter.errors import RequestError, WrongUsageError

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-23 09:00", "UTC", "2026-11-23T09:00"),
        ("2026-11-23T09:00", "Europe/Berlin", "2026-11-23T08:00"),
        ("2026-07-23 09:00", "Europe/Berlin", "2026-07-23T07:00"),
        ("2026-11-23 09:00:30", "Asia/Kolkata", "2026-11-23T03:30:30"),
        (" 2026-11-23 09:00Z ", "Europe/Berlin", "2026-11-23T09:00"),
        ("2026-11-23T09:00+01:00", "Asia/Tokyo", "2026-11-23T08:00"),
        ("2026-11-23 09:00 -0530", "Asia/Tokyo", "2026-11-23T14:30"),
        # A time that clocks skip moves forward by what they skip.
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-03-08 02:00", "America/New_York", "2026-03-08T07:00"),
        ("2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),
        ("2011-12-30 12:00", "Pacific/Apia", "2011-12-30T22:00"),
        # One that occurs twice means the first.
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-11-01 01:30", "America/New_York", "2026-11-01T05:30"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),
    ],
)
def test_read_when_gives_the_instant_that_is_meant(text: str, zone: str, expected: str) -> None:
    assert read_when(text, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-11-23", "09:00", "2026-11-23 25:00", "2026-02-30 09:00", "23.11.2026 09:00",
     "2026-11-23 09:00 Europe/Berlin", "20261123T0900", "2026-W48-1T09:00", "2026-11-23 09:00+99:00"],
)  # fmt: skip
def test_read_when_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(RequestError):
        read_when(text, ZoneInfo("UTC"))


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../etc/passwd", "Europe", "x" * 300])
def test_read_zone_refuses_what_is_no_zone(name: str) -> None:
    with pytest.raises(RequestError, match="no time zone"):
        read_zone(name)


@pytest.mark.parametrize("early", [timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=3), timedelta(days=99)])
def test_start_in_the_past_is_refused_in_the_words_of_its_zone(early: timedelta) -> None:
    berlin = (NOW - early).astimezone(ZoneInfo("Europe/Berlin"))
    with pytest.raises(WrongUsageError, match=f"{berlin:%H:%M} CES?T is in the past"):
        check_start(berlin, now=NOW)


def test_start_now_or_later_is_taken() -> None:
    check_start(NOW, now=NOW)
    check_start(NOW + timedelta(days=300), now=NOW)


def test_scheduled_start_is_missed_when_it_is_over_for_too_long() -> None:
    lateness = timedelta(hours=6)
    assert not is_missed(NOW - lateness, now=NOW, max_lateness=lateness)
    assert is_missed(NOW - lateness - timedelta(seconds=1), now=NOW, max_lateness=lateness)
