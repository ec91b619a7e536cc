"""This machine: which start of it this is, and a clock that no setting moves. The ground: leases and fences ask."""

from __future__ import annotations

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_id() -> str:
    """Which start of this machine; empty where the system does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def now_elapsed() -> float:
    """Seconds since some moment of this start; where there is such a clock, it goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)
