"""Distil: the HTML of an email → that of a feed: its words, pictures and links, without tables and styles."""

import re
from html import escape
from html.parser import HTMLParser

_KEPT = frozenset(
    {"p", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "s", "sup", "a", "br", "hr"}
)
_BLOCKS = frozenset({"p", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "pre", "hr"})
_VOID = frozenset({"br", "hr", "img"})
_LEFT_OUT = frozenset({"head", "style", "script", "title", "h1"})
_AROUND = frozenset({"masthead", "footer"})
"""Classes of what stands around the issue."""
_OPEN = re.compile(r"(?i)(https?|mailto|tel):")
_AVATAR = 64
"""CSS pixels: a picture this narrow is none of the issue."""


def distil(html: str) -> str:
    """What a feed shows of an email. Links and pictures keep their absolute URLs; others lose theirs."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_paragraph()
    return "\n".join(part for part in reader.done if part not in ("<p></p>", "<li></li>"))


class _Reader(HTMLParser):
    """Words that stand in no block become paragraphs; every cell and `<div>` ends one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.done: list[str] = []
        self._line: list[str] = []
        """The words of the paragraph, heading or item being read."""
        self._blocks: list[str] = []
        """Those of the blocks being read that are kept."""
        self._left_out = 0
        """Elements being read inside one that is left out, that one too."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep, divide at or leave out an element."""
        given = {name: value or "" for name, value in attrs}
        if self._left_out or self._is_left_out(tag, given):
            self._left_out += tag not in _VOID | {"meta", "link"}
        elif tag in _BLOCKS:
            self.end_paragraph()
            if tag == "hr":
                self.done.append("<hr>")
            else:
                self._blocks.append(tag)
                if tag in ("ul", "ol", "blockquote"):
                    self.done.append(f"<{tag}>")
        elif tag == "img":
            width = given.get("width", "")
            if (
                given.get("alt")
                and _OPEN.match(given.get("src", ""))
                and not (width.isdigit() and int(width) <= _AVATAR)
            ):
                self._line.append(f'<img src="{escape(given["src"])}" alt="{escape(given["alt"])}">')
        elif tag == "a":
            self._line.append(f'<a href="{escape(given["href"])}">' if _OPEN.match(given.get("href", "")) else "<a>")
        elif tag in _KEPT:
            self._line.append(f"<{tag}>")
        elif tag in ("div", "td", "th", "tr", "table"):
            self.end_paragraph()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that ends where it begins."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """End what was begun."""
        if self._left_out:
            self._left_out -= tag not in _VOID
        elif tag in _BLOCKS:
            self.end_paragraph()
            if self._blocks:
                self._blocks.pop()
            if tag in ("ul", "ol", "blockquote"):
                self.done.append(f"</{tag}>")
        elif tag in _KEPT:
            self._line.append(f"</{tag}>")
        elif tag in ("div", "td", "th", "tr", "table"):
            self.end_paragraph()

    def handle_data(self, data: str) -> None:
        """Words."""
        if not self._left_out:
            self._line.append(escape(data, quote=False))

    def end_paragraph(self) -> None:
        """Close the words read so far as one block."""
        within = self._blocks[-1] if self._blocks else "p"
        tag = "p" if within in ("ul", "ol", "blockquote") else within
        text = "".join(self._line)
        self._line.clear()
        text = text.strip("\n") if tag == "pre" else " ".join(text.split())
        if re.sub(r"<(?!img)[^>]*>|[\s\u200a\u200c\xa0]", "", text):
            self.done.append(f"<{tag}>{text}</{tag}>")

    def _is_left_out(self, tag: str, given: dict[str, str]) -> bool:
        is_hidden = "display:none" in given.get("style", "").replace(" ", "")
        return tag in _LEFT_OUT or is_hidden or not _AROUND.isdisjoint(given.get("class", "").split())
