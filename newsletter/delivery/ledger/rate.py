"""Rate: how many messages may be begun in a time, handed out to workers in slices. Plain arithmetic.

Never more than `count` in any `window`: what is taken counts for the bucket (a twentieth of the window) in which it was
taken, until that bucket has left the window. So at most 95 of 100 are used where sending never pauses.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


def read_rate(text: str) -> Rate:
    """A rate as it is written. Raises ValueError with what one looks like."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError('a rate looks like "14/second", "100/minute", "5000/hour" or "500/day"')
    return Rate(int(match[1]), match[2])
