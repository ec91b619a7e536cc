"""Style: how a theme sets a language. Functions of their own, because templates ask them too, in another process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from newsletter.language import best_match, direction_of

if TYPE_CHECKING:
    from newsletter.compiler.theme import Theme, Typeface


def typeface(theme: Theme, language: str) -> Typeface:
    """How a language is set: by the typeface that serves it best, or as any."""
    return theme.typefaces[best_match([language], theme.typefaces) or "default"]


def markdown_styles(theme: Theme, language: str) -> Mapping[str, str]:
    """Tag → inline style for the HTML made of Markdown; `p_last` for the last paragraph of a text, `plate` and
    `quoted` for the cells around `pre` and in `blockquote`.

    Inline, because an email must hold together where every style sheet is removed.
    """
    face = typeface(theme, language)
    start, end = ("right", "left") if direction_of(language) == "rtl" else ("left", "right")
    gap = theme.spacing.paragraph
    heading = f"margin:0 0 8px;font-family:{face.title};line-height:{face.title_line_height};font-weight:700"
    items = f"margin:0 0 {gap}px;padding:0;padding-{start}:20px"
    code = f"font-family:Menlo, Consolas, monospace;font-size:{theme.sizes.body - 2}px"
    return {
        "p": f"margin:0 0 {gap}px",
        "p_last": "margin:0",
        "a": f"color:{theme.light.accent};text-decoration:underline",
        "ul": items,
        "ol": items,
        "li": "margin:0 0 4px",
        "h2": f"{heading};font-size:{theme.sizes.title}px",
        "h3": f"{heading};font-size:{theme.sizes.body}px",
        "h4": "margin:0 0 8px;font-weight:700",
        "blockquote": f"margin:0 0 {gap}px",
        "quoted": f"padding:0;padding-{start}:16px;border-{start}:3px solid {theme.light.rule}",
        "code": f"padding:1px 4px;{code};line-height:1;background-color:{theme.light.tint}",
        "code_note": f"padding:1px 4px;font-family:Menlo, Consolas, monospace;background-color:{theme.light.tint}",
        "pre": f"margin:0;text-align:left;{code};line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere",
        "plate": f"padding:12px 16px;background-color:{theme.light.tint}",
        "hr": f"margin:24px 0;border:0;border-top:1px solid {theme.light.rule}",
        "strong": "font-weight:700",
        "s": "text-decoration:line-through",
        "sup": f"font-size:{theme.sizes.meta}px;line-height:0",
        "notes": f"{items};border-top:1px solid {theme.light.rule};padding-top:12px;font-size:{theme.sizes.meta}px",
        "table": f"margin:0 0 {gap}px;border-collapse:collapse;font-family:{face.body};"
        f"font-size:{theme.sizes.body}px;line-height:1.4",
        "th": f"padding:0 0 8px;padding-{end}:16px;border-bottom:2px solid {theme.light.rule};text-align:{start}",
        "td": f"padding:8px 0;padding-{end}:16px;border-bottom:1px solid {theme.light.rule};vertical-align:top",
        "cell_label": f"display:none;mso-hide:all;font-size:{theme.sizes.meta}px;color:{theme.light.muted}",
        "img": "max-width:100%;height:auto;border:0;vertical-align:middle",
        "img_alone": "display:block;max-width:100%;height:auto;border:0;line-height:20px;"
        f"font-size:{theme.sizes.meta}px;background-color:{theme.light.tint}",
        "em": "font-style:italic" if face.emphasis == "italic" else "font-style:normal;font-weight:700",
    }


def on_plates(html: str, styles: Mapping[str, str]) -> str:
    """The HTML made of Markdown with each `pre` and quotation in a table cell: Outlook pads nothing else."""

    def plate(match: re.Match[str]) -> str:
        gap = "0" if match[1].endswith("margin-bottom:0") else styles["p"].removeprefix("margin:")
        return (
            f'<table {_LAYOUT};margin:{gap}"><tr><td class="tint" style="{styles["plate"]}">'
            f"{match.group()}</td></tr></table>"
        )

    cell = f'<table {_LAYOUT}"><tr><td style="{styles["quoted"]}">'
    html = re.sub(r"<blockquote\b[^>]*>", lambda match: match.group() + cell, html)
    html = html.replace("</blockquote>", "</td></tr></table></blockquote>")
    return re.sub(r'<pre\b[^>]*\bstyle="([^"]*)"[^>]*>.*?</pre>', plate, html, flags=re.DOTALL)


def outlook_fonts(stack: str) -> str:
    """The first font of a stack that every Windows has, and the last: Outlook shows Times for a first one it lacks."""
    *names, generic = stack.split(", ")
    found = next((name for name in names if name in _WINDOWS), "Georgia" if generic == "serif" else "Arial")
    return f"{found}, {generic}"


_LAYOUT = (
    'role="presentation" width="100%" border="0" cellpadding="0" cellspacing="0" style="width:100%;table-layout:fixed'
)
_WINDOWS = frozenset({
    "Arial", "Calibri", "Cambria", "Consolas", "Courier New", "Georgia", "Malgun Gothic", "Meiryo",
    "Microsoft JhengHei", "Microsoft YaHei", "Palatino Linotype", "Segoe UI", "Tahoma", "Times New Roman",
    "Trebuchet MS", "Verdana", "Yu Gothic",
})  # fmt: skip
