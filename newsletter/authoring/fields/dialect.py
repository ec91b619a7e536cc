"""Dialect: how this program reads Markdown; rules of our own for markdown-it, used by `prose`.

CommonMark without raw HTML, with tables, strikethrough and bare URLs as GitHub reads them, with footnotes, and with
emphasis beside Chinese punctuation. The `meta` of what a rule found has `at` and `end`, characters of its inline text.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline, autolink, backtick, image, link
from markdown_it.rules_inline.state_inline import Delimiter

from newsletter.authoring.fields.url import normalise_url

DEEPEST = 30
"""Levels of emphasis, and of lists and quotations."""
UNMATCHED = "unmatched"
"""The type of tokens that hold signs of emphasis which became nothing."""
BARE = "bare"
"""The markup of links that are URLs or addresses written as such."""
_REFERENCE = re.compile(r"\[(?!\^)[^\]\n]+\]:\s*\S")
_NOTE = re.compile(r"\[\^(?P<label>[^\]\s]+)\](?P<defines>:[ \t]*)?")
_BARE = re.compile(
    r"""(?<![A-Za-z0-9_])(?:https?://|(?=www\.[\w-]))
      | (?<![A-Za-z0-9.+_@/-])(?:mailto:)?(?P<address>[A-Za-z0-9.+_-]++
          @(?:[A-Za-z0-9-]++\.)+[A-Za-z][A-Za-z0-9-]*+)(?<!-)(?![_@]|:[\w/~])""",
    re.VERBOSE | re.IGNORECASE,
)
_HOST = re.compile(r"(?:[^\s@/?#]*@)?(?:[\w-]+\.)+(?:[A-Za-z0-9][A-Za-z0-9-]*|[^\W_]+)(?::\d+)?")
"""After ASCII letters the last label ends before others: Chinese goes on without a space."""
_TRAILING = "?!.,:;*_~'\""


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002 - the library's name
        """Every target is a link here; where it may lead is decided, and reported, by those who read the tokens."""
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        """The one rule for URLs of the whole program."""
        return normalise_url(url)


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """A rule of the library, which notes where in its text the thing begins and ends."""

    def placed(state: StateInline, silent: bool) -> bool:
        start, count = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        for token in state.tokens[count:]:
            if token.type in ("link_open", "code_inline", "image"):
                token.meta.update(at=start, end=state.pos)
                if token.type == "link_open" and not token.markup:
                    token.meta["words"] = state.md.helpers.parseLinkLabel(state, start, True)
                break
        return True

    return placed


@cache
def parser() -> MarkdownIt:
    """The one parser of the program."""
    options = {"html": False, "xhtmlOut": True, "maxNesting": 2 * DEEPEST, "store_labels": True}
    made = _Markdown("commonmark", options)
    made.disable(["html_block", "html_inline"])
    made.enable(["table", "strikethrough"])
    made.block.ruler.before("reference", "note", _note, {"alt": ["paragraph", "reference"]})
    for name, rule in (("link", link), ("image", image), ("autolink", autolink), ("backticks", backtick)):
        made.inline.ruler.at(name, _placed(rule))
    made.inline.ruler.at("text", _words)
    made.inline.ruler.at("emphasis", _emphasis)
    made.inline.ruler.at("strikethrough", _strikethrough)
    made.inline.ruler.before("link", "note_mark", _note_mark)
    made.inline.ruler2.before("fragments_join", UNMATCHED, _keep_unmatched)
    made.parse("*", {"notes": set()})  # it collects its rules when they are first used: not in two threads at once
    return made


def _words(state: StateInline, silent: bool) -> bool:
    """The library's rule for words, which stops before a bare URL and makes that a link."""
    start, (starts, bare) = state.pos, _bare_links(state.src)
    stop, url = bare.get(start, (start, ""))
    if url and not state.linkLevel and stop <= state.posMax:
        if not silent:
            opened = state.push("link_open", "a", 1)
            opened.attrs, opened.markup = {"href": normalise_url(url)}, BARE
            opened.meta.update(at=start, end=stop)
            state.push("text", "", 0).content = unescapeAll(state.src[start:stop])
            state.push("link_close", "a", -1).markup = BARE
        state.pos = stop
        return True
    end = state.md.inline.terminator_re.search(state.src, start)
    after = bisect_right(starts, start)
    state.pos = min(
        end.start() if end else state.posMax, starts[after] if after < len(starts) else state.posMax, state.posMax
    )
    if state.pos > start and not silent:
        state.pending += state.src[start : state.pos]
    return state.pos > start


@lru_cache(maxsize=16)
def _bare_links(text: str) -> tuple[list[int], dict[int, tuple[int, str]]]:
    """Where bare URLs and addresses begin, in order; and begin → (end, URL), as GitHub's extension finds them.

    A URL also ends before punctuation that is not ASCII: Chinese puts it there without a space.
    """
    found: dict[int, tuple[int, str]] = {}
    at = 0
    while match := _BARE.search(text, at):
        start, at = match.start(), match.end() + 1
        if match["address"]:
            stop, url = match.end(), f"mailto:{match['address']}"
        else:
            host = _HOST.match(text, match.end())
            if host is None:
                continue
            stop = _end_of_url(text, host.end()) if text[host.end() : host.end() + 1] in tuple("/?#") else host.end()
            url = unescapeAll(text[start:stop])
            url = url if match.group() else f"http://{url}"
        found[start] = stop, url
        at = stop
    return list(found), found


def _end_of_url(text: str, start: int) -> int:
    """Where a URL ends whose path begins at `start`."""
    stop = start
    while stop < len(text):
        char = text[stop]
        if char == "[":
            group = re.compile(r"\[[^\[\]\s<>\"`\\]*\]").match(text, stop)
            if group is None:
                break
            stop = group.end()
        elif char in ' \n\t<>"`\\]' or (not char.isascii() and unicodedata.category(char)[0] in "PZC"):
            break
        else:
            stop += 1
    while stop > start:
        url, last = text[start:stop], text[stop - 1]
        entity = re.search(r"&[A-Za-z0-9]+;$", url) if last == ";" else None
        if entity:
            stop = start + entity.start()
        elif last in _TRAILING or (last == ")" and url.count(")") > url.count("(")):
            stop -= 1
        else:
            break
    return stop


def _note(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The definition of a footnote: `[^label]:` and what follows it, with everything indented below."""
    at = state.bMarks[start] + state.tShift[start]
    match = _NOTE.match(state.src, at, state.eMarks[start])
    if match is None or not match["defines"] or state.is_code_block(start):
        return False
    if silent:
        return True
    if state.env.get("in_note"):
        return False
    state.env["notes"].add(match["label"])
    opened = state.push("note_open", "li", 1)
    opened.meta["label"] = match["label"]
    kept = state.bMarks[start], state.tShift[start], state.sCount[start]
    outside = state.blkIndent, state.parentType, state.lineMax
    state.env["in_note"] = True
    state.lineMax = _before_reference(state, start + 1, end)
    state.blkIndent += 4
    state.bMarks[start], state.tShift[start], state.sCount[start] = match.end(), 0, state.blkIndent
    state.parentType = "list"
    state.md.block.tokenize(state, start, state.lineMax)
    state.bMarks[start], state.tShift[start], state.sCount[start] = kept
    state.blkIndent, state.parentType, state.lineMax = outside
    state.env["in_note"] = False
    opened.map = [start, state.line]
    state.push("note_close", "li", -1)
    return True


def _before_reference(state: StateBlock, first: int, end: int) -> int:
    """Where a footnote's first paragraph ends: authors write the definitions of links right below those of notes."""
    for line in range(first, end):
        if state.isEmpty(line):
            break
        at = state.bMarks[line] + state.tShift[line]
        if state.sCount[line] < state.blkIndent + 4 and _REFERENCE.match(state.src, at, state.eMarks[line]):
            return line
    return end


def _note_mark(state: StateInline, silent: bool) -> bool:
    """The mark of a footnote that is defined somewhere in the text."""
    match = _NOTE.match(state.src, state.pos, state.posMax)
    if match is None or match["label"] not in state.env["notes"]:
        return False
    if not silent:
        mark = state.push("note_mark", "", 0)
        mark.meta.update(note=match["label"], at=state.pos, end=match.end("label") + 1)
    state.pos = match.end("label") + 1
    return True


def _emphasis(state: StateInline, silent: bool) -> bool:
    """The library's rule for `*` and `_`, with flanking that knows scripts written without spaces."""
    sign = state.src[state.pos]
    if silent or sign not in "*_":
        return False
    length, can_open, can_close = _run(state)
    for _ in range(length):
        # A lone * between spaces is a star; ** between spaces was meant to be bold.
        _push_sign(state, sign, is_sign=can_open or can_close or (sign == "*" and length > 1))
        state.delimiters.append(Delimiter(ord(sign), length, len(state.tokens) - 1, -1, can_open, can_close))
    return True


def _strikethrough(state: StateInline, silent: bool) -> bool:
    """The same for `~~`."""
    if silent or not state.src.startswith("~~", state.pos):
        return False
    length, can_open, can_close = _run(state)
    if length % 2:
        _push_sign(state, "~", is_sign=False)
    for _ in range(length // 2):
        _push_sign(state, "~~", is_sign=can_open or can_close)
        state.delimiters.append(Delimiter(ord("~"), 0, len(state.tokens) - 1, -1, can_open, can_close))
    return True


def _run(state: StateInline) -> tuple[int, bool, bool]:
    """The length of a run of one sign, and whether it may open and close something."""
    sign = state.src[state.pos]
    end = next((at for at in range(state.pos, state.posMax) if state.src[at] != sign), state.posMax)
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    return end - state.pos, *flanking(sign, before, after)


def _push_sign(state: StateInline, sign: str, *, is_sign: bool) -> None:
    token = state.push("text", "", 0)
    token.content = sign
    token.meta = {"sign": is_sign, "at": state.pos, "end": state.pos + len(sign)}
    state.pos += len(sign)


def flanking(sign: str, before: str, after: str) -> tuple[bool, bool]:
    """Whether a run of `*`, `_` or `~` between two characters may open and may close emphasis.

    CommonMark 6.2 lets a run beside punctuation count only next to a space or more punctuation, and so
    `**加粗。**文字` never closes. Here wide punctuation counts as a letter, and a wide character as good as a space.
    """
    left = not after.isspace() and (not _narrow_mark(after) or _loose(before))
    right = not before.isspace() and (not _narrow_mark(before) or _loose(after))
    if sign != "_":
        return left, right
    return left and (not right or _mark(before)), right and (not left or _mark(after))


def _mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WFH"


def _narrow_mark(char: str) -> bool:
    return _mark(char) and not _wide(char)


def _loose(char: str) -> bool:
    return char.isspace() or _mark(char) or _wide(char)


def _keep_unmatched(state: StateInline) -> None:
    """Keep signs of emphasis that became nothing apart from the words around them."""
    for token in state.tokens:
        if token.type == "text" and token.content and token.meta.get("sign"):
            token.type = UNMATCHED
