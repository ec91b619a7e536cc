"""Links: the registry of all links of an edition, read from the finished HTML."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from html import unescape

from newsletter.compiler.edition import Link
from newsletter.tokens import base32

_TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)(?P<attributes>(?:[^<>"']|"[^"]*"|'[^']*')*)>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""(?P<name>[^\s"'=<>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?""")


@dataclass(slots=True)
class Anchor:
    """An `<a href>` of the finished HTML with its words."""

    url: str
    label: str = ""


class HtmlReader:
    """Links and URLs of images, outside of comments (what only Outlook sees is the same again).

    Its own scan for three tags: a parser in Python takes longer for an email than mjml-python takes to make it.
    """

    def __init__(self, html: str) -> None:
        self.anchors: list[Anchor] = []
        self.pictures: list[str] = []
        opened: Anchor | None = None
        at = 0
        for tag in _TAG.finditer(html):
            if opened is not None:
                opened.label += unescape(html[at : tag.start()])
            at = tag.end()
            match (tag["end"], (tag["name"] or "").lower()):
                case ("/", "a"):
                    opened = None
                case ("", "a") if not (url := _attribute(tag["attributes"], "href") or "#").startswith("#"):
                    opened = Anchor(url)
                    self.anchors.append(opened)
                case ("", "img"):
                    self.pictures.append(_attribute(tag["attributes"], "src") or "")
                    if opened is not None:
                        opened.label += f" {_attribute(tag['attributes'], 'alt') or ''} "


def _attribute(attributes: str, name: str) -> str | None:
    """The value of an attribute of a tag; None where it has none."""
    for found in _ATTRIBUTE.finditer(attributes):
        if found["name"].lower() == name:
            return unescape(next((value for value in found.groups()[1:] if value is not None), ""))
    return None


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
