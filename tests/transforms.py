"""Transforms: what mail programs are documented to do to an email, done to its HTML (docs/reference/clients.md).

None of this shows the program itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_STYLE_SHEET = re.compile(r"<style\b.*?</style>", re.DOTALL)
_FOR_OTHERS = re.compile(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", re.DOTALL)
_OUTLOOK = re.compile(r"<!--\[if mso(?: \| IE)?\]>(.*?)<!\[endif\]-->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<([a-z][a-z0-9]*)\b((?:[^<>\"]|\"[^\"]*\")*?)\sstyle=\"([^\"]*)\"")

_NOWHERE = re.compile(
    r"(?:min-|max-)(?:width|height)|border-radius|display|overflow.*|word-break|table-layout|word-spacing|float|position"
)
"""Properties that Word reads on no element."""
_IN_CELLS_ONLY = re.compile(r"padding.*|border(?!-collapse).*|width|height")
"""Properties that Word reads on cells and tables, and not on blocks, links or pictures in them."""


def without_style_sheets(html: str) -> str:
    """Gmail with an account of another provider, and for an email with a sheet that it cannot read."""
    return _STYLE_SHEET.sub("", html)


def without_classes(html: str) -> str:
    """QQ Mail and NetEase 163: neither style sheets nor classes."""
    return re.sub(r"\sclass=\"[^\"]*\"", "", without_style_sheets(html))


def as_word(html: str) -> str:
    """Outlook for Windows, which shows email with Word: its own branches on, the CSS away that Word does not read."""
    html = _OUTLOOK.sub(r"\1", _FOR_OTHERS.sub("", html))
    html = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", _COMMENT.sub("", html))
    return _TAG.sub(_read_by_word, html)


def _read_by_word(tag: re.Match[str]) -> str:
    name, before, style = tag.groups()
    kept = []
    for part in filter(None, map(str.strip, style.split(";"))):
        key, value = (text.strip() for text in part.split(":", 1))
        if key == "mso-hide":
            kept = ["display:none"]
            break
        if key == "mso-padding-alt":
            kept.append(f"padding:{value}")
        elif not _NOWHERE.fullmatch(key) and (name in ("td", "th", "table") or not _IN_CELLS_ONLY.fullmatch(key)):
            kept.append(part)
    return f'<{name}{before} style="{";".join(kept)}"'


TRANSFORMS: Mapping[str, Callable[[str], str]] = {
    "word": as_word, "no-style-sheets": without_style_sheets, "no-classes": without_classes,
}  # fmt: skip

INVERSIONS = ("full", "partial")
"""Done in the browser by `invert.js`; pictures keep their colours.

`full`: every colour gets the opposite lightness (Outlook for Windows, Gmail on iOS). `partial`: light grounds and the
dark words on them do (Outlook.com, Gmail on Android).
"""
