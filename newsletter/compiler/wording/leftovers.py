"""Leftovers: signs of an author's Markdown that readers would see, and where. Used by checks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.authoring.fields.link_words import HINT, misleading
from newsletter.authoring.fields.url import url_fault
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import BROKEN_LINK, DEEPEST, RAW_HTML, UNMATCHED, parse
from newsletter.errors import ExpressionError
from newsletter.problem import Severity

Row: TypeAlias = tuple[int, str]
"""A line of the text with its number, from 0."""

_TABLE = re.compile(r"\s*\|?\s*:?-{3,}:?\s*\|[\s:|-]*")
"""The line under a table's head."""
_MAY_BE_CODE = re.compile(r"[`\\\t]|~~~|    ")
_ELEMENT = re.compile(
    r"""</?(?:
      a | abbr | address | article | aside | audio | b | big | blink | blockquote | body | br | button | caption |
      center | cite | code | col | dd | del | details | div | dl | dt | em | embed | figcaption | figure | font |
      footer | form | h1 | h2 | h3 | h4 | h5 | h6 | head | header | hr | html | i | iframe | img | input | ins | kbd
      | label | li | link | main | mark | meta | nav | object | ol | p | picture | pre | q | s | samp | script |
      section | select | small | source | span | strike | strong | style | sub | summary | sup | svg | table | tbody
      | td | textarea | tfoot | th | thead | title | tr | tt | u | ul | video | wbr
    )[\s/>]""",
    re.IGNORECASE | re.VERBOSE,
)
"""Of HTML; other words between angle brackets may be meant."""
_ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")
"""A sign that means nothing (CommonMark 2.4)."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of an author's Markdown that readers would see as signs, or that must not be a link."""

    message: str
    row: int
    """The line of the text, from 0."""
    sign: str = ""
    """What to look for in that line; empty for the whole line."""
    is_error: bool = True
    hint: str = ""
    before: int = 0
    """How many of these signs precede it in that line."""


def without_code(text: str, *, inline: bool) -> str:
    """The text with its code and escaped signs replaced by spaces; every other character keeps its place."""
    if not _MAY_BE_CODE.search(text):
        return text
    lines = text.split("\n")
    for token in parse(text, inline=inline):
        first, last = (0, len(lines)) if inline or not token.map else token.map
        if token.type in ("fence", "code_block"):
            lines[first:last] = [" " * len(line) for line in lines[first:last]]
        for code in token.children or ():
            if code.type == "code_inline":
                _blank(lines, first, token.content, code.meta["at"], code.meta["end"])
    return _ESCAPED.sub("  ", "\n".join(lines))


def _blank(lines: list[str], row: int, content: str, start: int, end: int) -> None:
    """Put spaces for a stretch of `content`, which begins in line `row`."""
    for part in content.split("\n"):
        if start < len(part) and end > 0:
            column = max(lines[row].find(part), 0)
            a, b = column + max(start, 0), column + min(end, len(part))
            lines[row] = lines[row][:a] + " " * (b - a) + lines[row][b:]
        start, end, row = start - len(part) - 1, end - len(part) - 1, row + 1


def leftovers(text: str, slots: Slots, *, inline: bool) -> list[Leftover]:
    """What readers would see of the Markdown itself, and links that may not be; in the order of the text."""
    rows = list(enumerate(text.split("\n")))
    found: list[Leftover] = []
    for token in parse(text, inline=inline):
        if token.type == "inline":
            here = rows if inline or not token.map else rows[slice(*token.map)]
            found += _leftovers(token, here, slots)
            found += [_table(row) for row, line in here if _TABLE.fullmatch(line)]
        elif token.type == "fence" and token.map and not rows[token.map[1] - 1][1].strip().startswith(token.markup):
            found.append(Leftover("a block of code begins here and never ends", token.map[0], token.markup))
    return found


