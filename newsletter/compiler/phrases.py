"""The words of the interface in every language we know: footer, byline, dates, reading time. Read by templates.

Before it: a BCP 47 tag. After it: text for `t(…)` and `issue_date`, and the direction of writing. The words themselves
stand in `dictionary`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date

from newsletter.compiler.dictionary import WORDS, Words

FALLBACK = "en"

KEYS = tuple(field.name for field in fields(Words) if field.name not in {"months", "date", "first"})
"""What templates may ask `phrase` for."""

_RTL = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku-arab", "ps", "sd", "syr", "ug", "ur", "yi"})
_RTL_SCRIPTS = frozenset({"adlm", "arab", "hebr", "nkoo", "syrc", "thaa"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


def wording(language: str) -> str:
    """The entry of the dictionary that serves a language best: `zh-TW` → `zh-Hant`, `de-AT` → `de`, unknown → `en`."""
    first, *rest = language.lower().replace("_", "-").split("-")
    if first == "zh" and "hans" not in rest and _TRADITIONAL.intersection(rest):
        return "zh-Hant"
    region = "-".join((first, *(part.upper() for part in rest)))
    return next((tag for tag in (region, first) if tag in WORDS), FALLBACK)


def direction_of(language: str) -> str:
    """`rtl` for languages written from the right, `ltr` for all others. A script in the tag decides: `az-Arab`."""
    first, *rest = language.lower().replace("_", "-").split("-")
    script = next((part for part in rest if len(part) == 4 and part.isalpha()), "")
    if script:
        return "rtl" if script in _RTL_SCRIPTS else "ltr"
    return "rtl" if first in _RTL else "ltr"


def phrase(key: str, language: str, **values: object) -> str:
    """One phrase with its values in place. `minutes` wants `count` and takes the plural of the language.

    Raises KeyError for a key that is not in `KEYS` or a value that is missing: a mistake in a template.
    """
    if key not in KEYS:
        raise KeyError(f"there is no phrase {key!r}; there are {', '.join(KEYS)}")
    tag = wording(language)
    text = getattr(WORDS[tag], key)
    if isinstance(text, dict):
        category = plural(tag, int(str(values["count"])))
        text = text.get(category, text["other"])
    return str(text.format(**values))


def plural(language: str, count: int) -> str:
    """The plural category of a whole number, by the rules of Unicode CLDR."""
    match language.split("-")[0]:
        case "zh" | "ja" | "ko":
            return "other"
        case "fr" | "pt":
            return "one" if count in (0, 1) else "other"
        case "pl":
            if count == 1:
                return "one"
            return "few" if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else "many"
        case "ar":
            return _arabic_plural(count)
        case "he":
            return {1: "one", 2: "two"}.get(count, "other")
        case _:
            return "one" if count == 1 else "other"


def _arabic_plural(count: int) -> str:
    small = {0: "zero", 1: "one", 2: "two"}.get(count)
    if small:
        return small
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if count % 100 >= 11 else "other"


def issue_date(day: date, language: str) -> str:
    """A date as people of that language write it in a line of text: `25 January 2024`, `2024年1月25日`."""
    words = WORDS[wording(language)]
    number = words.first if words.first and day.day == 1 else str(day.day)
    month = words.months[day.month - 1] if words.months else str(day.month)
    return words.date.format(day=number, month=month, year=day.year)
