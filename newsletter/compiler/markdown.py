"""Markdown: an author's words → safe HTML or plain words. Raw HTML is off; bold works beside Chinese punctuation.

Before it: text whose merge fields are markers. After it: templates (HTML), the text part (tokens), checks (leftovers).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeAlias
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.authoring.url import url_fault
from newsletter.compiler.links import normalise_url
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError

Styles: TypeAlias = Mapping[str, str]
"""Tag → what its `style` attribute says; `p_last` for the last paragraph of a text."""

_STYLED = {
    "paragraph_open": "p", "link_open": "a", "bullet_list_open": "ul", "ordered_list_open": "ol",
    "list_item_open": "li", "blockquote_open": "blockquote", "strong_open": "strong", "em_open": "em",
    "code_inline": "code", "fence": "pre", "code_block": "pre", "hr": "hr",
}  # fmt: skip
_DEEPEST = 30
_UNMATCHED = "unmatched"
"""The type of tokens that hold a sign which became nothing."""
_HAN = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u3100-\u312f\u31c0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff]"
)
"""Scripts written without spaces (and their punctuation): a line end between two of them is no space."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of an author's Markdown that readers would see as signs, or that must not be a link."""

    message: str
    line: str
    """The line of the text in which it stands."""
    is_error: bool = True
    hint: str = ""


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002 - the library's name
        """Every target is a link here: `_finish` keeps the good ones, `leftovers` tells of the others."""
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        """The one rule for URLs of the whole compiler."""
        return normalise_url(url)


def render_markdown(text: str, styles: Styles, slots: Slots) -> str:
    """Paragraphs of Markdown as well-formed HTML."""
    parser, tokens = _parser(), _parse(text)
    _finish(tokens, styles, slots)
    _style_blocks(tokens, styles)
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def render_inline(text: str, styles: Styles, slots: Slots) -> str:
    """Inline Markdown as HTML without a paragraph around it; line ends are spaces."""
    parser, tokens = _parser(), _parse_inline(text)
    _finish(tokens, styles, slots)
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def plain_words(text: str) -> str:
    """The words alone, on one line: links keep their label, emphasis is gone."""
    return " ".join("".join(_words(_parse(text))).split())


def tree(text: str, *, inline: bool) -> SyntaxTreeNode:
    """The parsed text as a tree, for the text part."""
    return SyntaxTreeNode(_parse_inline(text) if inline else _parse(text))


def leftovers(text: str, slots: Slots, *, inline: bool) -> list[Leftover]:
    """What readers would see of the Markdown itself, and links that may not be; in the order of the text."""
    lines = text.splitlines() or [""]
    found: list[Leftover] = []
    for token in _parse_inline(text) if inline else _parse(text):
        if token.type == "inline":
            first, after = token.map or (0, len(lines))
            found += _leftovers(token.children or [], lines[first:after], slots)
        elif token.type == "fence" and token.map and not lines[token.map[1] - 1].strip().startswith(token.markup):
            found.append(Leftover("a block of code begins here and never ends", lines[token.map[0]]))
    return found


@cache
def _parser() -> MarkdownIt:
    parser = _Markdown("commonmark", {"html": False, "xhtmlOut": True})
    parser.disable(["html_block", "html_inline", "reference"])
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.inline.ruler2.before("fragments_join", _UNMATCHED, _keep_unmatched)
    parser.add_render_rule(_UNMATCHED, _render_unmatched)
    return parser


def _parse(text: str) -> list[Token]:
    return _join_han(_flatten(_parser().parse(text)))


def _parse_inline(text: str) -> list[Token]:
    return _join_han(_flatten(_parser().parseInline(text)))


def _flatten(tokens: list[Token]) -> list[Token]:
    """Take emphasis nested beyond reason as words: everything after us walks the tree."""
    for token in tokens:
        if any(child.level > _DEEPEST for child in token.children or ()):
            token.children = [Token(_UNMATCHED, "", 0, content=token.content, meta={"deep": True})]
    return tokens


# -- emphasis ---------------------------------------------------------------------------------------------------------


def _emphasis(state: StateInline, silent: bool) -> bool:
    """The library's rule for `*` and `_`, with flanking that knows scripts written without spaces."""
    sign = state.src[state.pos]
    if silent or sign not in "*_":
        return False
    end = next((at for at in range(state.pos, state.posMax) if state.src[at] != sign), state.posMax)
    length = end - state.pos
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    can_open, can_close = flanking(sign, before, after)
    for _ in range(length):
        token = state.push("text", "", 0)
        token.content = sign
        # A lone * between spaces is a star; ** between spaces was meant to be bold.
        token.meta = {"sign": can_open or can_close or (sign == "*" and length > 1)}
        state.delimiters.append(Delimiter(ord(sign), length, len(state.tokens) - 1, -1, can_open, can_close))
    state.pos += length
    return True