def _leftovers(inline: Token, rows: Sequence[Row], slots: Slots) -> Iterator[Leftover]:
    tokens = inline.children or []
    for (kind, content), run in groupby(tokens, key=lambda token: (token.type, token.content)):
        if kind == UNMATCHED and tokens[0].meta.get("deep"):
            yield Leftover(f"emphasis is nested more than {DEEPEST} deep", rows[0][0])
        elif kind == UNMATCHED:
            yield _unmatched(content, len(list(run)), rows)
    for number, token in enumerate(tokens):
        if token.type == "link_open":
            close = next(n for n in range(number, len(tokens)) if tokens[n].type == "link_close")
            yield from _link(tokens[number:close], inline.content, rows, slots)
        if token.type == "image":
            hint = "Make it a block: - image: file"
            yield Leftover("a text cannot hold a picture", _row_with("![", rows), "![", hint=hint)


def _link(tokens: Sequence[Token], content: str, rows: Sequence[Row], slots: Slots) -> Iterator[Leftover]:
    """What is wrong with a link, from its opening to its last word; `content` is the text around it."""
    url, at = str(tokens[0].attrGet("href") or ""), int(tokens[0].meta["at"])
    start, number = content.rfind("\n", 0, at) + 1, content.count("\n", 0, at)
    row, line = rows[min(number, len(rows) - 1)]
    indent = max(line.find(content[start:].partition("\n")[0]), 0)
    sign = content[at]
    here = Leftover("", row, sign, before=line.count(sign, 0, indent) + content.count(sign, start, at))
    there = unquote(url)
    target = replace(here, sign=there, before=0) if there and there in line else here
    words = "".join(" " if token.type.endswith("break") else token.content for token in tokens)
    try:
        marked = slots.in_url(url)
    except ExpressionError as error:
        yield replace(target, message=str(error), hint=error.hint)
        return
    written = content[at + 1 : content.find(">", at)] if sign == "<" else marked
    if marked not in slots.own_links and (fault := url_fault(marked) or url_fault(written)):
        yield replace(target, message=f"{fault.message} ({there})", hint=fault.hint)
    elif found := misleading(words, url):
        yield replace(here, message=found.message, is_error=found.severity is Severity.ERROR, hint=HINT)
    if len(tokens) == 1:
        yield replace(here, message="a link has no words that could be clicked")


def _unmatched(content: str, length: int, rows: Sequence[Row]) -> Leftover:
    """What is wrong with words that hold signs, or with a run of `length` equal signs."""
    if tags := list(RAW_HTML.finditer(content)):
        known = next(filter(_is_element, tags), None)
        tag = (known or tags[0]).group()
        message = f"{tag} would be shown as it is: HTML has no meaning here"
        hint = "Write Markdown, as in **bold** or [words](https://…)"
        return Leftover(message, _row_with(tag, rows), tag, known is not None, hint)
    if BROKEN_LINK in content:
        return Leftover(
            "a link is not complete and would be shown as it is", _row_with(BROKEN_LINK, rows), BROKEN_LINK,
            hint="A link is [words](https://…) without spaces or line ends in its URL",
        )  # fmt: skip
    return _stray("`" if "`" in content else content * length, rows)


def _is_element(tag: re.Match[str]) -> bool:
    """Whether it is an element of HTML; `<T>` in `List<T>` is none."""
    is_parameter = re.fullmatch("<[A-Z]>", tag.group()) and tag.string[: tag.start()][-1:].isalnum()
    return not is_parameter and _ELEMENT.match(tag.group()) is not None


def _stray(sign: str, rows: Sequence[Row]) -> Leftover:
    if sign in ("**", "__", "***"):
        hint = "Give it its partner, with no space on its inner side"
    else:
        hint = f"Give it its partner, or write \\{sign} for the sign itself"
    row = next((number for number, line in rows if line.count(sign) % 2), _row_with(sign, rows))
    return Leftover(f"{sign} would be shown as it is", row, sign, len(sign) > 1, hint)


def _table(row: int) -> Leftover:
    return Leftover("a table would be shown as its signs", row, hint="Make it a list, or a picture with an alt text")


def _row_with(needle: str, rows: Sequence[Row]) -> int:
    return next((number for number, line in rows if needle in line), rows[0][0] if rows else 0)
