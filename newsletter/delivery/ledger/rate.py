"""Rate: how many messages may be begun in a time, handed out to workers in slices. Plain arithmetic.

Never more than `count` in any `window`: what is taken counts for the bucket (a twentieth of the window) in which it was
taken, until that bucket has left the window. So at most 95 of 100 are used where sending never pauses.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

_BUCKETS = 20
_DAY = "day"
_LONGEST = 3650
"""Days that are looked at."""
_WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}}) */ *({'|'.join(_WINDOWS)})")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages in any second, minute, hour or day."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"

    def at(self, now: datetime) -> "Rate | None":  # noqa: ARG002
        """What holds at this moment; None: no limit."""
        return self

    def grows_after(self, now: datetime) -> bool:
        """Whether it is another one on a later day."""
        return self.at(now) != self.at(now + timedelta(days=_LONGEST))

    @property
    def window(self) -> timedelta:
        """In which they are counted."""
        return timedelta(seconds=_WINDOWS[self.unit])

    @property
    def bucket(self) -> timedelta:
        """What is counted together."""
        return self.window / _BUCKETS

    def bucket_end(self, now: datetime) -> datetime:
        """The end of the bucket of this moment; until then what was taken may be used."""
        began = datetime(1970, 1, 1, tzinfo=UTC)
        return began + self.bucket * (math.floor((now - began) / self.bucket) + 1)

    def since(self, now: datetime) -> datetime:
        """Buckets that end later count now."""
        return self.bucket_end(now) - self.window - self.bucket

    def time_for(self, messages: int, used: int = 0) -> timedelta:
        """How long so many take, if so many were used in the present window: the last one's start."""
        missing = max(0, messages - max(0, self.count - used))
        return self.window * -(-missing // self.count)

    def time_from(self, now: datetime, messages: int, left: int) -> timedelta:  # noqa: ARG002
        """The same from now on, where so many are left in the present window."""
        return self.time_for(messages, self.count - left)


@dataclass(frozen=True, slots=True)
class WarmUp(Rate):
    """A limit of a day that grows: a sender whom providers do not know yet begins with little. `count`: the limit after
    it; 0: none."""

    began: date = date.min
    """The first day, in UTC."""
    ceilings: tuple[int, ...] = ()
    """Of each day."""

    def at(self, now: datetime) -> Rate | None:
        """That of this day. None: it is over, and there is no limit after it."""
        day = max(0, (now.astimezone(UTC).date() - self.began).days)
        if day < len(self.ceilings):
            return Rate(min(self.ceilings[day], self.count or self.ceilings[day]), self.unit)
        return Rate(self.count, self.unit) if self.count else None

    def time_from(self, now: datetime, messages: int, left: int) -> timedelta:
        """How long so many take, as the days grow."""
        missing, days = messages - left, 0
        while missing > 0 and days < _LONGEST:
            days += 1
            if (limit := self.at(now + timedelta(days=days))) is None:
                break
            missing -= limit.count
        return timedelta(days=days)


def rates_at(rates: Iterable[Rate], now: datetime) -> tuple[Rate, ...]:
    """Those that hold at this moment; empty: any number may be begun."""
    return tuple(one for rate in rates if (one := rate.at(now)) is not None)


@dataclass(frozen=True, slots=True)
class Slice:
    """What a worker was given of a rate."""

    count: int
    until: datetime
    """When it must have been used."""
    next_at: datetime | None = None
    """Nothing was left: when there is something again."""


def read_rates(text: str) -> tuple[Rate, ...]:
    """The limits of a rate as it is written, `30/minute, 10000/day`, or of a name in `rates.toml`.

    Raises ValueError with what one looks like.
    """
    written = PRESETS[text.strip()].rate if text.strip() in PRESETS else text
    matches = [_RATE.fullmatch(part.strip()) for part in written.split(",")] if written.strip() else []
    found = tuple(Rate(int(match[1]), match[2]) for match in matches if match)
    if len(found) < len(matches) or len({one.unit for one in found}) < len(found):
        raise ValueError(
            'a rate looks like "14/second", "5000/hour" or "30/minute, 10000/day", one limit for a unit; '
            f"or it is one of {', '.join(PRESETS)}"
        )
    return found


def read_warm_up(text: str, rates: Iterable[Rate] = ()) -> WarmUp | None:
    """The growing limit of a day as it is written, `cautious from 2026-12-01`; the limit after it is that of `rates`.

    None for an empty text. Raises ValueError with what one looks like.
    """
    if not text.strip():
        return None
    name, _, began = (part.strip() for part in text.partition(" from "))
    try:
        if name not in WARM_UPS:
            raise ValueError(name)
        day = date.fromisoformat(began)
    except ValueError as error:
        form = f'a warm-up looks like "{next(iter(WARM_UPS))} from 2026-12-01"'
        raise ValueError(f"{form}; there are: {', '.join(WARM_UPS)}") from error
    limit = next((one.count for one in rates if one.unit == _DAY), 0)
    return WarmUp(limit, _DAY, day, WARM_UPS[name])


def said(rates: Iterable[Rate], now: datetime) -> str:
    """The limits of this moment as they are written; one that grows says so."""
    found = [(rate, present) for rate in rates if (present := rate.at(now)) is not None]
    return ", ".join(f"{present}{' (warm-up)' if rate.grows_after(now) else ''}" for rate, present in found)


@dataclass(frozen=True, slots=True)
class Preset:
    """What a provider's relay takes, as the provider documents it."""

    rate: str
    hosts: Sequence[str]
    """Of its relays, as shell patterns."""
    source: str


_TABLES = tomllib.loads(Path(__file__).with_name("rates.toml").read_text(encoding="utf-8"))
WARM_UPS = {name: tuple(days) for name, days in _TABLES.pop("warm_up").items()}
"""Name → the most messages of each day, as `rates.toml` says."""
PRESETS = {name: Preset(**preset) for name, preset in _TABLES.items()}
"""Name → what `rates.toml` says."""


def preset_for(host: str) -> str:
    """The name of the limits of a relay; empty when there are none."""
    return next((name for name, one in PRESETS.items() if any(fnmatch(host.lower(), part) for part in one.hosts)), "")
