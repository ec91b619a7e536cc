"""Language tags: their one spelling (BCP 47), and which of several texts a language gets (RFC 4647 lookup)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TAG = re.compile(r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|\d{3}))?", re.IGNORECASE)
_TRADITIONAL = ("zh-TW", "zh-HK", "zh-MO")


def normalise_tag(text: str) -> str | None:
    """`zh-hant-tw` → `zh-Hant-TW`; None for what is no tag of language, script and region."""
    match = _TAG.fullmatch(text.strip())
    if match is None:
        return None
    parts = [match["language"].lower()]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts)


def lookup(texts: Mapping[str, str], language: str, fallback: str) -> str:
    """The text for a language: the tag itself, its shorter forms, those of `fallback`, else the first there is."""
    for wanted in (*_ranges(language), *_ranges(fallback)):
        if wanted in texts:
            return texts[wanted]
    return next(iter(texts.values()), "")


def _ranges(tag: str) -> list[str]:
    """`zh-TW` → `zh-TW`, `zh-Hant`, `zh`: regions that write traditional characters have it as a step between."""
    ranges = [tag]
    if tag in _TRADITIONAL:
        ranges.append("zh-Hant")
    parts = tag.split("-")
    ranges += ["-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
    return list(dict.fromkeys(ranges))
