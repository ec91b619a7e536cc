"""Words: what the public pages say, in the reader's language. Written in words.toml; asked for by the app beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.compiler.phrases import direction_of

FALLBACK = "en"
_FILE = Path(__file__).with_name("words.toml")
_TRADITIONAL = frozenset({"tw", "hk", "mo", "hant"})
_MOST = 20  # languages of an Accept-Language header that are looked at


@dataclass(frozen=True)
class Words:
    """The catalogue of one language."""

    language: str
    phrases: Mapping[str, str]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return direction_of(self.language)

    def __call__(self, key: str, **values: str) -> str:
        """One phrase, with values in its places. They are plain words: the page escapes them."""
        # Isolated (Unicode FSI … PDI): a name in another direction does not turn the sentence around it.
        return self.phrases[key].format_map({name: f"\u2068{value}\u2069" for name, value in values.items()})


def choose_words(wanted: Iterable[str]) -> Words:
    """The words in the first of these languages that we have; English when we have none of them."""
    catalogues = _catalogues()
    for tag in wanted:
        for candidate in _lookup(tag):
            if candidate in catalogues:
                return catalogues[candidate]
    return catalogues[FALLBACK]


def accepted_languages(header: str) -> list[str]:
    """The tags of an Accept-Language header (RFC 9110, section 12.5.4), the most wanted first."""
    weighed: list[tuple[float, str]] = []
    for item in header.split(",")[:_MOST]:
        tag, _, parameter = item.partition(";")
        name, _, number = parameter.strip().partition("=")
        try:
            weight = float(number) if name.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if tag.strip() and 0 < weight <= 1:
            weighed.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _lookup(tag: str) -> Iterable[str]:
    """A tag and its shorter forms (RFC 4647, section 3.4), with Chinese told apart by script."""
    parts = tag.replace("_", "-").lower().split("-")
    if parts[0] == "zh" and "hans" not in parts and _TRADITIONAL.intersection(parts[1:]):
        yield "zh-Hant"
    while parts:
        yield "-".join(parts)
        parts.pop()


@cache
def _catalogues() -> Mapping[str, Words]:
    written = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {language: Words(language, phrases) for language, phrases in written.items()}
