"""Rate: how many messages may be begun in a time, handed out to workers in slices. Plain arithmetic.

Never more than `count` in any `window`: what is taken counts for the bucket (a twentieth of the window) in which it was
taken, until that bucket has left the window. So at most 95 of 100 are used where sending never pauses.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

_BUCKETS = 20
_WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}}) */ *({'|'.join(_WINDOWS)})")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages in any second, minute, hour or day."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"

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


def said(rates: Iterable[Rate]) -> str:
    """Limits as they are written."""
    return ", ".join(map(str, rates))


@dataclass(frozen=True, slots=True)
class Preset:
    """What a provider's relay takes, as the provider documents it."""

    rate: str
    hosts: Sequence[str]
    """Of its relays, as shell patterns."""
    source: str


PRESETS = {
    name: Preset(**preset)
    for name, preset in tomllib.loads(Path(__file__).with_name("rates.toml").read_text(encoding="utf-8")).items()
}
"""Name → what `rates.toml` says."""


def preset_for(host: str) -> str:
    """The name of the limits of a relay; empty when there are none."""
    return next((name for name, one in PRESETS.items() if any(fnmatch(host.lower(), part) for part in one.hosts)), "")
