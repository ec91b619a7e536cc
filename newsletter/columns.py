"""Columns: how wide text is in a fixed-width font, and where its lines may break.

The ground: the text part, the editorial rules and the tables of a terminal measure alike.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

WIDTH = 72

_NOT_FIRST = frozenset("，。、；：！？）】》」』〉〕…—”’％,.;:!?)]}%·・ー々〜～")
"""Never at the beginning of a line (kinsoku)."""
_NOT_LAST = frozenset("（【《「『〈〔“‘([{")
"""Never at the end of one."""
_TIES = frozenset("\u00a0\u2007\u202f\u2060")
"""No line breaks beside them: the no-break spaces (common, wide as a figure, narrow), and the word joiner, which takes
no room."""
_ASCII_BREAK = re.compile(rf"(?<=\s)(?=[^\s{re.escape(''.join(filter(str.isascii, _NOT_FIRST)))}])")
"""Where a line of nothing but ASCII may break; `_may_break` says the same, and slowly."""


def columns(text: str) -> int:
    """Columns of a text: East Asian wide characters take two, combining marks and joiners none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def clip(text: str, limit: int) -> str:
    """The beginning of a text within `limit` columns, cut between words, with an ellipsis when it is longer."""
    if columns(text) <= limit:
        return text
    kept = ""
    for piece in _breakable(text):
        if columns(kept + piece.rstrip()) > limit - 1:
            break
        kept += piece
    return kept.rstrip(" ,.;:，。；：、") + "…"


def wrap(text: str, *, first: str = "", rest: str = "", width: int = WIDTH) -> str:
    """A paragraph in lines of at most `width` columns; the first begins with `first`, the others with `rest`.

    Breaks at spaces and between wide characters, as their punctuation allows; a longer word keeps its line whole.
    """
    lines: list[str] = []
    line, used = first, columns(first)
    fresh = True
    for piece in _breakable(text.strip()):
        size = columns(piece.rstrip())
        if not fresh and used + size > width:
            lines.append(line.rstrip())
            line, used, fresh = rest, columns(rest), True
        line += piece
        used += columns(piece)
        fresh = False
    lines.append(line.rstrip())
    return "\n".join(lines)


def underlined(title: str, sign: str) -> str:
    """A title with a line of signs below it, as wide as its longest line."""
    lines = wrap(title)
    return f"{lines}\n{sign * max(map(columns, lines.splitlines()), default=0)}"


def indented(text: str, by: str) -> str:
    """A text with something before each line; empty lines hold no spaces."""
    return "\n".join((by + line).rstrip() for line in text.split("\n"))


def _breakable(text: str) -> Iterable[str]:
    """Pieces that stay in one, each with the spaces after it."""
    if text.isascii():
        return filter(None, _ASCII_BREAK.split(text))
    breaks = [at for at in range(1, len(text)) if _may_break(text[at - 1], text[at])]
    return [text[start:end] for start, end in zip([0, *breaks], [*breaks, len(text)], strict=True) if end]


@lru_cache(1 << 14)
def _may_break(before: str, after: str) -> bool:
    if after.isspace() or _TIES & {before, after} or after in _NOT_FIRST or before in _NOT_LAST:
        return False
    if before.isspace():
        return True
    return is_wide(before) or is_wide(after)


@lru_cache(1 << 14)
def is_wide(char: str) -> bool:
    """Whether a character belongs to a wide script without spaces; Hangul is wide, but breaks at its spaces."""
    return bool(char) and unicodedata.east_asian_width(char) in "WF" and not "가" <= char <= "힣"


@lru_cache(1 << 14)
def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
