"""Frame: one filled edition as the document inside the sandboxed frame, as different email programs show it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product


class Scheme(StrEnum):
    """What the email program makes of the colours."""

    LIGHT = "light"
    DARK = "dark"
    INVERTED = "inverted"
    """A dark scheme forced upon the light colours, as by programs that ignore an email's own."""
    PLAIN = "plain"
    """Every style sheet removed; the styles within the elements stay."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to show an edition."""

    scheme: Scheme
    images: bool
    """Whether images are loaded."""

    @property
    def name(self) -> str:
        """In the names of files and of frames."""
        return self.scheme.value if self.images else f"{self.scheme}-no-images"


VIEWS: Mapping[str, View] = {
    view.name: view for view in (View(scheme, images) for scheme, images in product(Scheme, (True, False)))
}
"""Every view by its name."""


# Feature queries that are true and false on every screen: a media query keeps its shape, only its answer is fixed.
_TRUE, _FALSE = "(min-width:0px)", "(max-width:0px)"

_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*(light|dark)\s*)?\)", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
_STYLE = re.compile(r"<style\b.*?</style\s*>", re.IGNORECASE | re.DOTALL)
_MEDIA = re.compile(r"""\bmedia\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_META = re.compile(r"<meta\b[^>]*\bname=[\"'](?:supported-)?color-schemes?[\"'][^>]*>", re.IGNORECASE)
_COLOR_SCHEME = re.compile(r"\b(?:supported-)?color-schemes?\s*:\s*[^;}]*", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


_TURNED = "filter:invert(1) hue-rotate(180deg)"
_INVERTED = f"<style>html{{background:#fff;{_TURNED}}}</style>"
_PHOTOS = f"<style>img{{{_TURNED}}}</style>"  # turned back: such programs leave photographs as they are
# In the document and not in a header, because a copy on disk has no headers. It stops backgrounds too.
_NO_IMAGES = """<meta http-equiv="Content-Security-Policy" content="img-src 'none'">"""


def framed(html: str, view: View, *, served: str, local: str) -> str:
    """The HTML of a message in one view, whatever the computer itself prefers.

    Image URLs below `served` become paths below `local`; links open in a new tab.
    """
    is_plain, is_inverted = view.scheme is Scheme.PLAIN, view.scheme is Scheme.INVERTED
    scheme = Scheme.DARK if view.scheme is Scheme.DARK else Scheme.LIGHT
    html = _STYLE.sub(lambda style: "" if is_plain else _fix_style(style.group(), scheme), html)
    html = _MEDIA.sub(lambda media: _fix_queries(media.group(), scheme), html)
    html = _META.sub(lambda meta: _BOTH.sub(scheme.value, meta.group()), html)
    html = html.replace(f"{served}/", f"{local}/")
    first = '<base target="_blank">' + (_INVERTED if is_inverted else "")
    first += _NO_IMAGES if not view.images else _PHOTOS if is_inverted else ""
    return _HEAD.sub(lambda head: head.group() + first, html, count=1)


def _fix_style(css: str, scheme: Scheme) -> str:
    css = _fix_queries(css, scheme)
    return _COLOR_SCHEME.sub(lambda declaration: _BOTH.sub(scheme.value, declaration.group()), css)


def _fix_queries(text: str, scheme: Scheme) -> str:
    # Without a value the feature asks whether there is any preference: there always is one (Media Queries 5).
    return _PREFERS.sub(lambda asked: _TRUE if (asked[1] or scheme.value).lower() == scheme.value else _FALSE, text)
