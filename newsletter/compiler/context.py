"""Context: what a template can see. Made once per edition from the marked content; handed to `templates` as plain data.

Every name here is a promise to template authors, documented in docs/reference/template-context.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import cache, cached_property
from typing import Any

from markupsafe import Markup, escape

from newsletter.authoring.fields.values import Strict
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content
from newsletter.columns import columns
from newsletter.compiler.edition import Identity
from newsletter.compiler.preheader import INBOX_ROW
from newsletter.compiler.slots import Slots
from newsletter.compiler.theme import Theme
from newsletter.language import direction_of


@dataclass(frozen=True, slots=True)
class Links:
    """Links for an `href`, the first two of the recipient's own."""

    unsubscribe: str
    view: str
    home: str
    """The newsletter's front page; the same for everybody."""


@dataclass(frozen=True, slots=True)
class Context:
    """The names of a template. Text in `content` may hold slot markers: letters and digits, to be kept as they are.

    Beside these a template has `t(key, **values)`, an interface word in the language; `image(picture, width, ratio)`,
    the `url`, `width` and `height` in CSS pixels of an image, never enlarged; `render_blocks(blocks)`, the
    MJML of several blocks with their sections; `render_block(block, previous)`, that of one; and
    `render_column(blocks, width, ratio)`, that of blocks in a column. A block's template has `block`, `previous`, the
    block before it or none, which decides the gap between the two, and the `column` it stands in or none. Filters:
    `markdown` and `inline` (Markdown → safe HTML), `plain` (Markdown → escaped words), `issue_date` (date → text),
    `isolated` (a name → the same, kept from turning the sentence around it), `outlook` (a font stack → those of its
    fonts that every Windows has).
    The two that make HTML put `theme.markdown_styles(language)[tag]` into the `style` of each tag they write: p, a, ul,
    ol, li, h2, h3, h4, blockquote, code, pre, hr, strong, em, s, table, th, td, img, sup; `p_last` goes on the last
    paragraph of a text instead of p, `img_alone` on a picture in no sentence, `notes` on the list of footnotes,
    `cell_label` on the words of a table's head before a cell, which the class `stacked` shows on a narrow screen;
    `plate` on the cell around a pre, `quoted` on the cell in a blockquote, `code_note` on code in a footnote.
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
    """The author's, or the first sentences; padded, so that nothing else leaks into the inbox."""
    links: Links

    @property
    def start(self) -> str:
        """The side where a line begins: `left` or `right`."""
        return "right" if self.direction == "rtl" else "left"

    @property
    def end(self) -> str:
        """The side where a line ends."""
        return "left" if self.direction == "rtl" else "right"


def make_context(
    issue: str, content: Content, theme: Theme, identity: Identity, slots: Slots, home_url: str, preheader: str
) -> Context:
    """What the templates of one edition see. `content` and `preheader` hold markers already."""
    return Context(
        issue=issue,
        content=content,
        theme=theme,
        identity=identity,
        language=content.language,
        direction=direction_of(content.language),
        subject=subject_of(content),
        preheader=_padded(preheader),
        links=Links(unsubscribe=slots.link("unsubscribe"), view=slots.link("view"), home=home_url),
    )


def subject_of(content: Content) -> str:
    """The subject on one line; the title when the author wrote none."""
    return " ".join((content.subject or content.title).split())


def _padded(preheader: str) -> Markup:
    """Blank but not collapsible, up to the end of the inbox row: else the first words of the email would follow."""
    padding = "\u200c\xa0" * max(0, INBOX_ROW - columns(preheader))
    return escape(preheader) + padding if preheader else Markup("")


def to_data(value: object, images: dict[str, ImageFile]) -> Any:
    """A noun as plain values for JSON: its fields and properties, by the name of its type. Paths and bytes stay here.

    Every image is put into `images` by its hash.
    """
    if isinstance(value, str):
        return {"@markup": str(value)} if isinstance(value, Markup) else str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, ImageFile):
        images[value.sha256] = value
    if isinstance(value, date):
        return {"@date": value.isoformat()}
    if isinstance(value, (tuple, list)):
        return [to_data(item, images) for item in value]
    if isinstance(value, Mapping):
        return {"@map": {str(key): to_data(item, images) for key, item in value.items()}}
    if isinstance(value, Strict):
        return {type(value).__name__: {name: to_data(one, images) for name, one in value}}
    if is_dataclass(value) and not isinstance(value, type):
        held = {name: getattr(value, name) for name in _visible(type(value))}
        return {type(value).__name__: {name: to_data(one, images) for name, one in held.items() if _travels(one)}}
    return value


@cache
def _visible(kind: type) -> list[str]:
    """The names of fields and properties, also of those a type inherits."""
    properties = {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, (property, cached_property)) and not name.startswith("_")
    }
    return [*(one.name for one in fields(kind) if one.name not in _NOT_SEEN), *sorted(properties)]


def _travels(value: object) -> bool:
    kinds = (str, bool, int, float, date, tuple, list, Mapping, Strict)
    return value is None or isinstance(value, kinds) or is_dataclass(value)


_NOT_SEEN = frozenset({"places", "corrections"})
"""Where things were written is for problems; corrections are for the web page."""
