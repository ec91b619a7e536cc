"""Preheader: what an inbox shows after the subject. The author's, or whole sentences from the beginning of the email.

Abbreviations and the signs that end a sentence are in the file beside this.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.files import read_file
from newsletter.authoring.issue import Content
from newsletter.columns import clip, columns, is_wide
from newsletter.compiler.edition import write_value
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import plain_words
from newsletter.expression import Values
from newsletter.source import MAX_BYTES

INBOX_ROW = 140
"""Columns that an inbox shows of subject and preheader together, at most."""
ENOUGH = 40
"""Columns after which the end of a sentence is an end: shorter ones are greetings, and readers see more of them."""

_PRIVATE = 0xE000
"""First of the characters that are put for merge fields while columns are counted."""


def preheader_of(content: Content, slots: Slots, readers: Sequence[Values]) -> str:
    """The preheader of a content with markers, on one line. `readers`: whose longest values are counted."""
    if content.preheader.strip():
        return " ".join(content.preheader.split())
    markers = {
        chr(_PRIVATE + number): (
            slot.marker,
            max((columns(write_value(slot, one, markup=False)) for one in readers), default=0),
        )
        for number, slot in enumerate(slots.used_in(*(block.text for block in _opening(content))))
    }
    words = ""
    for block in _opening(content):
        more = plain_words(block.text)
        for sign, (marker, width) in markers.items():
            more = more.replace(marker, sign * max(width, 1))
        words = f"{words}{'' if is_wide(words[-1:]) else ' '}{more}".strip()
        end = next((end for end in _ends(words, content.language) if _is_enough(words[:end])), None)
        if end is not None or columns(words) >= ENOUGH:
            words = words[:end]
            break
    shown = clip(words or content.subtitle, INBOX_ROW)
    for sign, (marker, _) in markers.items():
        shown = re.sub(f"{sign}+", marker, shown)
    return shown


def _is_enough(words: str) -> bool:
    """Whether this says something to everybody: a greeting with a long name is still a greeting."""
    own = "".join(char for char in words if not "\ue000" <= char <= "\uf8ff")
    return columns(words) >= ENOUGH and columns(own) >= ENOUGH // 4


def _opening(content: Content) -> list[TextBlock]:
    """The first text of an email that everybody gets, and those that follow it at once."""
    for_everybody = (block for block in content.blocks if not block.show_if)
    later = dropwhile(lambda block: not isinstance(block, TextBlock), for_everybody)
    return [
        block for block in takewhile(lambda block: isinstance(block, TextBlock), later) if isinstance(block, TextBlock)
    ]


def _ends(text: str, language: str) -> Iterator[int]:
    """Where sentences end."""
    base = language.split("-")[0]
    for match in _end_of_sentence().finditer(text):
        word = re.split(r"[\s(\[{<“\"'«„‚‹]", text[: match.start()])[-1]
        following = text[match.end() :].lstrip()[:1]
        is_short = match["sign"] == "." and _is_abbreviation(word, base)
        if not is_short and not following.islower():
            yield match.end()


def _is_abbreviation(word: str, language: str) -> bool:
    """Whether the point after a word belongs to it: initials, `e.g.`, `Dr.`, and `3.` where that is "third"."""
    if re.fullmatch(r"(?:[^\W\d_]\.)*[^\W\d_]", word):
        return True
    known = _table()["abbreviations"]
    if word.casefold() in known["all"].split() or word.casefold() in known.get(language, "").split():
        return True
    return language in _table()["ordinals"].split() and re.fullmatch(r"\d{1,2}|[IVXLC]+", word) is not None


@cache
def _end_of_sentence() -> re.Pattern[str]:
    signs, wide, closing = (re.escape(_table()["signs"][key]) for key in ("narrow", "wide", "closing"))
    return re.compile(rf"(?P<sign>[{signs}]+)[{closing}]*(?=\s|$)|[{wide}]+[{closing}]*")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(read_file(Path(__file__).with_suffix(".toml"), None, MAX_BYTES).decode())