def flanking(sign: str, before: str, after: str) -> tuple[bool, bool]:
    """Whether a run of `*` or `_` between two characters may open and may close emphasis.

    CommonMark 6.2 lets a run beside punctuation count only next to a space or more punctuation, and so
    `**加粗。**文字` never closes. Here wide punctuation counts as a letter, and a wide character as good as a space.
    """
    left = not after.isspace() and (not _narrow_mark(after) or _loose(before))
    right = not before.isspace() and (not _narrow_mark(before) or _loose(after))
    if sign == "*":
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
    """Keep the signs that became neither emphasis nor code apart from words and from signs escaped on purpose."""
    for token in state.tokens:
        if token.type == "text" and token.content and (token.meta.get("sign") or "`" in token.content):
            token.type = _UNMATCHED


def _render_unmatched(_self: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    return escapeHtml(tokens[at].content)


# -- HTML -------------------------------------------------------------------------------------------------------------


def _finish(tokens: Sequence[Token], styles: Styles, slots: Slots) -> None:
    """Inline styles, and links only where they may lead."""
    for token in tokens:
        if token.children is not None:
            token.children = list(_safe_links(token.children, slots))
            for child in token.children:
                _style(child, styles)


def _safe_links(tokens: Sequence[Token], slots: Slots) -> Iterator[Token]:
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            url = target(str(token.attrGet("href") or ""), slots)
            open_links.append(bool(url))
            token.attrs = {"href": url}
            if not url:
                continue
        if token.type == "link_close" and not open_links.pop():
            continue
        if token.type == "image":
            yield Token("text", "", 0, content=token.content)
            continue
        yield token


def target(url: str, slots: Slots) -> str:
    """Where a link of the text leads, with its markers; empty when it may not lead there."""
    try:
        marked = slots.in_url(url)
    except ExpressionError:
        return ""
    return marked if marked in slots.own_links or not url_fault(marked) else ""


def _style_blocks(tokens: Sequence[Token], styles: Styles) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2" if token.tag in ("h1", "h2") else "h3"  # the title is the only first heading
        _style(token, styles)
    last = next((token for token in reversed(tokens) if token.level == 0 and token.type == "paragraph_open"), None)
    if last is not None and tokens[-1].type == "paragraph_close" and "p_last" in styles:
        last.attrSet("style", styles["p_last"])


def _style(token: Token, styles: Styles) -> None:
    name = token.tag if token.type == "heading_open" else _STYLED.get(token.type, "")
    if name in styles:
        token.attrSet("style", styles[name])


# -- words ------------------------------------------------------------------------------------------------------------


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is not None and token.type == "inline":
            yield from _words(token.children)
            yield " "
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        else:
            yield token.content


def _join_han(tokens: list[Token]) -> list[Token]:
    """Drop the line ends that stand between two characters of a script without spaces."""
    for token in tokens:
        children = token.children or []
        for number, child in enumerate(children):
            if child.type == "softbreak":
                before = next((t.content for t in reversed(children[:number]) if t.content), "")
                after = next((t.content for t in children[number + 1 :] if t.content), "")
                if _HAN.match(before[-1:]) and _HAN.match(after[:1]):
                    child.type = "text"
    return tokens


# -- leftovers --------------------------------------------------------------------------------------------------------

_RAW_HTML = re.compile(r"</?[A-Za-z][^<>]*>")
_BROKEN_LINK = re.compile(r"\]\(")


def _leftovers(tokens: Sequence[Token], lines: Sequence[str], slots: Slots) -> Iterator[Leftover]:
    for (kind, content), run in groupby(tokens, key=lambda token: (token.type, token.content)):
        if kind == _UNMATCHED and tokens[0].meta.get("deep"):
            yield Leftover(f"emphasis is nested more than {_DEEPEST} deep", lines[0])
        elif kind == _UNMATCHED:
            yield _stray("`" if "`" in content else content * len(list(run)), lines)
    for number, token in enumerate(tokens):
        if token.type == "text" and (match := _RAW_HTML.search(token.content)):
            yield Leftover(f"{match.group()} would be shown as it is: HTML has no meaning here", _with(match, lines))
        if token.type == "text" and (match := _BROKEN_LINK.search(token.content)):
            yield Leftover(
                "a link is not complete and would be shown as it is", _with(match, lines),
                hint="A link is [words](https://…) without spaces or line ends in its URL",
            )  # fmt: skip
        if token.type == "link_open":
            yield from _bad_link(str(token.attrGet("href") or ""), lines, slots)
            if tokens[number + 1].type == "link_close":
                yield Leftover("a link has no words that could be clicked", _line_with("[](", lines))
        if token.type == "image":
            yield Leftover(
                "a picture cannot stand inside a text", _line_with("![", lines), hint="Make it a block: - image: file"
            )


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


def _with(match: re.Match[str], lines: Sequence[str]) -> str:
    return _line_with(match.group(), lines)


def _line_with(needle: str, lines: Sequence[str]) -> str:
    return next((line for line in lines if needle in line), lines[0] if lines else "")
