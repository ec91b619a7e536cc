"""Prose: an author's Markdown → the parser's tokens; links, pictures, notes and code with their places in the text.

Before it: a text of an issue, read as `dialect` has it. After it: `proofread`; in the compiler merge fields, HTML, the
text part and `leftovers`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.authoring.fields.dialect import DEEPEST, UNMATCHED, parser

_HAN = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u3100-\u312f\u31c0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff]"
)
"""Scripts written without spaces (and their punctuation): a line end between two of them is no space."""
_MAY_BE_CODE = re.compile(r"[`\\\t]|~~~|    ")
_ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")
"""A sign that means nothing (CommonMark 2.4)."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A parsed text.

    The `meta` of its links, pictures, spans of code, marks of notes and signs of emphasis has `start` and `stop`,
    characters of the text; that of a link also `close`, where its words end.
    """

    tokens: list[Token]
    """Footnotes stand at the end, in the order of their marks."""
    links: Mapping[str, str]
    """The definitions of links: label → URL."""
    unused: Sequence[tuple[str, int]]
    """Definitions that nothing refers to, with their lines, from 0; the labels of notes begin with ^."""
    again: Sequence[tuple[str, int]] = ()
    """Later definitions of a link with another URL, likewise."""


@lru_cache(maxsize=512)
def read_prose(text: str, *, inline: bool) -> Prose:
    """A text, parsed, to be read alone: checks and the text part share it, and the next save in the preview."""
    return _read(text, inline=inline)


def parse(text: str, *, inline: bool) -> list[Token]:
    """The parser's tokens, the caller's own to change; for inline Markdown a single one of type `inline`."""
    return _read(text, inline=inline).tokens


def _read(text: str, *, inline: bool) -> Prose:
    env: dict[str, Any] = {"notes": set()}
    tokens = parser().parseInline(text, env) if inline else parser().parse(text, env)
    _place(text, tokens, inline=inline)
    tokens, unused = _notes_last(_join_han(_flatten(tokens)))
    links, again = env.get("references", {}), env.get("duplicate_refs", [])
    used = {child.meta.get("label") for token in tokens for child in token.children or ()}
    unused += [(label, link["map"][0]) for label, link in links.items() if label not in used]
    differing = [(link["label"], link["map"][0]) for link in again if link["href"] != links[link["label"]]["href"]]
    return Prose(tokens, {label: link["href"] for label, link in links.items()}, unused, differing)


def without_code(text: str, *, inline: bool) -> str:
    """The text with its code and escaped signs replaced by spaces; every other character keeps its place."""
    if not _MAY_BE_CODE.search(text):
        return text
    lines, spans = text.split("\n"), []
    for token in read_prose(text, inline=inline).tokens:
        if token.type in ("fence", "code_block") and token.map:
            rows = slice(*token.map)
            lines[rows] = [" " * len(line) for line in lines[rows]]
        spans += [_span(child) for child in token.children or () if child.type == "code_inline"]
    return _ESCAPED.sub("  ", blanked("\n".join(lines), spans))


def words_alone(text: str, prose: Prose) -> str:
    """What readers see as words; spaces in place of all that Markdown understood, and of escaped signs."""
    kept, spans = [" " if char != "\n" else char for char in text], []
    for token in prose.tokens:
        for part, start in zip(token.content.split("\n"), token.meta.get("lines", ()), strict=False):
            kept[start : start + len(part)] = text[start : start + len(part)]
        for child in token.children or ():
            if child.type == "link_open" and "close" in child.meta:
                spans += [(child.meta["start"], child.meta["start"] + 1), (child.meta["close"], child.meta["stop"])]
            elif child.type in ("link_open", "code_inline", "image", "note_mark"):
                spans.append(_span(child))
    return _ESCAPED.sub("  ", blanked("".join(kept), spans))


def blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with spaces, but for line ends, in these places."""
    for start, stop in spans:
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
    return text


def pictures_in(text: str) -> list[Token]:
    """The pictures in paragraphs of Markdown."""
    if "![" not in text:
        return []
    tokens = read_prose(text, inline=False).tokens
    return [child for token in tokens for child in token.children or () if child.type == "image"]


