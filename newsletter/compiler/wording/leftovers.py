"""Leftovers: signs of an author's Markdown that readers would see, and where. Used by checks.

What other dialects have is a table beside this file.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markdown_it.token import Token

from newsletter.authoring.fields.dialect import BARE, DEEPEST, UNMATCHED
from newsletter.authoring.fields.link_words import HINT, misleading
from newsletter.authoring.fields.prose import Prose, blanked, read_prose, words_alone
from newsletter.authoring.fields.url import url_fault
from newsletter.authoring.files import read_file
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError
from newsletter.problem import Severity
from newsletter.source import MAX_BYTES

_TABLE = re.compile(r"^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*\|[\s:|-]*$", re.MULTILINE)
"""The line under a table's head."""
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
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
_BROKEN_LINK = re.compile(r"(?:\[(?:[^\[\]]|\[[^\[\]]*\])*)?\]\(")
_EXCHANGED = re.compile(r"\([^()\n]{1,200}\)\[(?= {8,}\])")
"""Words and a bare URL, which is blank."""
_UNDEFINED = re.compile(r"(?<![\w\]])\[(?=[^\[\]]*[^\W\d])[^\[\]]+\]\[(?P<label>[^\[\]]*)\]")
"""Words and a label; `[1][2]` may be two notes of the author's own, and `a[b][c]` a formula."""
_UNKNOWN_NOTE = re.compile(r"(?<!\[)\[\^(?P<label>[^\]\s]+)\]")
_STRUCTURE = re.compile(r"(?:[ \t>]|(?:[*+-]|\d+[.)])(?=[ \t]))*")
"""What may stand before the words of a line: signs of quotations and lists."""
_GAP = re.compile(r"\[[^\[\]]*\][ \t]+\($")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of an author's Markdown that readers would see as signs, or that must not be a link."""

    message: str
    at: int
    """The character of the text."""
    is_error: bool = True
    hint: str = ""


def leftovers(text: str, slots: Slots, *, inline: bool, contributors: bool = False) -> list[Leftover]:
    """What readers would see of the Markdown itself, and links that may not be; in the order of the text.

    With `contributors`, links to them are left to `proofread`.
    """
    prose = read_prose(text, inline=inline)
    words = words_alone(text, prose)
    found = [*_in_blocks(text, prose), *_unused(text, prose)]
    for token in prose.tokens:
        if token.type == "inline":
            found += _in_line(text, token, slots, inline=inline, contributors=contributors)
    tags = list(_TAG.finditer(words))
    html = list(map(_html, tags))
    found += [one for one in html if one.is_error] or html
    words = blanked(words, [tag.span() for tag in tags])
    found += _in_words(words, text)
    return sorted(found, key=lambda one: one.at)


def _in_blocks(text: str, prose: Prose) -> Iterator[Leftover]:
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    if any(token.level >= 2 * DEEPEST - 1 for token in prose.tokens):
        yield Leftover(f"lists and quotations are nested more than {DEEPEST} deep, and the rest would be lost", 0)
    before = ""
    for token in prose.tokens:
        if token.type == "inline":
            begin = (token.meta["lines"] or [0])[0]
            shown = any(child.content.strip() or child.type == "image" for child in token.children or ())
            if before == "heading_open" and not shown:
                hint = "Write its words behind the signs, or delete them; write \\# for the sign itself"
                yield Leftover("a heading has no words", starts[token.map[0]] if token.map else begin, hint=hint)
            if before == "list_item_open" and (box := re.match(r"\[[ xX]\][ \t]", token.content)):
                yield Leftover(f"{box.group().strip()} would be shown as it is: there are no task lists here", begin,
                               hint="Write ☐ or ☑ in its place")  # fmt: skip
        elif token.type == "fence" and token.map:
            last = text.split("\n")[token.map[1] - 1]
            if not last.strip(" >\t").startswith(token.markup) or token.map[1] - token.map[0] < 2:
                yield Leftover("a block of code begins here and never ends", starts[token.map[0]])
        before = token.type if token.type != "paragraph_open" else before


def _in_line(text: str, token: Token, slots: Slots, *, inline: bool, contributors: bool) -> Iterator[Leftover]:
    tokens = token.children or []
    if tokens and tokens[0].meta.get("deep"):
        yield Leftover(f"emphasis is nested more than {DEEPEST} deep", (token.meta["lines"] or [0])[0])
        return
    yield from _stray(tokens)
    for number, child in enumerate(tokens):
        if child.type == "link_open" and not (contributors and str(child.attrGet("href")).startswith("@")):
            close = next(n for n in range(number, len(tokens)) if tokens[n].type == "link_close")
            yield from _link(tokens[number:close], text, slots)
        if child.type == "image" and inline:
            hint = "Make it a block, - image: file, or put it into a text of paragraphs"
            yield Leftover("a picture cannot stand here", child.meta["start"], hint=hint)


def _stray(tokens: Sequence[Token]) -> Iterator[Leftover]:
    """Signs of emphasis without a partner; neighbours are one sign."""
    signs = [token for token in tokens if token.type == UNMATCHED]
    if not signs:
        return
    runs = [[signs[0]]]
    for one, other in pairwise(signs):
        if one.meta["stop"] == other.meta["start"] and one.content == other.content:
            runs[-1].append(other)
        else:
            runs.append([other])
    for run in runs:
        sign = "".join(token.content for token in run)
        hint = f"Give it its partner, or write \\{sign} for the sign itself"
        if len(sign) > 1:
            hint = "Give it its partner, with no space on its inner side"
        yield Leftover(f"{sign} would be shown as it is", run[0].meta["start"], len(sign) > 1, hint)


