"""The shipped theme keeps the rules of the look; a theme of the project overrides it by keys, mistakes have places."""

from __future__ import annotations

import colorsys
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from newsletter.compiler.colour import contrast
from newsletter.compiler.style import on_plates
from newsletter.compiler.theme import LoadedTheme, Palette, Theme, load_theme
from newsletter.problem import Place, Severity

SHIPPED = Path(__file__).parents[3] / "templates"


def _shipped(name: str) -> Theme:
    loaded = load_theme(name, [SHIPPED], root=SHIPPED.parent)
    assert loaded.problems == ()
    assert loaded.theme is not None
    return loaded.theme


@pytest.fixture(scope="module")
def theme() -> Theme:
    return _shipped("default")


@pytest.fixture(scope="module", params=sorted(file.stem for file in (SHIPPED / "themes").glob("*.yaml")))
def any_theme(request: pytest.FixtureRequest) -> Theme:
    return _shipped(request.param)


def _project(folder: Path, text: str, name: str = "default") -> LoadedTheme:
    file = folder / "templates" / "themes" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return load_theme(name, [folder / "templates", SHIPPED], root=folder)


# -- the shipped theme ------------------------------------------------------------------------------------------------


def _lightness(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))[1]


def _inverted(colour: str) -> str:
    """A colour as mail programs invert it: the lightness turned over, the hue kept."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))
    return "#" + "".join(f"{round(c * 255):02x}" for c in colorsys.hls_to_rgb(hue, 1 - lightness, saturation))


def _wholly_inverted(palette: Palette) -> Palette:
    return Palette(**{name: _inverted(getattr(palette, name)) for name in Palette.model_fields})


def _partly_inverted(palette: Palette) -> Palette:
    """Light backgrounds are darkened and dark text on them is lightened; what is dark already is left as it is."""
    kept = {name: getattr(palette, name) for name in ("on_accent", "band", "on_band")}
    return Palette(**(_wholly_inverted(palette).model_dump() | kept))


def _legible(palette: Palette) -> bool:
    grounds = (palette.canvas, palette.surface, palette.tint)
    return (
        min(contrast(palette.ink, ground) for ground in grounds) >= 7
        and min(contrast(palette.muted, ground) for ground in grounds) >= 4.5
        and min(contrast(palette.accent, ground) for ground in grounds[1:]) >= 4.5
        and contrast(palette.on_band, palette.band) >= 7
    )


def test_shipped_palettes_are_legible(any_theme: Theme) -> None:
    for palette in (any_theme.light, any_theme.dark, _wholly_inverted(any_theme.light)):
        assert _legible(palette)
        assert contrast(palette.on_accent, palette.accent) >= 4.5


def test_shipped_palette_is_legible_when_partly_inverted(any_theme: Theme) -> None:
    partly = _partly_inverted(any_theme.light)
    assert _legible(partly)
    # The button is dark already: neither its cell nor its white words are touched.
    assert contrast(any_theme.light.on_accent, any_theme.light.accent) >= 4.5
    assert contrast(any_theme.light.accent, partly.surface) >= 1.5


def test_shipped_palettes_have_no_pure_black_on_white(any_theme: Theme) -> None:
    assert any_theme.light.ink != "#000000"
    assert any_theme.dark.surface != "#000000"
    assert _lightness(any_theme.light.surface) > 0.9
    assert _lightness(any_theme.dark.surface) < 0.2


def test_shipped_sizes_are_those_of_the_look(any_theme: Theme) -> None:
    sizes = any_theme.sizes
    assert (sizes.meta, sizes.button, sizes.title) == (13, 16, 20)
    assert sizes.body == (16 if any_theme.name == "bulletin" else 17)
    assert 24 <= sizes.section <= sizes.lead <= 32
    assert 2 * sizes.body <= sizes.headline
    assert sizes.lead <= sizes.headline_small <= 32
    for narrow in (sizes.headline_small, sizes.headline):
        assert len({13, 16, sizes.body, 20, sizes.section, narrow}) <= 6
    assert any_theme.width == 600
    assert any_theme.column <= 560
    assert any_theme.spacing.side_small == 20


def test_default_is_the_digest(theme: Theme) -> None:
    digest = _shipped("digest")
    assert theme == replace(digest, name="default")


@pytest.mark.parametrize("language", ["zh", "zh-CN", "zh-TW", "ja", "ko"])
def test_chinese_japanese_and_korean_are_set_by_their_own_rules(any_theme: Theme, language: str) -> None:
    face = any_theme.typeface(language)
    assert face.line_height == 1.75
    assert face.tracking == 0
    assert "italic" not in any_theme.markdown_styles(language)["em"]
    assert "font-weight:700" in any_theme.markdown_styles(language)["em"]


@pytest.mark.parametrize(
    ("language", "font"),
    [
        ("zh", "PingFang SC"),
        ("zh-Hans-SG", "PingFang SC"),
        ("zh-TW", "PingFang TC"),
        ("zh-HK", "PingFang TC"),
        ("ja-JP", "Hiragino Sans"),
        ("ko", "Apple SD Gothic Neo"),
        ("ar-EG", "Geeza Pro"),
        ("he", "Arial Hebrew"),
        ("de", "Helvetica Neue"),
        ("sv", "Helvetica Neue"),
    ],
)
def test_typeface_of_language(theme: Theme, language: str, font: str) -> None:
    assert theme.typeface(language).body.startswith(font)


def test_quotation_lies_in_a_cell_also_inside_another(theme: Theme) -> None:
    html = on_plates(
        '<blockquote style="B"><p>a</p><blockquote><p>b</p></blockquote></blockquote>', theme.markdown_styles("en")
    )
    cell = r'<table role="presentation"[^>]*><tr><td style="padding:0;padding-left:16px;border-left:3px solid #\w{6}">'
    end = "</td></tr></table></blockquote>"
    assert re.fullmatch(f'<blockquote style="B">{cell}<p>a</p><blockquote>{cell}<p>b</p>{end}{end}', html)


@pytest.mark.parametrize("language", ["ar", "he"])
def test_scripts_from_the_right_are_mirrored_and_not_spaced(theme: Theme, language: str) -> None:
    styles = theme.markdown_styles(language)
    assert "padding-right:20px" in styles["ul"]
    assert "border-right" in styles["quoted"]
    assert theme.typeface(language).tracking == 0
    assert "italic" not in styles["em"]


# -- a project's theme ------------------------------------------------------------------------------------------------


def test_project_theme_overrides_single_keys(tmp_path: Path, theme: Theme) -> None:
    loaded = _project(tmp_path, 'light: {accent: "#7A1F2B"}\nspacing:\n  section: 56\n')
    assert loaded.problems == ()
    assert loaded.theme is not None
    assert loaded.theme.light.accent == "#7a1f2b"
    assert loaded.theme.light.ink == theme.light.ink
    assert loaded.theme.spacing.section == 56
    assert loaded.theme.dark == theme.dark


def test_named_theme_stands_on_the_default(tmp_path: Path, theme: Theme) -> None:
    loaded = _project(tmp_path, "radius: 0\n", name="quiet")
    assert loaded.theme is not None
    assert (loaded.theme.name, loaded.theme.radius) == ("quiet", 0)
    assert loaded.theme.light == theme.light


def test_base_gives_what_a_theme_leaves_out(tmp_path: Path) -> None:
    _project(tmp_path, "base: letter\nradius: 8\n")
    loaded = _project(tmp_path, "structure: {heading: strong}\n", name="quiet")
    letter = _shipped("letter")
    assert loaded.problems == ()
    assert loaded.theme is not None
    assert (loaded.theme.radius, loaded.theme.light) == (8, letter.light)
    assert loaded.theme.structure == letter.structure.model_copy(update={"heading": "strong"})


def test_shipped_theme_does_not_change_with_the_projects_default(tmp_path: Path) -> None:
    _project(tmp_path, "base: letter\nradius: 8\n")
    loaded = load_theme("digest", [tmp_path / "templates", SHIPPED], root=tmp_path)
    assert loaded.theme == _shipped("digest")


@pytest.mark.parametrize(
    ("text", "rule", "says"),
    [
        ("base: lettre\n", "missing-theme", "there is no theme 'lettre'"),
        ("base: [letter]\n", "wrong-type", "must be text"),
        ("base: ../letter\n", "missing-theme", "there is no theme '../letter'"),
        ("base: default\n", "bad-theme", "the theme 'default' is itself based on this one"),
    ],
)
def test_base_that_cannot_be(tmp_path: Path, text: str, rule: str, says: str) -> None:
    loaded = _project(tmp_path, text)
    assert loaded.theme is None
    found = {problem.id: problem for problem in loaded.problems}
    assert says in found[rule].message
    assert (found[rule].place.file, found[rule].place.line) == ("templates/themes/default.yaml", 1)


def test_themes_based_on_each_other_are_told_where(tmp_path: Path) -> None:
    _project(tmp_path, "base: one\n", name="two")
    loaded = _project(tmp_path, "base: two\n", name="one")
    assert loaded.theme is None
    [problem] = loaded.problems
    assert (problem.id, problem.place) == ("bad-theme", Place("templates/themes/two.yaml", 1, 7))


def test_band_must_carry_its_words(tmp_path: Path) -> None:
    loaded = _project(tmp_path, 'structure: {masthead: band}\nlight: {on_band: "#7d2013"}\n')
    [problem] = loaded.problems
    assert (problem.id, problem.place.line) == ("theme-contrast", 2)
    assert "light.on_band on light.band" in problem.message


def test_typeface_of_a_new_language_needs_only_what_differs(tmp_path: Path, theme: Theme) -> None:
    loaded = _project(
        tmp_path, "typefaces:\n  th:\n    body: [Thonburi, Noto Sans Thai, sans-serif]\n    tracking: 0\n"
    )
    assert loaded.theme is not None
    assert loaded.theme.typeface("th-TH").body == "Thonburi, Noto Sans Thai, sans-serif"
    assert loaded.theme.typeface("th").line_height == theme.typeface("en").line_height


def test_logo_lies_beside_the_theme(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "themes"
    folder.mkdir(parents=True)
    Image.new("RGB", (240, 60)).save(folder / "logo.png")
    loaded = _project(tmp_path, "logo: {image: logo.png, alt: The Meridian, width: 120}\n")
    assert loaded.theme is not None
    assert loaded.theme.logo is not None
    assert (loaded.theme.logo.image.width, loaded.theme.logo.width, loaded.theme.logo.alt) == (240, 120, "The Meridian")
    assert loaded.theme.logo.dark is None


def test_logo_for_the_dark_lies_beside_the_theme_too(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "themes"
    folder.mkdir(parents=True)
    for name, width in (("logo.png", 240), ("dark.png", 260)):
        Image.new("RGB", (width, 60)).save(folder / name)
    loaded = _project(tmp_path, "logo: {image: logo.png, dark: dark.png}\n")
    assert loaded.theme is not None
    assert loaded.theme.logo is not None
    assert loaded.theme.logo.dark is not None
    assert loaded.theme.logo.dark.width == 260
    (problem,) = _project(tmp_path, "logo: {image: logo.png, dark: none.png}\n").problems
    assert (problem.id, problem.place.column) == ("missing-image", 31)


@pytest.mark.parametrize(
    ("text", "line", "column", "rule", "says"),
    [
        ("light:\n  ink: black\n", 2, 8, "bad-value", 'in quotes, such as "#20242a"'),
        ('light:\n  ink: "#222"\n', 2, 8, "bad-value", "six digits"),
        ("light:\n  inc: '#222222'\n", 2, 3, "unknown-key", "there is no key 'inc' here"),
        ("lihgt:\n  ink: '#222222'\n", 1, 1, "unknown-key", "there is no key 'lihgt' here"),
        ("dark: '#222222'\n", 1, 7, "wrong-type", "a mapping (lines of key: value), not text"),
        ("spacing: {article: 30}\n", 1, 20, "out-of-range", "a multiple of 4"),
        ("sizes:\n  body: 8\n", 2, 9, "out-of-range", "at least 9"),
        ("typefaces: {zh: {line_height: true}}\n", 1, 31, "wrong-type", "a number, not a yes-or-no value"),
        ("typefaces: {default: {tracking: 1}}\n", 1, 33, "out-of-range", "at most 0.3"),
        ("typefaces: {Chinese: {tracking: 0}}\n", 1, 13, "bad-key", "'Chinese' cannot be a key here"),
        ("logo: {image: [a]}\n", 1, 15, "wrong-type", "must be text"),
        ("light:\n", 1, 1, "empty-value", "a mapping"),
        ("sizes:\n  body: 17px\n", 2, 9, "wrong-type", "a whole number, not text (17px)"),
        ("width: true\n", 1, 8, "wrong-type", "a whole number"),
        ("typefaces:\n  zh:\n    emphasis: bold\n", 3, 15, "wrong-value", "must be 'italic' or 'weight'"),
        ("typefaces:\n  zh:\n    body: [\"x';}\", serif]\n", 3, 11, "bad-value", "list of font names"),
        ("typefaces: {zh: {body: [PingFang SC]}}\n", 1, 24, "bad-value", "the last one of"),
        ("typefaces: {zh: {line_height: 9}}\n", 1, 31, "out-of-range", "at most 2.5"),
        ("logo: {image: none.png}\n", 1, 15, "missing-image", "there is no image 'none.png' here"),
        ("- light\n", 1, 1, "bad-theme", "a list of settings"),
        ("radius: 4\nradius: 5\n", 2, 1, "duplicate-key", "radius"),
    ],
)  # fmt: skip
def test_theme_with_a_mistake_is_told_its_place(
    tmp_path: Path, text: str, line: int, column: int, rule: str, says: str
) -> None:
    loaded = _project(tmp_path, text)
    assert loaded.theme is None
    [problem] = loaded.problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "templates/themes/default.yaml",
        line,
        column,
    )
    assert problem.id == rule
    assert says in problem.message


def test_theme_with_three_mistakes_tells_all(tmp_path: Path) -> None:
    loaded = _project(tmp_path, "light: {ink: red, muted: grey}\nradius: -1\n")
    assert [problem.path for problem in loaded.problems] == ["light.ink", "light.muted", "radius"]


def test_colour_cut_by_yaml_is_explained(tmp_path: Path) -> None:
    loaded = _project(tmp_path, "light:\n  ink: #222222\n")
    [problem] = [problem for problem in loaded.problems if problem.id == "bad-value"]
    assert "comment unless it is in quotes" in problem.hint
    assert problem.place.line == 2


def test_misspelt_setting_gets_a_hint(tmp_path: Path) -> None:
    [problem] = _project(tmp_path, "light: {acent: '#222222'}\n").problems
    assert problem.hint == "Did you mean 'accent'?"


def test_faint_colours_are_a_warning(tmp_path: Path) -> None:
    loaded = _project(tmp_path, 'light:\n  muted: "#9aa0a6"\n')
    assert loaded.theme is not None
    [problem] = loaded.problems
    assert (problem.id, problem.severity, problem.place.line) == ("theme-contrast", Severity.WARNING, 2)
    assert "light.muted on light.canvas has a contrast of 2.1; it needs 4.5" in problem.message


def test_faint_colours_are_told_at_the_one_the_project_changed(tmp_path: Path) -> None:
    told = _project(tmp_path, 'light:\n  surface: "#777777"\n').problems
    assert {problem.place for problem in told} == {Place("templates/themes/default.yaml", 2, 12)}
    assert {problem.id for problem in told} == {"theme-contrast"}


@pytest.mark.parametrize("name", ["templates", "templates/themes", "templates/themes/default.yaml"])
def test_theme_behind_a_link_out_of_the_project_is_refused_unread(tmp_path: Path, name: str) -> None:
    root = tmp_path / "project"
    _project(root, "secret: 1\n")
    (root / name).rename(tmp_path / "elsewhere")
    (root / name).symlink_to(tmp_path / "elsewhere")
    loaded = load_theme("default", [root / "templates", SHIPPED], root=root)
    assert loaded.theme is None
    assert [(problem.id, problem.place) for problem in loaded.problems] == [("refused-file", Place(name))]


@pytest.mark.parametrize("written", ["../../logo.png", "/dev/zero", "link.png", "https://example.org/logo.png"])
def test_logo_elsewhere_is_not_read(tmp_path: Path, written: str) -> None:
    root = tmp_path / "project"
    (root / "templates" / "themes").mkdir(parents=True)
    for folder in (tmp_path, root):
        Image.new("RGB", (240, 60)).save(folder / "logo.png")
    (root / "templates" / "themes" / "link.png").symlink_to(tmp_path / "logo.png")
    loaded = _project(root, f"logo: {{image: '{written}'}}\n")
    assert loaded.theme is None
    [problem] = loaded.problems
    assert problem.id in ("bad-image", "unreadable-image")
    assert (problem.place.line, problem.place.column) == (1, 15)


@pytest.mark.parametrize("name", ["defualt", "../default", "", "a/b"])
def test_theme_that_is_not_there(tmp_path: Path, name: str) -> None:
    loaded = load_theme(name, [tmp_path / "templates", SHIPPED], root=tmp_path)
    assert loaded.theme is None
    [problem] = loaded.problems
    assert (problem.id, problem.message) == ("missing-theme", f"there is no theme {name!r}")


def test_theme_without_the_shipped_one_lacks_settings(tmp_path: Path) -> None:
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / "default.yaml").write_text("radius: 4\n", encoding="utf-8")
    loaded = load_theme("default", [tmp_path], root=tmp_path)
    assert loaded.theme is None
    assert "'light' is missing" in {problem.message for problem in loaded.problems}
