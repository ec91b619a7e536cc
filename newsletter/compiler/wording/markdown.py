"""Markdown: an author's words → safe HTML or plain words. Raw HTML is off; links lead only where they may.

Before it: text whose merge fields are markers, parsed by `authoring/fields/prose.py`. After it: templates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from markdown_it.common.utils import escapeHtml
from markdown_it.presets import commonmark
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import EnvType, OptionsDict

from newsletter.authoring.fields.prose import parse, picture_name, read_prose
from newsletter.authoring.fields.url import url_fault
from newsletter.columns import columns
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError

Styles: TypeAlias = Mapping[str, str]
"""Tag → its `style` attribute; `p_last` for the last paragraph of a text, `img_alone` for a picture in no sentence."""

_STYLED = {
    "paragraph_open": "p", "link_open": "a", "bullet_list_open": "ul", "ordered_list_open": "ol",
    "list_item_open": "li", "blockquote_open": "blockquote", "strong_open": "strong", "em_open": "em", "s_open": "s",
    "code_inline": "code", "fence": "pre", "code_block": "pre", "hr": "hr", "table_open": "table", "th_open": "th",
    "td_open": "td", "image": "img", "notes_open": "notes", "note_open": "li",
}  # fmt: skip
_NARROW = 32
"""Columns of text that the cells of a row may take beside each other on a telephone."""
_WIDE = 40
"""The same on a wide screen, for the longest words alone."""
_SHORT = 20
"""Characters of code that fit into a line wherever it stands."""
_BESIDE = "12px"
"""Between a picture and the words of its paragraph."""
WHOLE = "whole"
"""The class of a table whose words need not be broken on a wide screen."""
STACKED = "stacked"
"""The class of a table whose rows become blocks on a narrow screen."""


@dataclass
class Page:
    """What the texts of one edition share."""

    picture: Callable[[str], Any] = lambda _name: None
    """The `url`, `width` and `height` of a picture in a text; None for one that is not there."""
    notes: int = 0
    """Footnotes so far: they are counted through the whole email."""
    number: Callable[[int], str] = str
    """A footnote's number as it is written."""


def render_markdown(text: str, styles: Styles, slots: Slots, page: Page | None = None) -> str:
    """Paragraphs of Markdown as well-formed HTML."""
    page, tokens = page or Page(), _with_ways_back(parse(text, inline=False))
    _finish(tokens, styles, slots, page)
    _style_blocks(tokens, styles)
    page.notes += sum(token.type == "note_open" for token in tokens)
    return _renderer().render(tokens, _OPTIONS, {}).strip()


def render_inline(text: str, styles: Styles, slots: Slots) -> str:
    """Inline Markdown as HTML without a paragraph around it; line ends are spaces."""
    tokens = parse(text, inline=True)
    _finish(tokens, styles, slots, Page())
    return _renderer().render(tokens, _OPTIONS, {}).strip()


def plain_words(text: str) -> str:
    """The words alone, on one line: links keep their label, emphasis is gone, footnotes too."""
    return " ".join("".join(_words(read_prose(text, inline=False).tokens)).split())


def target(url: str, slots: Slots) -> str:
    """Where a link of the text leads, with its markers; empty when it may not lead there."""
    try:
        marked = slots.in_url(url)
    except ExpressionError:
        return ""
    return marked if marked in slots.own_links or not url_fault(marked) else ""


def cells(table: SyntaxTreeNode) -> list[list[SyntaxTreeNode]]:
    """The cells of a table, row by row, its head first."""
    return [list(row.children) for part in table.children for row in part.children]


# -- tokens -----------------------------------------------------------------------------------------------------------


