"""Style: how a theme sets a language. Functions of their own, because templates ask them too, in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from newsletter.language import best_match, direction_of

if TYPE_CHECKING:
    from newsletter.compiler.theme import Theme, Typeface


def typeface(theme: Theme, language: str) -> Typeface:
    """How a language is set: by the typeface that serves it best, or as any."""
    return theme.typefaces[best_match([language], theme.typefaces) or "default"]


def markdown_styles(theme: Theme, language: str) -> Mapping[str, str]:
    """Tag → inline style for the HTML made of Markdown; `p_last` for the last paragraph of a text.

    Inline, because an email must hold together where every style sheet is removed.
    """
    face = typeface(theme, language)
    start = "right" if direction_of(language) == "rtl" else "left"
    gap = theme.spacing.paragraph
    heading = (
        f"margin:0 0 8px;font-family:{face.title};font-size:{theme.sizes.title}px;"
        f"line-height:{face.title_line_height};font-weight:700"
    )
    items = f"margin:0 0 {gap}px;padding:0;padding-{start}:20px"
    return {
        "p": f"margin:0 0 {gap}px",
        "p_last": "margin:0",
        "a": f"color:{theme.light.accent};text-decoration:underline",
        "ul": items,
        "ol": items,
        "li": "margin:0 0 4px",
        "h2": heading,
        "h3": heading,
        "blockquote": f"margin:0 0 {gap}px;padding-{start}:16px;border-{start}:1px solid {theme.light.rule}",
        "code": "font-family:Menlo, Consolas, monospace;line-height:1",
        "pre": f"margin:0 0 {gap}px;font-family:Menlo, Consolas, monospace;white-space:pre-wrap",
        "hr": f"margin:24px 0;border:0;border-top:1px solid {theme.light.rule}",
        "strong": "font-weight:700",
        "em": "font-style:italic" if face.emphasis == "italic" else "font-style:normal;font-weight:700",
    }
