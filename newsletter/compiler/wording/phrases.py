"""The fixed phrases of an email in every language: footer, byline, dates, reading time. Read by templates.

Before: a BCP 47 tag. After: text for `t(…)` and `issue_date`. The phrases themselves are data: `phrases.toml`.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from newsletter.language import best_match

Words: TypeAlias = Mapping[str, Any]
"""The phrases of one language by key; `minutes` by plural category."""

FALLBACK = "en"


def _load(file: Path) -> dict[str, Words]:
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        tag: {"colon": ": ", "months": "", "first": "", **written.get(words.pop("like", ""), {}), **words}
        for tag, words in written.items()
    }


WORDS = _load(Path(__file__).with_name("phrases.toml"))
KEYS = tuple(key for key in WORDS[FALLBACK] if key not in {"months", "date", "first"})
"""What templates may ask `phrase` for."""


@cache
def wording(language: str) -> str:
    """The entry that serves a language best: `zh-TW` → `zh-Hant`, `de-AT` → `de`, unknown → `en`."""
    return best_match([language], WORDS) or FALLBACK


def phrase(key: str, language: str, **values: object) -> str:
    """One phrase with its values in place. `minutes` wants `count` and takes the plural of the language.

    Raises KeyError for a key that is not in `KEYS` or a value that is missing: a mistake in a template.
    """
    if key not in KEYS:
        raise KeyError(f"there is no phrase {key!r}; there are {', '.join(KEYS)}")
    tag = wording(language)
    text = WORDS[tag][key]
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
    """A date as that language writes it in a line of text: `25 January 2024`, `2024年1月25日`."""
    words = WORDS[wording(language)]
    number = words["first"] if words["first"] and day.day == 1 else str(day.day)
    month = words["months"].split()[day.month - 1] if words["months"] else str(day.month)
    return str(words["date"].format(day=number, month=month, year=day.year))
