"""Schedule: when a delivery starts: read the time of `--at`, refuse one in the past, recognise a missed one."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.errors import WrongUsageError
from newsletter.timezone import is_time_zone

_WHEN = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?\s*(Z|z|[+-]\d{2}:?\d{2})?")
_HINT = 'Write it like "2026-11-23 09:00", in the newsletter\'s time zone or with one: "2026-11-23T09:00+01:00"'

TO_COME = "Name a time that is still to come"
"""Hint for a start in the past."""


def read_when(text: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a written time; without a zone it is local time in `zone`.

    A local time that a clock change skips moves forward by what was skipped; one that occurs twice means the first.
    Raises WrongUsageError when it is no time at all.
    """
    moment = _read(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else instant_of(moment, zone)
    except OverflowError as error:  # the last hours of the year 9999
        raise WrongUsageError(f"{text!r} is too far away", hint=_HINT) from error


def instant_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a local time, which has no zone of its own."""
    # fold=0 takes the offset before the change: the first of two, and past the gap for a time that was skipped.
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC)


def changed_clock(when: str | datetime, zone: ZoneInfo) -> str:
    """What a clock change does to a local time (or a text as `read_when` reads it), in a sentence; empty for most."""
    moment = when if isinstance(when, datetime) else _read(when)
    if moment.tzinfo is not None:
        return ""
    local = instant_of(moment, zone).astimezone(zone)
    if local.replace(tzinfo=None) != moment:
        return f"Clocks go forward then: {moment:%H:%M} does not exist, it starts at {local:%H:%M %Z}"
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        return f"Clocks go back then: {moment:%H:%M} occurs twice, it starts at the first, {local:%H:%M %Z}"
    return ""


def _read(text: str) -> datetime:
    written = text.strip()
    if not _WHEN.fullmatch(written):
        raise WrongUsageError(f"{text!r} is not a date and time", hint=_HINT)
    try:
        # Python refuses a space before the offset; operators write one.
        return datetime.fromisoformat(re.sub(r"\s+(?=[Zz+-]|$)", "", written))
    except ValueError as error:
        raise WrongUsageError(f"There is no such date and time as {text!r}", hint=_HINT) from error


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises WrongUsageError."""
    if not is_time_zone(name):
        raise WrongUsageError(f"There is no time zone {name!r}", hint="One looks like Europe/Berlin")
    return ZoneInfo(name)


def check_start(at: datetime, *, now: datetime, hint: str = TO_COME) -> None:
    """Refuse a start in the past, named in its own time zone. Raises WrongUsageError."""
    if at < now:
        raise WrongUsageError(f"{at:%Y-%m-%d %H:%M %Z} is in the past", hint=hint)


def is_missed(at: datetime, *, now: datetime, max_lateness: timedelta) -> bool:
    """Whether a scheduled start is so late that an operator must decide."""
    return now - at > max_lateness
