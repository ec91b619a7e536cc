"""Markdown: an author's words → safe HTML or plain words. Raw HTML is off; bold works beside Chinese punctuation.

Before it: text whose merge fields are markers. After it: templates (HTML), the text part (a tree), `leftovers`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeAlias

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline, autolink, backtick, link
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError

Styles: TypeAlias = Mapping[str, str]
"""Tag → its `style` attribute; `p_last` for the last paragraph of a text."""

_STYLED = {
    "paragraph_open": "p", "link_open": "a", "bullet_list_open": "ul", "ordered_list_open": "ol",
    "list_item_open": "li", "blockquote_open": "blockquote", "strong_open": "strong", "em_open": "em",
    "code_inline": "code", "fence": "pre", "code_block": "pre", "hr": "hr",
}  # fmt: skip
DEEPEST = 30
UNMATCHED = "unmatched"
"""The type of tokens that hold signs which became nothing."""
RAW_HTML = re.compile(r"</?[A-Za-z][^<>]*>")
BROKEN_LINK = "]("
_HAN = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u3100-\u312f\u31c0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff]"
)
"""Scripts written without spaces (and their punctuation): a line end between two of them is no space."""


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002 - the library's name
        """Every target is a link here: `_finish` keeps the good ones, `leftovers.py` reports the others."""
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        """The one rule for URLs of the whole compiler."""
        return normalise_url(url)


def render_markdown(text: str, styles: Styles, slots: Slots) -> str:
    """Paragraphs of Markdown as well-formed HTML."""
    parser, tokens = _parser(), parse(text, inline=False)
    _finish(tokens, styles, slots)
    _style_blocks(tokens, styles)
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def render_inline(text: str, styles: Styles, slots: Slots) -> str:
    """Inline Markdown as HTML without a paragraph around it; line ends are spaces."""
    parser, tokens = _parser(), parse(text, inline=True)
    _finish(tokens, styles, slots)
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def plain_words(text: str) -> str:
    """The words alone, on one line: links keep their label, emphasis is gone."""
    return " ".join("".join(_words(parse(text, inline=False))).split())


def parse(text: str, *, inline: bool) -> list[Token]:
    """The parser's tokens; for inline Markdown a single one of type `inline`."""
    tokens = _parser().parseInline(text) if inline else _parser().parse(text)
    return _join_han(_flatten(tokens))


def tree(text: str, *, inline: bool) -> SyntaxTreeNode:
    """The parsed text as a tree, for the text part."""
    return SyntaxTreeNode(parse(text, inline=inline))


@cache
def _parser() -> MarkdownIt:
    parser = _Markdown("commonmark", {"html": False, "xhtmlOut": True})
    parser.disable(["html_block", "html_inline", "reference"])
    parser.inline.ruler.at("emphasis", _emphasis)
    for name, rule in (("link", link), ("autolink", autolink), ("backticks", backtick)):
        parser.inline.ruler.at(name, _placed(rule))
    parser.inline.ruler2.before("fragments_join", UNMATCHED, _keep_unmatched)
    parser.add_render_rule(UNMATCHED, _render_unmatched)
    parser.add_render_rule("fence", _render_code)
    parser.add_render_rule("code_block", _render_code)
    parser.parse("*")  # it collects its rules when they are first used: not in two threads at once
    return parser


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """A rule of the library for links or code, which notes where in its text the thing begins and ends."""

    def placed(state: StateInline, silent: bool) -> bool:
        start, count = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        for token in state.tokens[count:]:
            if token.type in ("link_open", "code_inline"):
                token.meta.update(at=start, end=state.pos)
                break
        return True

    return placed


def _flatten(tokens: list[Token]) -> list[Token]:
    """Take deeply nested emphasis as words: all later steps walk the tree recursively."""
    for token in tokens:
        if any(child.level > DEEPEST for child in token.children or ()):
            token.children = [Token(UNMATCHED, "", 0, content=token.content, meta={"deep": True})]
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
    """Keep signs that became neither emphasis, code, link nor HTML apart from those that were escaped on purpose."""
    for token in state.tokens:
        words = token.content
        if (
            token.type == "text"
            and words
            and (token.meta.get("sign") or "`" in words or BROKEN_LINK in words or RAW_HTML.search(words))
        ):
            token.type = UNMATCHED


def _render_unmatched(_self: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    return escapeHtml(tokens[at].content)


def _render_code(self: RendererHTML, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    """Lines of code as one element; the library's rule would style a `<code>` inside, not the `<pre>` with its gaps."""
    return f"<pre{self.renderAttrs(tokens[at])}>{escapeHtml(tokens[at].content)}</pre>\n"


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
    """Styles of their own for blocks; what ends with the text has no gap below it, for that is the next block's."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2" if token.tag in ("h1", "h2") else "h3"  # the title is the only first heading
        _style(token, styles)
    node = SyntaxTreeNode(tokens)
    while node.children and node.type != "inline":  # a list ends with its last item, and that with its last paragraph
        node = node.children[-1]
        if node.type == "paragraph" and "p_last" in styles:
            node.attrs["style"] = styles["p_last"]
        elif "style" in node.attrs:
            node.attrs["style"] = f"{node.attrs['style']};margin-bottom:0"


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
