"""Look: a theme as the variables of the pages' style sheet, which holds the layout and no colour or face of its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from newsletter.compiler.colour import contrast
from newsletter.compiler.theme import LoadedTheme, Palette, Theme, load_theme

_LEAST = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""


def page_theme(folders: Sequence[Path], *, root: Path) -> LoadedTheme:
    """The theme `default` of template folders, as `load_theme` takes them. One with an error is replaced by that of
    the last folder, which is the program's; its problems are returned all the same.
    """
    loaded = load_theme("default", folders, root=root)
    if loaded.theme is not None:
        return loaded
    return replace(load_theme("default", folders[-1:], root=root), problems=loaded.problems)


def variables(theme: Theme, language: str) -> str:
    """The theme's colours in light and dark, and its faces for one language, as CSS."""
    face = theme.typeface(language)
    faces = {
        "face": face.body, "title-face": face.title, "title-weight": face.title_weight, "line": face.line_height,
        "title-line": face.title_line_height, "radius": f"{theme.radius}px",
    }  # fmt: skip
    dark = _root(_colours(theme.dark))
    return f"{_root(faces | _colours(theme.light))}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"


def _colours(palette: Palette) -> dict[str, object]:
    """The colours of one scheme. Where a theme's own pair could not be read, black or white takes the text's place:
    a button to unsubscribe must not disappear.
    """
    return {
        "ground": palette.canvas,
        "sheet": palette.surface,
        "ink": _legible(palette.ink, palette.surface),
        "muted": _legible(palette.muted, palette.surface),
        "rule": palette.rule,
        "accent": palette.accent,
        "on-accent": _legible(palette.on_accent, palette.accent),
        "link": _legible(palette.accent, palette.surface),
        "band": palette.band,
        "on-band": _legible(palette.on_band, palette.band),
    }


def _legible(colour: str, ground: str) -> str:
    if contrast(colour, ground) >= _LEAST:
        return colour
    return max("#000000", "#ffffff", key=lambda extreme: contrast(extreme, ground))


def _root(values: dict[str, object]) -> str:
    return ":root { " + " ".join(f"--{name}: {value};" for name, value in values.items()) + " }"
