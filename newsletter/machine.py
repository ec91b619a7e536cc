"""This machine: which start of it this is, and a clock that no setting moves. The ground: leases and fences ask."""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_id() -> str:
    """The id of this start of the machine; empty where the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def now_elapsed() -> float:
    """Seconds since some moment of this start; where the system has such a clock, time asleep counts too."""
    return time.clock_gettime(_CLOCK)
