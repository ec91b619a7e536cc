"""Words for authors: the key that was probably meant, a text in quotes, a value short enough for a sentence."""

import difflib
import json
from collections.abc import Iterable
from itertools import islice

MAX_COMPARED = 500
"""Comparing with more words takes longer than a hint is worth."""


def near_miss(word: str, known: Iterable[str]) -> str:
    """A sentence that names the known word that was probably meant, or an empty one."""
    lower = {candidate.lower(): candidate for candidate in islice(known, MAX_COMPARED)}
    found = difflib.get_close_matches(word.strip().lower()[:60], lower, n=1, cutoff=0.6)
    return f"Did you mean {lower[found[0]]!r}?" if found else ""


def quoted(text: str) -> str:
    """A text as a double-quoted YAML scalar on one line."""
    return json.dumps(text, ensure_ascii=False)


def shortened(value: object, length: int = 60) -> str:
    """A value for use in a sentence."""
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"