def _link(tokens: Sequence[Token], text: str, slots: Slots) -> Iterator[Leftover]:
    """What is wrong with a link, from its opening to its last word."""
    opened, url = tokens[0], str(tokens[0].attrGet("href") or "")
    at, stop = opened.meta["start"], opened.meta["stop"]
    there = unquote(url)
    target = max(text.find(there, opened.meta.get("close", at), stop), at)
    words = "".join(" " if token.type.endswith("break") else token.content for token in tokens)
    is_bare = opened.markup == BARE
    if is_bare and (gap := _GAP.search(text, text.rfind("\n", 0, at) + 1, at)):
        hint = "Delete the space between ] and ("
        yield Leftover("a link is not complete: its words and its URL stand apart", gap.start(), hint=hint)
        return
    try:
        marked = slots.in_url(url)
    except ExpressionError as error:
        if not (is_bare and "@" in words):  # a merge field before @ and a host is no address
            yield Leftover(str(error), target, hint=error.hint)
        return
    written = text[at + 1 : stop - 1] if opened.markup == "autolink" else text[at:stop] if is_bare else marked
    if marked not in slots.own_links and (fault := url_fault(marked) or (not is_bare and url_fault(written)) or None):
        yield Leftover(f"{fault.message} ({there})", target, hint=fault.hint)
    elif found := misleading(words, url):
        yield Leftover(found.message, at, found.severity is Severity.ERROR, HINT)
    if len(tokens) == 1:
        yield Leftover("a link has no words that could be clicked", at)


def _unused(text: str, prose: Prose) -> Iterator[Leftover]:
    """Definitions that nothing refers to: readers do not see them."""
    lines = text.split("\n")
    for label, row in prose.unused:
        at = sum(len(line) + 1 for line in lines[:row]) + max(lines[row].find("["), 0)
        if label.startswith("^"):
            message = f"nothing refers to the footnote [{label}], or it is defined twice: readers would not see it"
            yield Leftover(message, at, hint=f"Write [{label}] where it belongs, or delete it")
            continue
        is_link = url_fault(prose.links.get(label, "")) is None
        message = f"nothing refers to this definition of a link, [{label.lower()}]"
        hint = "Delete it." if is_link else r"If these words are for readers, write \[ at their beginning."
        yield Leftover(message, at, not is_link, hint)
    for label, row in prose.again:
        at = sum(len(line) + 1 for line in lines[:row]) + max(lines[row].find("["), 0)
        message = f"the link [{label.lower()}] was defined above, as {prose.links[label]}: that one counts"
        yield Leftover(message, at, is_error=False, hint="Give one of the two another name, here and where it is used.")


def _html(tag: re.Match[str]) -> Leftover:
    """An element of HTML is an error; `<T>` in `List<T>` is none."""
    is_parameter = re.fullmatch("<[A-Z]>", tag.group()) and tag.string[: tag.start()][-1:].isalnum()
    is_element = not is_parameter and _ELEMENT.match(tag.group()) is not None
    message = f"{tag.group()} would be shown as it is: HTML has no meaning here"
    name = tag.group().strip("</>").split()[0].rstrip("/").lower()
    hint = next((one["hint"] for one in _table()["element"] if name in one["names"]), _table()["markup"])
    return Leftover(message, tag.start(), is_element, hint)


def _in_words(words: str, text: str) -> Iterator[Leftover]:
    """Signs among the words that readers see; `text` has what Markdown understood too."""
    for found in _BROKEN_LINK.finditer(words):
        hint = "A link is [words](https://…) without spaces or line ends in its URL"
        yield Leftover("a link is not complete and would be shown as it is", found.start(), hint=hint)
    for found in _EXCHANGED.finditer(words):
        yield Leftover("the brackets of a link are exchanged", found.start(), hint="A link is [words](https://…)")
    for found in _UNDEFINED.finditer(words):
        label = found["label"] or found.group()[1:].partition("]")[0]
        hint = f"Add a line [{label}]: https://… to this text"
        yield Leftover(f"there is no definition of the link [{label}]", found.start(), hint=hint)
    for found in _UNKNOWN_NOTE.finditer(words):
        hint = f"Add a line [^{found['label']}]: with the note to this text; one line of text can have no footnotes"
        yield Leftover(f"there is no footnote {found.group()}", found.start(), hint=hint)
    for found in re.finditer("`+", words):
        hint = "Give it its partner, or write \\` for the sign itself"
        yield Leftover(f"{found.group()} would be shown as it is", found.start(), is_error=False, hint=hint)
    for found in _TABLE.finditer(words):
        hint = "A table has a line of words above this one, with as many cells, and a blank line above that"
        yield Leftover("a table would be shown as its signs", found.start(), hint=hint)
    for construct, pattern in _constructs():
        for found in pattern.finditer(words):
            here = "here" if "here" in pattern.groupindex else 0
            before = text[text.rfind("\n", 0, found.start(here)) + 1 : found.start(here)]
            if pattern.pattern.startswith("^") and not _STRUCTURE.fullmatch(before):
                continue  # not at the beginning of the line: code or a link stands before it
            message = f"{found.group(here).strip()} would be shown as it is: {construct['name']} has no meaning here"
            hint = f"{construct['hint']}; for the signs themselves write \\ before the first"
            yield Leftover(message, found.start(here), hint=hint)


@cache
def _constructs() -> Sequence[tuple[dict[str, Any], re.Pattern[str]]]:
    flags = re.VERBOSE | re.MULTILINE | re.ASCII
    return [(one, re.compile(one["pattern"], flags)) for one in _table()["construct"]]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(read_file(Path(__file__).with_suffix(".toml"), None, MAX_BYTES).decode())
