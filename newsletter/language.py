"""Language tags (BCP 47): their one spelling, what serves a reader of a language, and which way it is written.

The ground: authors, subscribers, phrases, pages and the plan of a delivery all ask here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<rest>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?)",
    re.IGNORECASE,
)
_LONGEST = 35
"""Characters; the length that RFC 5646 section 4.4.1 recommends to support."""

_SCRIPTS = {
    ("zh", "TW"): "Hant",
    ("zh", "HK"): "Hant",
    ("zh", "MO"): "Hant",
    ("zh", "CN"): "Hans",
    ("zh", "SG"): "Hans",
    ("zh", "MY"): "Hans",
    ("sr", "ME"): "Latn",
    ("az", "IR"): "Arab",
    ("pa", "PK"): "Arab",
    ("uz", "AF"): "Arab",
}
"""Where the region implies the script (from CLDR's likely subtags)."""

_RTL = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"})
_RTL_SCRIPTS = frozenset({"Adlm", "Arab", "Hebr", "Nkoo", "Syrc", "Thaa"})


@lru_cache(maxsize=1024)
def language_tag(text: str) -> str | None:
    """A tag in its recommended capitals (`zh_hant_tw` → `zh-Hant-TW`); None for what has not the shape of one."""
    parts = _parts(text)
    return "-".join(parts) if parts else None


@lru_cache(maxsize=1024)
def lookup_order(tag: str) -> tuple[str, ...]:
    """The tags that serve a wanted language, best first: zh-TW, zh-Hant-TW, zh-Hant, zh.

    The tag is shortened from its end (RFC 4647 section 3.4, "lookup"). Empty for what is no tag.
    """
    parts = _parts(tag)
    found = _shortened(parts)
    script = _script(parts)
    if script and script not in parts:  # it says more than the language alone
        found[-1:] = _shortened([parts[0], script, *parts[1:]])
    return tuple(found)


def best_match(wishes: Iterable[str], known: Iterable[str]) -> str | None:
    """The one of `known` that fulfils the first wish it can, each wish shortened until something fits; or None."""
    by_tag = {tag.lower(): tag for tag in known}
    found = (by_tag[tag.lower()] for wish in wishes for tag in lookup_order(wish) if tag.lower() in by_tag)
    return next(found, None)


def direction_of(tag: str) -> str:
    """`rtl` or `ltr`. The script decides if the tag has one: az-Arab."""
    parts = _parts(tag)
    script = _script(parts)
    from_the_right = script in _RTL_SCRIPTS if script else parts[:1] and parts[0] in _RTL
    return "rtl" if from_the_right else "ltr"


def isolate(text: str, language: str) -> str:
    """A name for use in a sentence of a language. One of the other direction would reorder the text around it.

    So it is put between FSI and PDI (Unicode TR9, 2.5), which are invisible; all other text is unchanged.
    """
    foreign = ("L",) if direction_of(language) == "rtl" else ("R", "AL")
    if any(unicodedata.bidirectional(char) in foreign for char in text):
        return "\u2068" + text + "\u2069"
    return text


def _parts(text: str) -> list[str]:
    """The parts of a tag, each in its own capitals; none for what is no tag."""
    match = _TAG.fullmatch(text.strip().replace("_", "-"))
    if match is None or len(match[0]) > _LONGEST:
        return []
    written = (match["language"].lower(), (match["script"] or "").title(), (match["region"] or "").upper())
    return [part for part in (*written, *match["rest"].lower().split("-")) if part]


def _script(parts: Sequence[str]) -> str:
    """The script that a tag names or its region implies; empty for neither."""
    if len(parts) < 2:
        return ""
    named = len(parts[1]) == 4 and parts[1].isalpha()
    return parts[1] if named else _SCRIPTS.get((parts[0], parts[1]), "")


def _shortened(parts: Sequence[str]) -> list[str]:
    """The tag, then without its last part, and so on; a part of one character never stays last."""
    kept = list(parts)
    found = []
    while kept:
        found.append("-".join(kept))
        kept.pop()
        while kept and len(kept[-1]) == 1:
            kept.pop()
    return found