def _with_ways_back(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with the ways back from each footnote, in its last paragraph."""
    done: list[Token] = []
    for token in tokens:
        if token.type == "note_open":
            note = token
        if token.type == "note_close":
            after = [done.pop()] if done[-1].type == "paragraph_close" else []
            done += [Token("note_back", "", 0, meta={"note": note}), *after]
        done.append(token)
    return done


def _finish(tokens: Sequence[Token], styles: Styles, slots: Slots, page: Page) -> None:
    """Inline styles, links only where they may lead, pictures, numbers of notes."""
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "notes_open" and "code_note" in styles:
            styles = {**styles, "code": styles["code_note"]}
        if token.type in ("note_open", "note_back"):
            token.meta["styles"] = styles
        if token.type == "note_open":
            token.meta["number"] = page.number(token.meta["number"] + page.notes)
        if token.children is not None:
            token.children = list(_safe(token.children, slots, page))
            for child in token.children:
                child.meta["styles"] = styles
                _style(child, styles)
                if child.type == "image":
                    child.attrSet("alt", "".join(_words(child.children or [])))
                    if before is not None:
                        before.meta["picture"] = True
            if "img_alone" in styles:
                _style_pictures(token.children, styles["img_alone"])


def _style_pictures(tokens: Sequence[Token], style: str) -> None:
    """Pictures that have a line of the text to themselves stand apart from the words above and below."""
    lines: list[list[Token]] = [[]]
    for token in tokens:
        if token.type.endswith("break"):
            lines.append([])
        elif token.type not in ("link_open", "link_close") and (token.content or token.type != "text"):
            lines[-1].append(token)
    for number, line in enumerate(lines):
        if [token.type for token in line] == ["image"]:
            above, below = (_BESIDE if number else "0"), (_BESIDE if number < len(lines) - 1 else "0")
            own = "" if above == below == "0" else f";margin:{above} 0 {below}"
            line[0].attrSet("style", f"{style}{own}")


def _safe(tokens: Sequence[Token], slots: Slots, page: Page) -> Iterator[Token]:
    open_links: list[bool] = []
    for token in tokens:
        match token.type:
            case "link_open":
                token.attrs["href"] = target(str(token.attrGet("href") or ""), slots)
                open_links.append(bool(token.attrs["href"]))
                if not open_links[-1]:
                    continue
            case "link_close":
                if not open_links.pop():
                    continue
            case "image":
                shown = page.picture(picture_name(token))
                if shown is None:
                    yield Token("text", "", 0, content=token.content)
                    continue
                size = {"width": shown.width, "height": shown.height}
                token.attrs = {**token.attrs, "src": shown.url, **size}
            case "note_mark":
                token.meta["number"] = page.number(token.meta["number"] + page.notes)
            case "code_inline":
                token.attrSet("dir", "ltr")
                if "-" in token.content and len(token.content) <= _SHORT and " " not in token.content:
                    token.attrSet("style", "white-space:nowrap")  # `--flag` would break after its dashes
        yield token


def _style_blocks(tokens: list[Token], styles: Styles) -> None:
    """Styles of their own for blocks; what ends with the text has no gap below it, for that is the next block's."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADINGS.get(token.tag, "h4")
        if token.type in ("fence", "code_block"):
            token.attrSet("dir", "ltr")
        _style(token, styles)
    root = SyntaxTreeNode(tokens)
    _label_cells(root, styles)
    for node in (root, *(node for node in root.walk() if node.type in ("note", "blockquote"))):
        _end(node, styles)
    for token in tokens:
        if "picture" in token.meta:  # Outlook crops a picture to the line that it stands in
            style = token.attrGet("style")
            token.attrSet("style", f"{style};{_WHOLE}" if style else _WHOLE)


def _end(node: SyntaxTreeNode, styles: Styles) -> None:
    """No gap below the last thing in a node: a list ends with its last item, and that with its last paragraph."""
    while node.children and node.type not in ("inline", "table"):
        node = node.children[-1]
        if node.type == "paragraph" and "p_last" in styles:
            node.attrs["style"] = styles["p_last"]
        elif "style" in node.attrs and not str(node.attrs["style"]).endswith(_NO_GAP):
            node.attrs["style"] = f"{node.attrs['style']}{_NO_GAP}"


_NO_GAP = ";margin-bottom:0"
_WHOLE = "mso-line-height-rule:at-least"
_HEADINGS = {"h1": "h2", "h2": "h2", "h3": "h3"}
"""The issue's title is the only first heading."""


def _label_cells(root: SyntaxTreeNode, styles: Styles) -> None:
    """In tables too wide for a telephone put the head's words before each cell, to be shown there alone."""
    for table in (node for node in root.walk() if node.type == "table"):
        rows = cells(table)
        words = [["".join(_words(_inline(cell).children or [])) for cell in row] for row in rows]
        runs = [[max(map(columns, text.split()), default=0) for text in row] for row in words]
        if sum(map(max, zip(*runs, strict=True))) <= _WIDE:
            table.attrs["class"] = WHOLE
        if sum(max(map(columns, column)) for column in zip(*words, strict=True)) <= _NARROW:
            continue
        table.attrs["class"] = " ".join(filter(None, (STACKED, str(table.attrs.get("class", "")))))
        for row in rows[1:]:
            for cell, label in zip(row, words[0], strict=True):
                style = styles.get("cell_label", "display:none")
                head = Token("cell_label", "span", 0, content=label, attrs={"class": "label muted", "style": style})
                inline = _inline(cell)
                inline.children = [head, *(inline.children or [])] if label and inline.content else inline.children


def _inline(cell: SyntaxTreeNode) -> Token:
    token = cell.children[0].token
    assert token is not None  # of a cell: always one of type `inline`
    return token


def _style(token: Token, styles: Styles) -> None:
    name = token.tag if token.type == "heading_open" else _STYLED.get(token.type, "")
    if name in styles:
        own = token.attrGet("style")  # of a cell: how it is aligned
        token.attrSet("style", f"{styles[name]};{own}" if own else styles[name])


# -- HTML -------------------------------------------------------------------------------------------------------------


_OPTIONS = OptionsDict(commonmark.make()["options"])


@cache
def _renderer() -> RendererHTML:
    return _Renderer()


class _Renderer(RendererHTML):
    """The library's rules; and ours, by the types of tokens."""

    def image(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """A picture whose alternative text is known."""
        return f"<img{self.renderAttrs(tokens[at])} />"

    def fence(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """Lines of code as one element: the library's rule would style a `<code>` inside, not the `<pre>` with its
        gaps."""
        return f"<pre{self.renderAttrs(tokens[at])}>{escapeHtml(tokens[at].content)}</pre>\n"

    def code_block(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """The same for indented code."""
        return self.fence(tokens, at, options, env)

    def softbreak(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """A line end; between two elements, where MJML drops one and their words would become one, a space."""
        beside = (*tokens[max(at - 1, 0) : at], *tokens[at + 1 : at + 2])
        return "\n" if any(token.type == "text" and token.content for token in beside) else " "

    def unmatched(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """Signs as they are."""
        return escapeHtml(tokens[at].content)

    def cell_label(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """The words of a table's head before a cell."""
        return f"<span{self.renderAttrs(tokens[at])}>{escapeHtml(tokens[at].content)}</span>"

    def note_mark(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """The number of a footnote, which leads to it."""
        meta, styles = tokens[at].meta, tokens[at].meta["styles"]
        number, again = meta["number"], meta["again"]
        mark, link = _attribute(styles.get("sup")), _attribute(styles.get("a"))
        name = _mark_id(number, again)
        return f'<sup{mark}><a href="#note-{number}" id="{name}"{link}>{number}</a></sup>'

    def notes_open(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """The list of a text's footnotes."""
        first = tokens[at + 1].meta["number"]
        start = f' start="{first}"' if first != "1" else ""
        return f"<ol{start}{self.renderAttrs(tokens[at])}>\n"

    def note_open(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """A footnote."""
        return f'<li id="note-{tokens[at].meta["number"]}"{self.renderAttrs(tokens[at])}>'

    def note_back(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        """The ways back to the marks of a footnote; the sign in its form as text, which no telephone makes an emoji."""
        note, style = tokens[at].meta["note"].meta, _attribute(tokens[at].meta["styles"].get("a"))
        names = (_mark_id(note["number"], again) for again in range(1, note["marks"] + 1))
        return "".join(f' <a href="#{name}"{style}>\u21a9\ufe0e</a>' for name in names)


def _attribute(style: str | None) -> str:
    return f' style="{escapeHtml(style)}"' if style else ""


def _mark_id(number: str, again: int) -> str:
    """The name of a mark; of several marks of one note each has its own."""
    return f"mark-{number}" if again == 1 else f"mark-{number}-{again}"


# -- words ------------------------------------------------------------------------------------------------------------


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "notes_open":
            return
        if token.type == "image" or (token.children is not None and token.type == "inline"):
            yield from _words(token.children or ())
            yield " " if token.type == "inline" else ""
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        else:
            yield token.content
