"""Frame: one filled edition as the document inside the sandboxed frame, in light or in dark."""

import re
from enum import StrEnum


class Scheme(StrEnum):
    """The appearance that the email program prefers."""

    LIGHT = "light"
    DARK = "dark"


# Feature queries that are true and false on every screen: a media query keeps its shape, only its answer is fixed.
_TRUE, _FALSE = "(min-width:0px)", "(max-width:0px)"

_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*(light|dark)\s*)?\)", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
_STYLE = re.compile(r"<style\b.*?</style\s*>", re.IGNORECASE | re.DOTALL)
_MEDIA = re.compile(r"""\bmedia\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_META = re.compile(r"<meta\b[^>]*\bname=[\"'](?:supported-)?color-schemes?[\"'][^>]*>", re.IGNORECASE)
_COLOR_SCHEME = re.compile(r"\b(?:supported-)?color-schemes?\s*:\s*[^;}]*", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


def framed(html: str, scheme: Scheme, *, served: str, local: str) -> str:
    """The HTML of a message as it looks where `scheme` is preferred, whatever the computer itself prefers.

    Image URLs below `served` become paths below `local`; links open in a new tab.
    """
    html = _STYLE.sub(lambda style: _fix_style(style.group(), scheme), html)
    html = _MEDIA.sub(lambda media: _fix_queries(media.group(), scheme), html)
    html = _META.sub(lambda meta: _BOTH.sub(scheme.value, meta.group()), html)
    html = html.replace(f"{served}/", f"{local}/")
    return _HEAD.sub(lambda head: head.group() + '<base target="_blank">', html, count=1)


def _fix_style(css: str, scheme: Scheme) -> str:
    css = _fix_queries(css, scheme)
    return _COLOR_SCHEME.sub(lambda declaration: _BOTH.sub(scheme.value, declaration.group()), css)


def _fix_queries(text: str, scheme: Scheme) -> str:
    # Without a value the feature asks whether there is any preference: there always is one (Media Queries 5).
    return _PREFERS.sub(lambda asked: _TRUE if (asked[1] or scheme.value).lower() == scheme.value else _FALSE, text)
