"""Times that recur, in words and as cron, and what is refused with a sentence that helps."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from newsletter.delivery.sender.schedule import changed_clock, instant_of
from newsletter.recurrence import Recurrence, read_cron, read_words
from newsletter.scheduler import next_time

BERLIN = ZoneInfo("Europe/Berlin")


def fields(recurrence: Recurrence) -> str:
    """In the order of a crontab."""
    return " ".join(astuple(recurrence)[1:])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("every Thursday 09:00", "0 9 * * thu"),
        ("Every  thursday at 9:00", "0 9 * * thu"),
        ("every Thu 09:05", "5 9 * * thu"),
        ("every Thursdays 09:00", "0 9 * * thu"),
        ("every Monday and Friday 18:30", "30 18 * * mon,fri"),
        ("every Monday, Wednesday and Friday at 18:30", "30 18 * * mon,wed,fri"),
        ("every Mon, Wed, and Fri 18:30", "30 18 * * mon,wed,fri"),
        ("every tues and thurs 00:00", "0 0 * * tue,thu"),
        ("every day 07:00", "0 7 * * *"),
        ("every weekday 23:59", "59 23 * * mon-fri"),
        ("every first Monday 09:00", "0 9 1st mon * *"),
        ("every 1st Monday of the month at 09:00", "0 9 1st mon * *"),
        ("every second and fourth Tuesday 09:00", "0 9 2nd tue,4th tue * *"),
        ("every 2nd Tuesday and 4th Tuesday 09:00", "0 9 2nd tue,4th tue * *"),
        ("every last Friday 09:00", "0 9 last fri * *"),
        ("every 15th 09:00", "0 9 15 * *"),
        ("every 1st and 15th 09:00", "0 9 1,15 * *"),
        ("every last day of the month 09:00", "0 9 last * *"),
    ],
)
def test_words_name_the_fields_that_they_mean(words: str, expected: str) -> None:
    assert fields(read_words(words)) == expected


@pytest.mark.parametrize(
    ("words", "because"),
    [
        ("every Thursday", "is not a time that recurs"),
        ("Thursday 09:00", "is not a time that recurs"),
        ("every 09:00", "is not a time that recurs"),
        ("every Thursday 9", "is not a time that recurs"),
        ("every Thursday 24:00", "no time 24:00"),
        ("every Thursday 09:60", "no time 09:60"),
        ("every Thirstday 09:00", "'Thirstday' are not days"),
        ("every other Thursday 09:00", "are not days"),
        ("every 32nd 09:00", "are not days"),
        ("every 0th 09:00", "are not days"),
        ("every sixth Monday 09:00", "are not days"),
        ("every Monday and 15th 09:00", "are not days"),
        ("every last 09:00", "are not days"),
    ],
)
def test_other_words_are_refused(words: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        read_words(words)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * thu", "0 9 * * thu"),
        ("0 9 * * 4", "0 9 * * thu"),
        ("0 9 * * 0", "0 9 * * sun"),
        ("0 9 * * 7", "0 9 * * sun"),
        ("0 9 * * 1-5", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * MON-FRI", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * 5-7", "0 9 * * fri,sat,sun"),
        ("0 9 * * */3", "0 9 * * sun,wed,sat"),
        ("*/20 9-17/4 1,15 jan,7 *", "0,20,40 9,13,17 1,15 1,7 *"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
    ],
)
def test_cron_counts_days_as_a_crontab_does(cron: str, expected: str) -> None:
    assert fields(read_cron(cron)) == expected


@pytest.mark.parametrize(
    "cron",
    ["", "0 9 * *", "0 9 * * * *", "60 9 * * *", "0 24 * * *", "0 9 0 * *", "0 9 * 13 *", "0 9 * * 8", "0 9 * * 5-1",
     "0 9 * * moon", "a 9 * * *", "*/0 9 * * *", "0/ 9 * * *", "0,,5 9 * * *", "@weekly", "0 9 1 * mon", "-1 9 * * *"],
)  # fmt: skip
def test_cron_that_means_nothing_certain_is_refused(cron: str) -> None:
    with pytest.raises(ValueError):
        read_cron(cron)


def times(words: str, after: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    """The instants that come after another one."""
    recurrence = read_words(words) if words.startswith("every") else read_cron(words)
    moment, found = datetime.fromisoformat(after).replace(tzinfo=UTC), []
    for _ in range(count):
        wall = next_time(recurrence, zone, moment)
        assert wall is not None
        moment = instant_of(wall, zone)
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_times_follow_the_clock_on_the_wall() -> None:
    assert times("every Thursday 09:00", "2026-10-15T07:00", 3) == ["10-22 07:00", "10-29 08:00", "11-05 08:00"]
    assert times("every last day of the month 09:00", "2027-01-31T08:00", 2) == ["02-28 08:00", "03-31 07:00"]
    assert times("every first Monday 09:00", "2026-11-03T00:00", 2) == ["12-07 08:00", "01-04 08:00"]
    assert times("every fifth Monday 09:00", "2026-11-03T00:00", 1) == ["11-30 08:00"]


def test_skipped_time_comes_once_moved_forward() -> None:
    assert times("every day 02:30", "2026-03-28T01:30", 2) == ["03-29 01:30", "03-30 00:30"]
    assert times("every day 02:30", "2026-03-29T01:00", 1) == ["03-29 01:30"]  # 03:00 on the wall: still to come
    assert times("every day 02:15", "2026-10-03T15:00", 2, ZoneInfo("Australia/Lord_Howe")) == [
        "10-03 15:45",
        "10-04 15:15",
    ]
    assert times("every Friday 12:00", "2011-12-30T09:00", 1, ZoneInfo("Pacific/Apia")) == ["12-30 22:00"]
    assert times("0 * * * *", "2026-03-29T00:00", 3) == ["03-29 01:00", "03-29 02:00", "03-29 03:00"]


def test_time_that_occurs_twice_comes_the_first_time_only() -> None:
    assert times("every day 02:30", "2026-10-24T00:30", 2) == ["10-25 00:30", "10-26 01:30"]
    assert times("every day 02:30", "2026-10-25T00:31", 1) == ["10-26 01:30"]
    assert times("30 * * * *", "2026-10-24T23:30", 2) == ["10-25 00:30", "10-25 02:30"]


def test_time_that_never_comes_is_none() -> None:
    assert next_time(read_cron("0 9 30 2 *"), BERLIN, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_moved_hour_is_told() -> None:
    assert "02:30 does not exist, it starts at 03:30 CEST" in changed_clock("2026-03-29 02:30", BERLIN)
    assert "02:30 occurs twice, it starts at the first, 02:30 CEST" in changed_clock("2026-10-25 02:30", BERLIN)
    for ordinary in ("2026-03-29 03:00", "2026-03-29 01:59", "2026-10-25 03:00", "2026-10-25 02:30+01:00"):
        assert changed_clock(ordinary, BERLIN) == ""