def picture_name(picture: Token) -> str:
    """The file that a picture's URL names: a space is %20 in a URL, not on a disk."""
    return unquote(str(picture.attrGet("src") or ""))


def _span(token: Token) -> tuple[int, int]:
    return token.meta["start"], token.meta["stop"]


# -- places -----------------------------------------------------------------------------------------------------------


def _place(text: str, tokens: Sequence[Token], *, inline: bool) -> None:
    """Note where each line of an inline token begins in the text, and where what its rules found begins and ends."""
    lines, reached = text.split("\n"), dict.fromkeys(range(text.count("\n") + 1), 0)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line) + 1)
    before = ""
    for token in tokens:
        if token.type == "inline":
            first, starts = 0 if inline or not token.map else token.map[0], []
            for row, part in enumerate(token.content.split("\n"), first):
                line = lines[row].rstrip() if row < len(lines) else ""
                part, at = part.rstrip(), reached.get(row, 0)
                is_rest = before not in ("th_open", "td_open") and line.endswith(part)
                column = len(line) - len(part) if is_rest else line.find(part, at)
                reached[row] = (at if column < 0 else column) + len(part)
                starts.append(begins[min(row, len(lines))] + (at if column < 0 else column))
            token.meta["lines"] = starts
            for child in token.children or ():
                for name, key in (("at", "start"), ("end", "stop"), ("words", "close")):
                    if name in child.meta:
                        offset = child.meta[name]
                        column = offset - token.content.rfind("\n", 0, offset) - 1
                        child.meta[key] = starts[token.content.count("\n", 0, offset)] + column
        before = token.type


def _notes_last(tokens: Sequence[Token]) -> tuple[list[Token], list[tuple[str, int]]]:
    """The tokens with footnotes at the end, numbered by their marks; and the definitions that nothing refers to."""
    texts: list[list[Token]] = [[]]
    notes: dict[str, list[Token]] = {}
    unused: list[tuple[str, int]] = []
    current = texts[0]
    for token in tokens:
        if token.type == "note_open":
            current = [token]
            if token.meta["label"] in notes:
                unused.append((f"^{token.meta['label']}", (token.map or [0])[0]))
            notes.setdefault(token.meta["label"], current)
            continue
        current.append(token)
        if token.type == "note_close":
            current = texts[0]
    numbers: dict[str, int] = {}
    for text in texts:  # grows: a note may refer to others
        for mark in (child for token in text for child in token.children or () if child.type == "note_mark"):
            label = mark.meta["note"]
            if label not in numbers:
                numbers[label] = len(numbers) + 1
                texts.append(notes[label])
            opened = notes[label][0]
            opened.meta["marks"] = opened.meta.get("marks", 0) + 1
            opened.meta["number"] = numbers[label]
            mark.meta.update(number=numbers[label], again=opened.meta["marks"])
    unused += [(f"^{label}", (note[0].map or [0])[0]) for label, note in notes.items() if label not in numbers]
    text, *last = texts
    if last:
        text += [Token("notes_open", "ol", 1), *(token for note in last for token in note)]
        text.append(Token("notes_close", "ol", -1))
    return text, unused


# -- after parsing ----------------------------------------------------------------------------------------------------


def _flatten(tokens: list[Token]) -> list[Token]:
    """Take deeply nested emphasis as words: all later steps walk the tree recursively."""
    for token in tokens:
        if any(child.level > DEEPEST for child in token.children or ()):
            token.children = [Token(UNMATCHED, "", 0, content=token.content, meta={"deep": True})]
    return tokens


def _join_han(tokens: list[Token]) -> list[Token]:
    """Drop line ends between two characters of a script without spaces."""
    for token in tokens:
        before, waiting = "", []
        for child in token.children or ():
            if child.type == "softbreak":
                waiting.append(child)
            elif child.content:
                if _HAN.match(before[-1:]) and _HAN.match(child.content):
                    for line_end in waiting:
                        line_end.type = "text"
                before, waiting = child.content, []
    return tokens
