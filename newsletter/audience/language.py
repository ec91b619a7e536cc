"""Language tags and time zones as people give them, in their one written form. Before: cells; after: people."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<rest>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?)",
    re.IGNORECASE,
)
_LONGEST = 35
"""Characters; what RFC 5646 section 4.4.1 asks everybody to have room for."""


def language_tag(text: str) -> str | None:
    """A BCP 47 tag in its recommended capitals (`zh_hant_tw` → `zh-Hant-TW`); None when it has not that shape."""
    match = _TAG.fullmatch(text.strip().replace("_", "-"))
    if match is None or len(match[0]) > _LONGEST:
        return None
    parts = [match["language"].lower()]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts) + match["rest"].lower()


@lru_cache(maxsize=1024)
def is_time_zone(name: str) -> bool:
    """Whether there is a time zone of that name, such as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; leads out of the zone folder; names a folder of zones
        return False
    return len(name) <= 64
