"""Time zones by their name in the tz database. The ground: settings, issues and cells are read with it."""

from functools import lru_cache
from zoneinfo import ZoneInfo

_LONGEST = 64


@lru_cache(maxsize=1024)
def is_time_zone(name: str) -> bool:
    """Whether there is a time zone of that name, such as Europe/Berlin."""
    if not 0 < len(name) <= _LONGEST:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; leads out of the zone folder; names a folder of zones
        return False
    return True
