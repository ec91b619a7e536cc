"""Context: what a template can see. Made once per edition from the marked content; handed to `templates`.

Every name here is a promise to template authors, documented in docs/reference/template-context.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup, escape

from newsletter.authoring.blocks.text import TextBlock
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content
from newsletter.authoring.parts import Picture
from newsletter.columns import clip, columns
from newsletter.compiler.edition import Asset, Identity
from newsletter.compiler.slots import Slots
from newsletter.compiler.theme import Theme
from newsletter.compiler.wording.markdown import plain_words
from newsletter.compiler.wording.phrases import phrase
from newsletter.language import direction_of

INBOX_ROW = 140
"""Columns that an inbox shows of subject and preheader together, at most."""


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

    Beside these a template has `render_block(block, previous)`, and a block's template has `block` and `previous`, the
    block before it or none, which decides the gap between the two. Filters:
    `markdown` and `inline` (Markdown → safe HTML), `plain` (Markdown → escaped words), `issue_date` (date → text),
    `isolated` (a name → the same, kept from turning the sentence around it).
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
    preheader: Markup
    """For `<mj-preview>`: the author's, or the first sentence; padded, so that nothing else leaks into the inbox."""
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


class Pictures:
    """Gives templates the place where an image is served, and remembers each image that was shown."""

    def __init__(self, assets_url: str) -> None:
        self._base = assets_url.rstrip("/")
        self._shown: dict[str, Asset] = {}

    def image(self, picture: Picture | ImageFile, width: int) -> Shown:
        """An image at a width in CSS pixels; never larger than it is, its height in proportion."""
        file = picture.file if isinstance(picture, Picture) else picture
        width = min(width, file.width)
        self._shown[file.name] = Asset(file.name, file.media_type, file.data)
        return Shown(f"{self._base}/{file.name}", width, max(1, round(file.height * width / file.width)))

    @property
    def assets(self) -> tuple[Asset, ...]:
        """What was shown, in order of names."""
        return tuple(self._shown[name] for name in sorted(self._shown))


def make_context(
    issue: str, content: Content, theme: Theme, identity: Identity, slots: Slots, pictures: Pictures
) -> Context:
    """What the templates of one edition see. `content` holds markers already."""
    return Context(
        issue=issue,
        content=content,
        theme=theme,
        identity=identity,
        language=content.language,
        direction=direction_of(content.language),
        subject=subject_of(content),
        preheader=_padded(preheader_of(content)),
        links=Links(unsubscribe=slots.link("unsubscribe"), view=slots.link("view")),
        t=partial(phrase, language=content.language),
        image=pictures.image,
    )


def subject_of(content: Content) -> str:
    """The subject on one line; the title when the author wrote none."""
    return " ".join((content.subject or content.title).split())


def preheader_of(content: Content) -> str:
    """The author's preheader, or the first sentence of the first text, or the subtitle; on one line."""
    if content.preheader.strip():
        return " ".join(content.preheader.split())
    first = next((plain_words(block.text) for block in content.blocks if isinstance(block, TextBlock)), "")
    sentence = re.match(r".*?(?:[.!?…](?=\s|$)|[。！？])", first)
    return clip(sentence.group() if sentence else first or content.subtitle, INBOX_ROW)


def _padded(preheader: str) -> Markup:
    """Blank but not collapsible, up to the end of the inbox row: else the first words of the email would follow."""
    padding = "&zwnj;&nbsp;" * max(0, INBOX_ROW - columns(preheader))
    return escape(preheader) + Markup(padding) if preheader else Markup("")  # noqa: S704 - entities only
