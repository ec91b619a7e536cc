"""Leftovers: what readers would see of an author's Markdown itself, and where it stands. Asked for by checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.authoring.url import url_fault
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import BROKEN_LINK, DEEPEST, RAW_HTML, UNMATCHED, parse
from newsletter.errors import ExpressionError

Row: TypeAlias = tuple[int, str]
"""A line of the text with its number, from 0."""

_TABLE = re.compile(r"\s*\|?\s*:?-{3,}:?\s*\|[\s:|-]*")
"""The line under a table's head."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of an author's Markdown that readers would see as signs, or that must not be a link."""

    message: str
    row: int
    """The line of the text in which it stands, from 0."""
    sign: str = ""
    """What to look for in that line; empty where nothing of it stands out."""
    is_error: bool = True
    hint: str = ""


def leftovers(text: str, slots: Slots, *, inline: bool) -> list[Leftover]:
    """What readers would see of the Markdown itself, and links that may not be; in the order of the text."""
    rows = list(enumerate(text.split("\n")))
    found: list[Leftover] = []
    for token in parse(text, inline=inline):
        if token.type == "inline":
            here = rows if inline or not token.map else rows[slice(*token.map)]
            found += _leftovers(token.children or [], here, slots)
            found += [_table(row) for row, line in here if _TABLE.fullmatch(line)]
        elif token.type == "fence" and token.map and not rows[token.map[1] - 1][1].strip().startswith(token.markup):
            found.append(Leftover("a block of code begins here and never ends", token.map[0], token.markup))
    return found


def _leftovers(tokens: Sequence[Token], rows: Sequence[Row], slots: Slots) -> Iterator[Leftover]:
    for (kind, content), run in groupby(tokens, key=lambda token: (token.type, token.content)):
        if kind == UNMATCHED and tokens[0].meta.get("deep"):
            yield Leftover(f"emphasis is nested more than {DEEPEST} deep", rows[0][0])
        elif kind == UNMATCHED:
            yield _unmatched(content, len(list(run)), rows)
    for number, token in enumerate(tokens):
        if token.type == "link_open":
            yield from _bad_link(str(token.attrGet("href") or ""), rows, slots)
            if tokens[number + 1].type == "link_close":
                yield Leftover("a link has no words that could be clicked", _row_with("[](", rows), "[](")
        if token.type == "image":
            hint = "Make it a block: - image: file"
            yield Leftover("a picture cannot stand inside a text", _row_with("![", rows), "![", hint=hint)


def _unmatched(content: str, length: int, rows: Sequence[Row]) -> Leftover:
    """What is wrong with words that hold signs, or with a run of `length` equal signs."""
    if match := RAW_HTML.search(content):
        tag = match.group()
        message = f"{tag} would be shown as it is: HTML has no meaning here"
        return Leftover(message, _row_with(tag, rows), tag, hint="Write Markdown, as in **bold** or [words](https://…)")
    if BROKEN_LINK in content:
        return Leftover(
            "a link is not complete and would be shown as it is", _row_with(BROKEN_LINK, rows), BROKEN_LINK,
            hint="A link is [words](https://…) without spaces or line ends in its URL",
        )  # fmt: skip
    return _stray("`" if "`" in content else content * length, rows)


def _stray(sign: str, rows: Sequence[Row]) -> Leftover:
    if sign in ("**", "__", "***"):
        hint = "Give it its partner, with no space on its inner side"
    else:
        hint = f"Give it its partner, or write \\{sign} for the sign itself"
    row = next((number for number, line in rows if line.count(sign) % 2), _row_with(sign, rows))
    return Leftover(f"{sign} would be shown as it is", row, sign, len(sign) > 1, hint)


def _table(row: int) -> Leftover:
    return Leftover("a table would be shown as its signs", row, hint="Make it a list, or a picture with an alt text")


def _bad_link(url: str, rows: Sequence[Row], slots: Slots) -> Iterator[Leftover]:
    try:
        marked = slots.in_url(url)
    except ExpressionError as error:
        yield Leftover(str(error), _row_with("](", rows), "](", hint=error.hint)
        return
    fault = None if marked in slots.own_links else url_fault(marked)
    if fault:
        there = unquote(url)
        yield Leftover(f"{fault.message} ({there})", _row_with(there, rows), there, hint=fault.hint)


def _row_with(needle: str, rows: Sequence[Row]) -> int:
    return next((number for number, line in rows if needle in line), rows[0][0] if rows else 0)
