"""What all sections share: what they forbid, and the types of their values."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, field_validator

from newsletter.timezone import is_time_zone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=3650)
"""Of any duration, so that each has an end that a calendar has."""
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, but for blanks and line ends; and bytes of the environment that are no UTF-8."""


class Section(BaseModel):
    """A table of newsletter.toml. The docstring below a field is its row of the manual.

    Validators are built when first used: those of a whole `Config` include its sections'.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and (found := _NO_TEXT.search(one)):
                raise ValueError(f"this holds U+{ord(found.group()):04X}, which is no character of a text")
        return value


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = None if isinstance(value, bool) else re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip())
    if match is None:
        raise ValueError('a duration looks like "30s", "5m", "6h" or "2d"; a bare number is seconds')
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"a duration is at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def known_zone(value: str) -> str:
    """Raises ValueError for a name that is no IANA time zone."""
    if not is_time_zone(value):
        raise ValueError(f"there is no time zone {value!r}; one looks like Europe/Berlin")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""In the environment separated by commas."""


def at_least(text: str) -> AfterValidator:
    """The least value of a duration: with less, the program would do nothing, or the same thing without a pause."""
    least = _duration(text)
    assert isinstance(least, timedelta)

    def check(value: timedelta) -> timedelta:
        if value < least:
            raise ValueError(f"this must be at least {text}")
        return value

    return AfterValidator(check)
