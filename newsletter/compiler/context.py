"""Context: what a template can see. Made once per edition from the marked content; handed to `templates`.

Every name here is a promise to template authors, documented in docs/reference/template-context.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content, Picture
from newsletter.compiler.edition import Identity
from newsletter.compiler.phrases import direction_of, issue_date, phrase
from newsletter.compiler.theme import Theme, load_theme


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as a template places it: `width` and `height` are CSS pixels, never more than the file has."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Links:
    """Links of the recipient's own, ready to stand in an `href`."""

    unsubscribe: str
    view: str


@dataclass(frozen=True, slots=True)
class Context:
    """The names of a template. Text in `content` may hold slot markers: letters and digits, to be left alone.

    Beside these a template has `render_block(block)`, and a block's template has `block`. Filters:
    `markdown` and `inline` (Markdown → safe HTML), `plain` (Markdown → escaped words), `issue_date` (date → text).
    The two that make HTML put `theme.markdown_styles(language)[tag]` into the `style` of each tag they write: p, a, ul,
    ol, li, h2, h3, blockquote, code, pre, hr, strong, em; `p_last` goes on the last paragraph of a text instead of p.
    """

    issue: str
    """The issue's slug."""
    content: Content
    theme: Theme
    identity: Identity
    language: str
    direction: str
    """`ltr` or `rtl`."""
    subject: str
    preheader: str
    """For `<mj-preview>`: the author's, or the first sentence; padded, so that nothing else leaks into the inbox row."""
    links: Links
    t: Callable[..., str]
    """`t(key, **values)`: an interface word in the edition's language."""
    image: Callable[[Picture | ImageFile, int], Shown]
    """`image(picture, width)`: where an image is served and how large it stands."""

    @property
    def start(self) -> str:
        """The side where a line begins: `left` or `right`."""
        return "right" if self.direction == "rtl" else "left"

    @property
    def end(self) -> str:
        """The side where a line ends."""
        return "left" if self.direction == "rtl" else "right"
