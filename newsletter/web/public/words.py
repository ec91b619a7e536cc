"""Words: what the public pages say, in the reader's language. Written in words.toml; asked for by the app beside it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.language import best_match, direction_of

FALLBACK = "en"
_FILE = Path(__file__).with_name("words.toml")
_DOORS = Path(__file__).with_name("words")
"""The words of signing up and of preferences, a file for each language that has these pages."""
_MOST = 20  # languages of an Accept-Language header that are looked at


@dataclass(frozen=True)
class Catalogue:
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


def choose_words(wanted: Iterable[str], *, doors: bool = False) -> Catalogue:
    """The words in the first of these languages that we have; English when we have none of them.

    `doors`: among the languages that also have the words of signing up and of preferences.
    """
    catalogues = _catalogues(doors=doors)
    return catalogues[best_match(wanted, catalogues) or FALLBACK]


def names_of(language: str) -> str:
    """The name of a language in itself; its tag where we do not know it."""
    catalogues = _catalogues(doors=False)
    found = best_match([language], catalogues)
    return catalogues[found]("language_name") if found else language


def door_languages() -> Mapping[str, str]:
    """Tag → name of the languages that have the pages of signing up and of preferences, each in itself."""
    return {tag: words.phrases["language_name"] for tag, words in sorted(_catalogues(doors=True).items())}


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


@cache
def _catalogues(*, doors: bool) -> Mapping[str, Catalogue]:
    written = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    if doors:
        files = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in _DOORS.glob("*.toml")}
        written = {language: written[language] | phrases for language, phrases in files.items()}
    return {language: Catalogue(language, phrases) for language, phrases in written.items()}
