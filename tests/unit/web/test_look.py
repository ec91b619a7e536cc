"""A theme as CSS: which one the pages wear, and that its text can be read whatever its author chose."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from newsletter.app.project import shipped_templates
from newsletter.compiler.colour import contrast
from newsletter.compiler.theme import Palette, Theme
from newsletter.web.public.look import page_theme, variables

PAIRS = [("ink", "sheet"), ("muted", "sheet"), ("link", "sheet"), ("on-accent", "accent"), ("on-band", "band")]


def theme(folder: Path, written: str) -> Theme:
    file = folder / "templates" / "themes" / "default.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(written, encoding="utf-8")
    loaded = page_theme([folder / "templates", shipped_templates()], root=folder)
    assert loaded.theme is not None
    return loaded.theme


def colours(css: str) -> tuple[dict[str, str], dict[str, str]]:
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#\w{6});", light)), dict(re.findall(r"--([\w-]+): (#\w{6});", dark))


@pytest.mark.parametrize("base", ["digest", "letter", "magazine", "bulletin"])
def test_colours_of_a_theme_are_those_of_the_pages(tmp_path: Path, base: str) -> None:
    worn = theme(tmp_path, f"base: {base}\n")
    for scheme, palette in zip(colours(variables(worn, "en")), (worn.light, worn.dark), strict=True):
        wanted = {"ground": palette.canvas, "sheet": palette.surface, "link": palette.accent}
        own = set(Palette.model_fields) - {"canvas", "surface", "tint"}
        wanted |= {name.replace("_", "-"): getattr(palette, name) for name in own}
        assert scheme == wanted


@pytest.mark.parametrize("colour", ["#000000", "#777777", "#ffffff", "#ffff00", "#0000ff"])
def test_text_can_be_read_where_the_theme_is_all_one_colour(tmp_path: Path, colour: str) -> None:
    palette = "{" + ", ".join(f'{name}: "{colour}"' for name in Palette.model_fields) + "}"
    worn = theme(tmp_path, f"light: {palette}\ndark: {palette}\n")
    for scheme in colours(variables(worn, "en")):
        assert [pair for pair in PAIRS if contrast(scheme[pair[0]], scheme[pair[1]]) < 4.5] == []


def test_each_language_has_its_own_face(tmp_path: Path) -> None:
    worn = theme(tmp_path, "typefaces: {zh: {body: [Own Song, serif]}}\n")
    assert "--face: Own Song, serif;" in variables(worn, "zh")
    assert "Own Song" not in variables(worn, "en")
    assert "--line: 1.75;" in variables(worn, "zh")


def test_theme_that_cannot_be_read_is_replaced_and_told(tmp_path: Path) -> None:
    shipped = page_theme([shipped_templates()], root=tmp_path)
    (tmp_path / "themes" / "default.yaml").mkdir(parents=True)
    folder = page_theme([tmp_path, shipped_templates()], root=tmp_path)
    assert (folder.theme, shipped.problems) == (shipped.theme, ())
    assert [problem.place.file for problem in folder.problems] == [os.path.join("themes", "default.yaml")]  # noqa: PTH118
