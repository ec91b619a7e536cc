"""How a mail looks, rule by rule measured in chromium on real and made-up issues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from screens import ASSETS, Screens

from newsletter.app.project import Project
from newsletter.authoring.load import load_issue
from newsletter.compiler.colour import contrast
from newsletter.compiler.compile import CompileSettings, compile_issue
from newsletter.compiler.edition import Edition
from newsletter.compiler.mjml.templates import Templates
from newsletter.compiler.theme import Palette, load_theme

pytestmark = pytest.mark.pictures

ROOT = Path(__file__).parents[3]

REAL = [
    f"{slug}/{language}"
    for slug in ("2023-05-02-pycon-gems", "2024-01-25-frontiers-of-llms")
    for language in ("en", "zh")
]
DIGEST = [name for name in REAL if name.startswith("2024")]
RTL = ["made-up/ar", "made-up/he"]
NO_LINE_BEGINS_WITH = "，。！？、；：」』）》"

_THEME = load_theme("default", [ROOT / "templates"], root=ROOT).theme
assert _THEME is not None
THEME = _THEME


def _hex(colour: str) -> str:
    """What a browser calls a colour, as `#rrggbb`."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


def _near(value: float, *wanted: float) -> bool:
    return any(abs(value - one) <= 0.75 for one in wanted)


def _is_cjk(name: str) -> bool:
    return name.endswith("/zh")


