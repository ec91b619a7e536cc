"""Recurrence: the times at which something happens again and again, as words ("every Thursday 09:00") or as cron.

Of the ground, because issues and the configuration both name such times. `scheduler.py` computes when the next one is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

WORDS_HINT = (
    'Write it like "every Thursday 09:00", "every Monday and Friday 09:00", "every weekday 08:30", "every day 07:00", '
    '"every first Monday 09:00" or "every 15th 09:00"'
)
CRON_HINT = 'Write five fields like "0 9 * * thu": minute, hour, day of the month, month, day of the week'

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""In the order in which cron counts them, from 0; 7 is Sunday, too. APScheduler counts from Monday: we name them."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(sun|mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?)(?:days?)?", re.IGNORECASE)
_ORDINALS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th"}
_NTH = re.compile(r"([1-5])(?:st|nd|rd|th)|last")
_WORDS = re.compile(r"every\s+(?P<days>.+?)\s+(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})", re.IGNORECASE)
_PART = re.compile(r"(?P<all>\*)|(?P<low>[a-z0-9]+)(?:-(?P<high>[a-z0-9]+))?")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When something recurs, in local time: the fields of cron, each written in a way that APScheduler reads too."""

    text: str
    """As it was written."""
    minute: str
    hour: str
    day: str = "*"
    month: str = "*"
    day_of_week: str = "*"

    def __str__(self) -> str:
        return self.text


def is_words(text: str) -> bool:
    """Whether a time is meant to recur, and not to be one."""
    return text.strip().lower().startswith("every")


def read_words(text: str) -> Recurrence:
    """A recurrence in words. Raises ValueError, whose text says what to write."""
    written = " ".join(text.split())
    match = _WORDS.fullmatch(written)
    if not match:
        raise ValueError(f"{text!r} is not a time that recurs. {WORDS_HINT}")
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"there is no time {match['hour']}:{match['minute']}; hours go from 0 to 23")
    days = _read_days(match["days"].lower())
    if days is None:
        raise ValueError(f"{match['days']!r} are not days. {WORDS_HINT}")
    return Recurrence(written, str(minute), str(hour), **days)


def _read_days(words: str) -> dict[str, str] | None:
    """The fields of cron for days in words; None for other words."""
    if words in ("day", "weekday", "working day"):
        return {} if words == "day" else {"day_of_week": "mon-fri"}
    parts = [part for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", words) if part]
    names = [_day_name(part) for part in parts]
    if all(names):
        return {"day_of_week": ",".join(dict.fromkeys(filter(None, names)))}
    _, _, shared = parts[-1].partition(" ")  # "first and third Monday"
    nth = [_read_nth(part if " " in part else f"{part} {shared}".strip()) for part in parts]
    return {"day": ",".join(filter(None, nth))} if nth and all(nth) else None


def _read_nth(words: str) -> str | None:
    """A day of the month: "first Monday", "last Friday", "15th", "last day"."""
    first, _, rest = re.sub(r"\s+of (?:the|each|every) month$", "", words).partition(" ")
    first = _ORDINALS.get(first, first)
    if not rest or rest == "day":
        number = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", first)
        if number and 1 <= int(number[1]) <= 31:
            return str(int(number[1]))
        return "last" if first == "last" and rest else None
    name = _day_name(rest)
    return f"{first} {name}" if name and _NTH.fullmatch(first) else None


def _day_name(word: str) -> str | None:
    match = _DAY.fullmatch(word)
    return match[1][:3].lower() if match else None


def read_cron(text: str) -> Recurrence:
    """A recurrence as in a crontab, its five fields. Raises ValueError, whose text says what to write."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise ValueError(f"{text!r} has {len(fields)} fields. {CRON_HINT}")
    minute, hour, day, month, week = fields
    if day != "*" and week != "*":
        raise ValueError("name days of the month or days of the week: programs differ in what both together mean")
    return Recurrence(
        " ".join(text.split()),
        _read_field("minute", minute, 0, 59),
        _read_field("hour", hour, 0, 23),
        _read_field("day of the month", day, 1, 31),
        _read_field("month", month, 1, 12, _MONTHS),
        _read_field("day of the week", week, 0, 7, _DAYS, by_name=True),
    )


def _read_field(
    what: str, written: str, low: int, high: int, names: Sequence[str] = (), *, by_name: bool = False
) -> str:
    """One field as a list of its values, or `*`. Raises ValueError."""
    if written == "*":
        return written
    found: set[int] = set()
    for part in written.split(","):
        values, _, step = part.partition("/")
        match = _PART.fullmatch(values)
        if match is None or (step and not (step.isdecimal() and int(step))) or part.endswith("/"):
            raise ValueError(f"{what}: {part!r} cannot be read. {CRON_HINT}")
        first, last = (low, high - by_name) if match["all"] else (_number(match["low"], low, names), -1)
        if not match["all"]:
            last = _number(match["high"], low, names) if match["high"] else high - by_name if step else first
        if not low <= first <= last <= high:
            raise ValueError(f"{what}: {part!r} is not within {low} and {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return ",".join(dict.fromkeys(names[one % 7] for one in sorted(found)) if by_name else map(str, sorted(found)))


def _number(text: str, low: int, names: Sequence[str]) -> int:
    """A number or a name as a number; one that no field has for another word."""
    return int(text) if text.isdecimal() else names.index(text[:3]) + low if text[:3] in names else -1
