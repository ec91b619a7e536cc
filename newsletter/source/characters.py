"""Characters that look like YAML's own signs, or cannot be seen, where only those signs may be. A file holds the table.

Input methods, word processors and web pages put them into a file; the parser takes them for letters of a word.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from newsletter.problem import Place, Problem, named
from newsletter.source.node import Source

_ENTRIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["characters"]
_WRITE: dict[str, str] = {char: entry["write"] for entry in _ENTRIES for char in entry["are"]}
"""Character → the sign it is taken for; empty for one that is to be deleted."""


def _class(*signs: str) -> str:
    return "".join(re.escape(char) for char, sign in _WRITE.items() if sign in signs)


_BLANK = rf"[\s{_class('')}]"
_COLON = rf"(?:[{_class(':')}]|:(?=[{_class('a space', '')}]))"
_SIGNS = re.compile(
    rf"{_BLANK}*[{_class('#')}]?(?:[-?{_class('-')}]{_BLANK}+)*(?:[\w{_class('')}-]+{_BLANK}*(?:[:{_class(':')}]{_BLANK}*))?"
)
"""What comes before a value: indentation, the sign of an item, a key with its colon."""
KEY = re.compile(rf"(?P<key>[a-z_]{{2,}}){_BLANK}*(?P<colon>{_COLON})")
"""A key whose colon is none to YAML."""


def wrong_character(source: Source, first: int, last: int) -> Problem | None:
    """The first character in these lines in the place of a sign of YAML; in the last one also where a value begins."""
    for number in range(first, last + 1):
        line = source.line(number)
        end = _SIGNS.match(line)
        assert end is not None, "every part of it may be missing"
        signs = line[: end.end()] + (line[end.end() : end.end() + 1] if number == last else "")
        for column, char in enumerate(signs, 1):
            if char in _WRITE:
                message, hint = explain(char)
                return source.problem("wrong-character", message, Place(source.file, number, column), hint=hint)
    return None


def explain(char: str) -> tuple[str, str]:
    """What is wrong with a character, and what to do."""
    sign = _WRITE.get(char, unicodedata.normalize("NFKC", char))
    if not sign:
        return f"this is {named(char)}, which cannot be seen", "Delete it."
    return f"this is {named(char)}", f"Write {sign} in its place."


def in_word(word: str) -> Iterator[int]:
    """Where a word for the program (a key, a date, a language) holds such a character, or a wide letter or digit."""
    for at, char in enumerate(word):
        plain = unicodedata.normalize("NFKC", char)
        if char in _WRITE or (plain != char and plain.isascii() and plain.isalnum()):
            yield at


def plain_word(word: str) -> str:
    """The word as it was probably meant."""
    kept = (_WRITE.get(char, unicodedata.normalize("NFKC", char)) for char in word)
    return "".join(" " if sign == "a space" else sign for sign in kept).strip()