# -- 1: width and measure ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, *RTL])
def test_column_is_narrow_enough_to_read(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    wide = screens.measure(editions[name], 700)
    assert max(block["right"] for block in wide["blocks"]) - min(block["left"] for block in wide["blocks"]) <= 560
    for block in wide["blocks"]:
        for line in block["lines"]:
            han = len(re.findall(r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]", line))
            assert (len(line) - han) / 75 + han / 35 <= 1, line
    small = screens.measure(editions[name], 375)
    assert min(block["left"] for block in small["blocks"]) == 20
    assert max(block["right"] for block in small["blocks"]) <= 355


@pytest.mark.parametrize("name", [*REAL, *RTL, "made-up/narrow"])
@pytest.mark.parametrize("width", [320, 375])
def test_nothing_scrolls_sideways(screens: Screens, editions: Mapping[str, Edition], name: str, width: int) -> None:
    assert screens.measure(editions[name], width)["scroll"] <= width


# -- 2: type ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, *RTL])
@pytest.mark.parametrize(("width", "headline"), [(375, 30), (700, 38)])
def test_type_keeps_to_six_sizes_and_two_weights(
    screens: Screens, editions: Mapping[str, Edition], name: str, width: int, headline: int
) -> None:
    words = screens.measure(editions[name], width)["words"]
    assert {word["size"] for word in words} <= {13, 16, 17, 20, 28, headline}
    assert {word["weight"] for word in words} <= {400, 700}
    text = 1.75 if _is_cjk(name) else 1.6
    for word in words:
        least, most = (1.2, 1.3) if word["title"] else (1.5, text if word["size"] == 17 else 1.6)
        assert least - 0.01 <= word["leading"] <= most + 0.01, word


# -- 3: space ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*DIGEST, "made-up/ar", "made-up/sixty"])
@pytest.mark.parametrize("width", [375, 700])
def test_gaps_of_a_list_are_even(screens: Screens, editions: Mapping[str, Edition], name: str, width: int) -> None:
    articles = screens.show(editions[name], width).articles()
    assert len(articles) >= 2
    for article, following in zip(articles, [*articles[1:], None], strict=True):
        assert _near(article["metaTop"] - article["titleBottom"], 4)
        assert _near(article["summaryTop"] - article["metaBottom"], 8)
        if following and article["next"]:
            assert _near(following["top"] - article["bottom"], 32)


@pytest.mark.parametrize("name", [*DIGEST, "made-up/ar"])
def test_sections_stand_apart(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    screen = screens.show(editions[name], 375)
    rules = screen.page.evaluate(
        "[...document.querySelectorAll('td.mark:not(:has(p)), .edge td.rule')].map(e =>"
        " e.getBoundingClientRect().top + parseFloat(getComputedStyle(e).paddingTop) + 1)"
    )
    bottoms = screen.page.evaluate(
        "[...document.querySelectorAll('td.prose, td.muted, td.ink')].map(e => e.getBoundingClientRect().bottom)"
    )
    gaps = [rule - max(bottom for bottom in bottoms if bottom <= rule) for rule in rules]
    assert len(gaps) >= 2
    assert all(_near(gap, 48) for gap in gaps)


def test_last_block_of_a_text_leaves_no_gap_of_its_own(screens: Screens, editions: Mapping[str, Edition]) -> None:
    page = screens.show(editions["made-up/endings"], 375).page
    bottoms = page.locator("td.prose").evaluate_all(
        "cells => cells.map(cell => [cell, cell.firstElementChild].map(e => e.getBoundingClientRect().bottom))"
    )
    assert len(bottoms) == 4
    assert all(_near(cell - words, 0) for cell, words in bottoms), bottoms


# -- 4: colour --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, *RTL, "made-up/narrow"])
@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_those_of_the_palette(
    screens: Screens, editions: Mapping[str, Edition], name: str, *, dark: bool
) -> None:
    palette = THEME.dark if dark else THEME.light
    seen = screens.measure(editions[name], 375, dark=dark)
    assert _hex(seen["paper"]) == palette.canvas
    for word in seen["words"]:
        colour, background = _hex(word["colour"]), _hex(word["background"])
        assert (colour, background) in _allowed(palette), word
        assert contrast(colour, background) >= (7 if colour == palette.ink else 4.5)


def _allowed(palette: Palette) -> Iterable[tuple[str, str]]:
    on_surface = {(colour, palette.surface) for colour in (palette.ink, palette.muted, palette.accent)}
    around = {(colour, palette.canvas) for colour in (palette.ink, palette.muted)}
    return on_surface | around | {(palette.on_accent, palette.accent), (palette.ink, palette.tint)}


@pytest.mark.parametrize("name", [*REAL, *RTL])
def test_links_in_prose_are_underlined(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    links = screens.measure(editions[name], 375)["links"]
    assert all(link["underlined"] for link in links if not (link["button"] or link["title"] or link["masthead"]))
    assert all(_hex(link["colour"]) == THEME.light.accent for link in links if link["prose"])


@pytest.mark.parametrize("dark", [False, True])
def test_no_surface_shines_in_the_dark(screens: Screens, editions: Mapping[str, Edition], *, dark: bool) -> None:
    screen = screens.show(editions[DIGEST[0]], 700, dark=dark)
    surfaces = screen.page.evaluate(
        "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).backgroundColor)"
        ".filter(c => c !== 'rgba(0, 0, 0, 0)')"
    )
    palette = THEME.dark if dark else THEME.light
    assert {_hex(colour) for colour in surfaces} == {palette.canvas, palette.surface, palette.tint, palette.accent}
    borders = screen.page.evaluate(
        "[...document.querySelectorAll('td.rule, td.rule p, li.rule')].map(e => getComputedStyle(e))"
        ".flatMap(s => [[s.borderTopWidth, s.borderTopColor], [s.borderBottomWidth, s.borderBottomColor]])"
        ".filter(([width]) => width !== '0px').map(([, colour]) => colour)"
    )
    assert {_hex(colour) for colour in borders} == {palette.rule}


def test_outlook_dark_mode_has_the_same_palette(screens: Screens, editions: Mapping[str, Edition]) -> None:
    screen = screens.show(editions[DIGEST[0]], 375)
    screen.page.evaluate("document.body.setAttribute('data-ogsc', '')")
    colours = {_hex(word["colour"]) for word in screen.measure()["words"]}
    assert colours == {THEME.dark.ink, THEME.dark.muted, THEME.dark.accent, THEME.dark.on_accent}


# -- 5 and 6: the first screen, the list ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, "made-up/ar"])
def test_first_screen_shows_what_this_is(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    screen = screens.show(editions[name], 375)
    title, hero = screen.box("h1"), screen.box("img[width='512']")
    assert title["y"] + title["height"] < 400
    assert hero["y"] + hero["height"] / 2 < 600
    texts = [word["text"] for word in screen.measure()["words"]]
    assert texts[0] == editions[name].identity.newsletter
    assert texts.index(editions[name].title) <= 6  # after the date, the reading time, the linked publication, and dots


@pytest.mark.parametrize("name", [*DIGEST, "made-up/ar", "made-up/sixty"])
def test_article_is_title_author_summary(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    for article in screens.show(editions[name], 375).articles():
        assert article["order"][:2] == ["title", "author"]
        assert set(article["order"][2:]) == {"summary"}


@pytest.mark.parametrize("name", [*REAL, *RTL])
def test_text_ranges_to_the_start(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    words = screens.measure(editions[name], 375)["words"]
    side = "right" if name in RTL else "left"
    assert {word["align"] for word in words if word["size"] != 16} <= {side, "start"}


@pytest.mark.parametrize("name", [*REAL, "made-up/ar", "made-up/sixty"])
def test_links_are_tall_enough_for_a_thumb(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    links = screens.measure(editions[name], 375)["links"]
    thumbed = [
        link
        for link in links
        if link["title"] or link["byline"] or link["footer"] or link["button"] or link["masthead"]
    ]
    assert len(thumbed) >= 3
    assert [(link["text"], link["height"]) for link in thumbed if link["height"] < 44] == []


@pytest.mark.parametrize("name", [*DIGEST, "made-up/sixty"])
def test_tap_on_a_summary_does_not_open_its_author(
    screens: Screens, editions: Mapping[str, Edition], name: str
) -> None:
    links = screens.show(editions[name], 375).page.evaluate(
        """() => [...document.querySelectorAll("p.muted + div")].map(summary => {
            summary.scrollIntoView({ block: "center" });
            const box = summary.getBoundingClientRect();
            return [2, 8, 14, 20].map(y => document.elementFromPoint(box.left + 40, box.top + y).closest("a"));
        }).flat()"""
    )
    assert links
    assert not any(links)


# -- 7: pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_pictures_are_sharp_light_and_sized(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    edition = editions[name]
    assert max(len(asset.data) for asset in edition.assets) <= 200_000
    assert sum(len(asset.data) for asset in edition.assets) <= 800_000
    for image in screens.measure(edition, 700)["images"]:
        assert image["width"]
        assert image["height"]
        assert image["natural"] >= 2 * image["shown"]
        assert _near(image["shown"] / image["ratio"], int(image["height"]))


@pytest.mark.parametrize("dark", [False, True])
def test_mail_without_images_is_complete(screens: Screens, editions: Mapping[str, Edition], *, dark: bool) -> None:
    palette = THEME.dark if dark else THEME.light
    seen = screens.measure(editions[DIGEST[0]], 375, dark=dark, images=False)
    described = [image for image in seen["images"] if image["alt"]]
    assert len(described) == 2
    assert all(image["size"] == 13 and _hex(image["colour"]) == palette.muted for image in described)
    assert all(image["leading"] >= 1.5 for image in described)
    assert all(image["alt"] is not None for image in seen["images"])
    assert seen["scroll"] <= 375


# -- 8: the button ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, "made-up/ar"])
def test_button_is_one_and_fills_a_phone(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    [small] = [link for link in screens.measure(editions[name], 375)["links"] if link["button"]]
    [wide] = [link for link in screens.measure(editions[name], 700)["links"] if link["button"]]
    assert (small["size"], small["weight"]) == (16, 700)
    assert 44 <= small["height"] <= 48
    assert _near(small["width"], 335)
    assert wide["width"] < 560
    assert len(small["text"].split()) <= 4
    assert "<v:" not in editions[name].html


# -- 9: the dark, beside the colours of rule 4 -------------------------------------------------------------------------


def _with_logo(project: Project, folder: Path, logo: str) -> Edition:
    """A real issue with a logo of 240 × 48 pixels, and one of 240 × 60 beside it."""
    themes = folder / "themes"
    themes.mkdir()
    Image.new("RGBA", (240, 48), (0, 0, 0, 0)).save(themes / "logo.png")
    Image.new("RGBA", (240, 60), (255, 255, 255, 255)).save(themes / "dark.png")
    (themes / "default.yaml").write_text(f"logo: {logo}\n", encoding="utf-8")
    issue = load_issue(project.issues / DIGEST[0].split("/")[0] / "issue.yaml", root=project.folder).issue
    assert issue is not None
    kit = CompileSettings(
        Templates((folder, *project.template_folders), root=project.folder),
        project.identity,
        ASSETS,
        "https://news.test/",
        project.folder,
    )
    edition = compile_issue(issue, "en", kit).edition
    assert edition is not None
    return edition


@pytest.mark.parametrize("dark", [False, True])
def test_logo_stands_on_a_plate_in_the_dark(screens: Screens, project: Project, tmp_path: Path, *, dark: bool) -> None:
    edition = _with_logo(project, tmp_path, "{image: logo.png, alt: The Variable, width: 120}")
    logo = screens.show(edition, 375, dark=dark).page.locator(".plate img")
    style = logo.evaluate(
        "e => (s => [s.backgroundColor, s.padding, s.lineHeight, e.alt, e.offsetWidth])(getComputedStyle(e))"
    )
    plate = ["rgb(255, 255, 255)", "8px"] if dark else ["rgba(0, 0, 0, 0)", "0px"]
    assert style == [*plate, "20px", "The Variable", 120]


def test_second_logo_replaces_the_first_in_the_dark(screens: Screens, project: Project, tmp_path: Path) -> None:
    edition = _with_logo(project, tmp_path, "{image: logo.png, alt: The Variable, width: 120, dark: dark.png}")
    shown = "[...document.images].filter(e => e.alt === 'The Variable' && e.offsetWidth).map(e => e.offsetHeight)"
    light: list[dict[str, Any]] = [{}, {"styles": False}, {"by": "word"}, {"by": "no-classes"}, {"by": "full"}]
    assert [screens.show(edition, 375, **how).page.evaluate(shown) for how in light] == [[24]] * len(light)
    page = screens.show(edition, 375, dark=True).page
    assert page.evaluate(shown) == [30]
    marked = screens.show(edition, 375).page
    marked.evaluate("document.body.setAttribute('data-ogsc', '')")
    assert marked.evaluate(shown) == [30]


# -- 10: scripts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in REAL if _is_cjk(name)])
@pytest.mark.parametrize("width", [320, 375, 700])
def test_chinese_is_set_as_chinese(screens: Screens, editions: Mapping[str, Edition], name: str, width: int) -> None:
    seen = screens.measure(editions[name], width)
    assert (seen["lang"], seen["dir"]) == ("zh", "ltr")
    for word in seen["words"]:
        assert word["font"].replace('"', "").startswith("PingFang SC, Microsoft YaHei, Noto Sans SC")
        assert not word["italic"], word
        assert word["tracking"] == "normal"
    assert {word["leading"] for word in seen["words"] if word["size"] == 17} == {1.75}
    lines = [line for block in seen["blocks"] for line in block["lines"]]
    assert [line for line in lines if line[0] in NO_LINE_BEGINS_WITH] == []
    assert any(re.match(r"20\d\d年\d{1,2}月\d{1,2}日", line) for line in lines)


@pytest.mark.parametrize("name", RTL)
@pytest.mark.parametrize("width", [375, 700])
def test_arabic_and_hebrew_are_mirrored(
    screens: Screens, editions: Mapping[str, Edition], name: str, width: int
) -> None:
    screen = screens.show(editions[name], width)
    seen = screen.measure()
    assert (seen["lang"], seen["dir"]) == (name.removeprefix("made-up/"), "rtl")
    assert {word["direction"] for word in seen["words"]} == {"rtl"}
    assert not any(word["italic"] or word["tracking"] != "normal" for word in seen["words"])
    avatar, hero = seen["images"][0], seen["images"][1]
    assert _near(avatar["left"] + 40, hero["left"] + hero["shown"])
    mark = screen.page.evaluate(
        "(e => [e.borderRightWidth, e.borderLeftWidth])(getComputedStyle(document.querySelector('.mark:has(p)')))"
    )
    assert mark == ["3px", "0px"]


def test_latin_names_keep_their_place_in_a_hebrew_line(screens: Screens, editions: Mapping[str, Edition]) -> None:
    meta = screens.show(editions["made-up/he"], 700).page.locator(".prose p.muted").first
    said = ["מאת", "Ada", "Björn", "11", "דקות", "Opinion"]
    lefts = meta.evaluate(
        """(line, said) => said.map(word => {
            const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
            while (texts.nextNode() && !texts.currentNode.data.includes(word));
            const range = document.createRange();
            range.setStart(texts.currentNode, texts.currentNode.data.indexOf(word));
            range.setEnd(texts.currentNode, range.startOffset + word.length);
            return range.getBoundingClientRect().left;
        })""",
        said,
    )
    assert lefts == sorted(lefts, reverse=True)


def test_numbers_and_code_keep_their_order_in_arabic(screens: Screens, editions: Mapping[str, Edition]) -> None:
    page = screens.show(editions["made-up/code"], 700).page
    lefts = page.locator(".prose").first.evaluate(
        """(text, said) => said.map(word => {
            const texts = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
            while (texts.nextNode() && !texts.currentNode.data.includes(word));
            const range = document.createRange();
            range.setStart(texts.currentNode, texts.currentNode.data.indexOf(word));
            range.setEnd(texts.currentNode, range.startOffset + word.length);
            return range.getBoundingClientRect().left;
        })""",
        ["--user", "install", "pip", "1234567", "030", "- 2", "1 ", "a ="],
    )
    assert lefts[:3] == sorted(lefts[:3], reverse=True)
    assert lefts[3] > lefts[4]
    assert lefts[5:] == sorted(lefts[5:], reverse=True)
    cell, code = page.locator("td.tint").bounding_box(), page.locator("pre").bounding_box()
    assert cell is not None
    assert code is not None
    assert (code["x"] - cell["x"], code["y"] - cell["y"]) == (16, 12)


# -- 11: the footer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, "made-up/ar", "made-up/narrow"])
def test_footer_is_short_and_fair(screens: Screens, editions: Mapping[str, Edition], name: str) -> None:
    screen = screens.show(editions[name], 375)
    links = [link for link in screen.measure()["links"] if link["footer"]]
    assert len({(link["size"], link["colour"], link["underlined"], link["weight"]) for link in links}) == 1
    assert (links[0]["size"], links[0]["underlined"]) == (13, True)
    text = screen.page.locator(".footer").inner_text()
    footer = [block for block in screen.measure()["blocks"] if block["footer"]]
    assert sum(len(block["lines"]) for block in footer) <= 6
    identity = editions[name].identity
    order = [text.index(part) for part in (links[0]["text"], links[1]["text"], identity.legal_name)]
    assert order == sorted(order)
    assert identity.newsletter in text
    assert identity.postal_address in text


# -- 12: where little is left of it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, *RTL])
@pytest.mark.parametrize("width", [320, 700])
def test_mail_without_styles_is_one_column(
    screens: Screens, editions: Mapping[str, Edition], name: str, width: int
) -> None:
    seen = screens.measure(editions[name], width, styles=False)
    assert seen["scroll"] <= width
    assert {word["size"] for word in seen["words"]} <= {13, 16, 17, 20, 28, 38}
    edge = "right" if name in RTL else "left"
    plain = [block for block in seen["blocks"] if not block["quote"] and block["tag"] in ("P", "H1", "LI", "DIV")]
    assert len({round(block[edge]) for block in plain}) == 1
    assert {_hex(word["colour"]) for word in seen["words"]} <= {
        THEME.light.ink, THEME.light.muted, THEME.light.accent, THEME.light.on_accent,
    }  # fmt: skip


@pytest.mark.parametrize("name", [*REAL, *RTL])
def test_preheader_is_hidden_and_padded(editions: Mapping[str, Edition], name: str) -> None:
    edition = editions[name]
    body = edition.html[edition.html.index("<body") :]
    match = re.search(r"<div style=\"display:none[^\"]*\">(.*?)</div>", body, re.DOTALL)
    assert match is not None
    assert re.sub(r"<[^>]*>", "", body[: match.start()]).strip() == ""
    assert len(re.findall(r"&nbsp;|\u00a0", match[1])) >= 40


def test_sixty_articles_fit_and_keep_their_rhythm(screens: Screens, editions: Mapping[str, Edition]) -> None:
    edition = editions["made-up/sixty"]
    assert len(edition.html.encode()) < 90_000
    tops = [article["top"] for article in screens.show(edition, 700).articles()]
    assert len(tops) == 60
    assert len({round(after - before) for before, after in pairwise(tops)}) == 1


@pytest.mark.parametrize("name", REAL)
def test_real_issue_is_light(editions: Mapping[str, Edition], name: str) -> None:
    assert len(editions[name].html.encode()) < 60_000
