"""500 values that somebody may give as a name, attribute, tag or note to break what shows, stores or sends it."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

FAMILIES: dict[str, list[str]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="ascii"))
CONTROLS = [*map(chr, [*range(32), *range(127, 160)])]
LONG = ["A" * 9_000, "漢" * 3_000, "a b " * 2_000, "<" * 5_000, "\u0301" * 5_000, '"' * 4_000, "=" * 998, "\r\n " * 999]

_atoms = [*CONTROLS, *(atom for family in FAMILIES.values() for atom in family)]
_about = [f"Ana{atom}Lind" for atom in _atoms]
_before = [f"{atom} x" for atom in _atoms if atom not in CONTROLS]
NAUGHTY = list(dict.fromkeys([*LONG, *_atoms, *_about, *_before]))[:500]
assert len(NAUGHTY) == 500

_NEEDED = "\u200c\u200d"
"""Joiners, of which words and emoji are made."""
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""What no terminal, page or file may get from a subscriber's value."""


def essence(value: str) -> str:
    """The characters of a value that somebody sees: they must come through."""
    kinds = ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs")
    return "".join(one for one in value if one in _NEEDED or unicodedata.category(one) not in kinds)


class Elements(HTMLParser):
    """The elements, attributes and comments of a page in their order, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.words: list[str] = []
        self.values: dict[str, str] = {}
        """Attribute → its last value, `name.value` for a field of that name."""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag, *(name for name, _ in attrs)]
        known = {name: value or "" for name, value in attrs}
        self.values |= known | {f"{known.get('name')}.value": known.get("value", "")}

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_data(self, data: str) -> None:
        self.words.append(data)
