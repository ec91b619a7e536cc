"""Leftovers: what readers would see of an author's Markdown itself, with the line it stands in. Asked for by checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.authoring.url import url_fault
from newsletter.compiler.markdown import BROKEN_LINK, DEEPEST, RAW_HTML, UNMATCHED, parse
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of an author's Markdown that readers would see as signs, or that must not be a link."""

    message: str
    line: str
    """The line of the text in which it stands."""
    is_error: bool = True
    hint: str = ""


def leftovers(text: str, slots: Slots, *, inline: bool) -> list[Leftover]:
    """What readers would see of the Markdown itself, and links that may not be; in the order of the text."""
    lines = text.split("\n")
    found: list[Leftover] = []
    for token in parse(text, inline=inline):
        if token.type == "inline":
            first, after = token.map or (0, len(lines))
            found += _leftovers(token.children or [], lines[first:after], slots)
        elif token.type == "fence" and token.map and not lines[token.map[1] - 1].strip().startswith(token.markup):
            found.append(Leftover("a block of code begins here and never ends", lines[token.map[0]]))
    return found


def _leftovers(tokens: Sequence[Token], lines: Sequence[str], slots: Slots) -> Iterator[Leftover]:
    for (kind, content), run in groupby(tokens, key=lambda token: (token.type, token.content)):
        if kind == UNMATCHED and tokens[0].meta.get("deep"):
            yield Leftover(f"emphasis is nested more than {DEEPEST} deep", lines[0])
        elif kind == UNMATCHED:
            yield _unmatched(content, len(list(run)), lines)
    for number, token in enumerate(tokens):
        if token.type == "link_open":
            yield from _bad_link(str(token.attrGet("href") or ""), lines, slots)
            if tokens[number + 1].type == "link_close":
                yield Leftover("a link has no words that could be clicked", _line_with("[](", lines))
        if token.type == "image":
            yield Leftover(
                "a picture cannot stand inside a text", _line_with("![", lines), hint="Make it a block: - image: file"
            )


def _unmatched(content: str, length: int, lines: Sequence[str]) -> Leftover:
    """What is wrong with words that hold signs, or with a run of `length` equal signs."""
    if match := RAW_HTML.search(content):
        message = f"{match.group()} would be shown as it is: HTML has no meaning here"
        return Leftover(message, _line_with(match.group(), lines))
    if BROKEN_LINK in content:
        return Leftover(
            "a link is not complete and would be shown as it is", _line_with(BROKEN_LINK, lines),
            hint="A link is [words](https://…) without spaces or line ends in its URL",
        )  # fmt: skip
    return _stray("`" if "`" in content else content * length, lines)


def _stray(sign: str, lines: Sequence[str]) -> Leftover:
    if sign in ("**", "__", "***"):
        hint = "Give it its partner, with no space on its inner side"
    else:
        hint = f"Give it its partner, or write \\{sign} for the sign itself"
    line = next((line for line in lines if line.count(sign) % 2), _line_with(sign, lines))
    return Leftover(f"{sign} would be shown as it is", line, len(sign) > 1, hint)


def _bad_link(url: str, lines: Sequence[str], slots: Slots) -> Iterator[Leftover]:
    try:
        marked = slots.in_url(url)
    except ExpressionError as error:
        yield Leftover(str(error), _line_with("](", lines), hint=error.hint)
        return
    fault = None if marked in slots.own_links else url_fault(marked)
    if fault:
        yield Leftover(f"{fault.message} ({unquote(url)})", _line_with(unquote(url), lines), hint=fault.hint)


def _line_with(needle: str, lines: Sequence[str]) -> str:
    return next((line for line in lines if needle in line), lines[0] if lines else "")
