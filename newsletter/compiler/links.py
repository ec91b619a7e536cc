"""Links: the registry of all links of an edition, read from the finished HTML."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from html.parser import HTMLParser

from newsletter.compiler.edition import Link
from newsletter.tokens import base32


@dataclass(slots=True)
class Anchor:
    """An `<a href>` of the finished HTML with its words."""

    url: str
    label: str = ""


class HtmlReader(HTMLParser):
    """Collects links and URLs of images, outside of comments (what Outlook alone sees is the same again)."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[Anchor] = []
        self.pictures: list[str] = []
        self._open: Anchor | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link or an image."""
        values = dict(attrs)
        if tag == "a" and values.get("href") is not None:
            self._open = Anchor(values["href"] or "")
            self.anchors.append(self._open)
        if tag == "img":
            self.pictures.append(values.get("src") or "")
            if self._open is not None:
                self._open.label += f" {values.get('alt') or ''} "

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<img />` is a start tag to HTML."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A link ends."""
        if tag == "a":
            self._open = None

    def handle_data(self, data: str) -> None:
        """Words of a link."""
        if self._open is not None:
            self._open.label += data


def register_links(reader: HtmlReader, unmark: Callable[[str], str]) -> tuple[Link, ...]:
    """Every link in reading order. An id depends on the URL and on which occurrence of it this is, on nothing else.

    `unmark` puts merge fields back for markers, which would be others as soon as a word of the issue changes.
    """
    links: list[Link] = []
    seen: Counter[str] = Counter()
    for anchor in reader.anchors:
        seen[anchor.url] += 1
        digest = blake2b(f"{unmark(anchor.url)}\n{seen[anchor.url]}".encode(), digest_size=5).digest()
        links.append(Link(id=base32(digest), url=anchor.url, label=unmark(" ".join(anchor.label.split()))))
    return tuple(links)
