"""What every shipped theme keeps to, and how articles stand in each style, measured in chromium."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from screens import ASSETS, Screens
from transforms import INVERSIONS, TRANSFORMS

from newsletter.app.issues.editions import compile_editions
from newsletter.app.project import Project
from newsletter.authoring.blocks.columns import Column, ColumnsBlock
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.code import CodeBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.links import LinksBlock, ListItem
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.image import ImageFile, read_image
from newsletter.authoring.issue import Content, Issue
from newsletter.authoring.parts import Author, Picture
from newsletter.compiler.colour import contrast
from newsletter.compiler.edition import Edition
from newsletter.compiler.theme import Theme, load_theme
from newsletter.problem import Place, Severity

pytestmark = pytest.mark.pictures

ROOT = Path(__file__).parents[3]
THEMES = ("bulletin", "digest", "letter", "magazine")
LANGUAGES = ("en", "zh", "ar", "he")
WORDS = {
    "en": ("The library of things", "What a town borrows when nobody has to own a drill.", "Cities", "Write to us"),
    "zh": ("城市图书馆为什么出借电钻", "一份来自还书柜台的短报道，以及再也没有回来的东西。", "城市", "写信给我们"),
    "ar": ("مكتبة الأشياء في المدينة", "تقرير قصير ودافئ من وراء المنضدة.", "المدن", "اكتب لنا"),
    "he": ("ספריית החפצים של העיר", "דיווח קצר וחם מהדלפק.", "ערים", "כתבו לנו"),
}
MARKDOWN = """Run `check`.[^1] ~~Old~~

> A quotation, [linked](https://news.test/).

| Client | Dark | Width | Remark |
|:--|:-:|--:|---|
| `apple` | yes | 600 | Keeps the style sheets and takes the dark palette of the email |
| gmail | part | 600 | Changes colours |

```
a = 1 - 2
```

[^1]: A note with `code`.
"""
HAIRLINES = Path(__file__).with_name("measure_hairlines.js").read_text(encoding="utf-8")
MEASURE = Path(__file__).with_name("measure_styles.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def hero() -> ImageFile:
    return read_image(ROOT / "issues" / "2024-01-25-frontiers-of-llms" / "hero.png", ROOT)


def _theme(name: str) -> Theme:
    theme = load_theme(name, [ROOT / "templates"], root=ROOT).theme
    assert theme is not None
    return theme


def _content(theme: str, language: str, hero: ImageFile, style: str = "", count: int = 5) -> Content:
    title, summary, heading, button = WORDS[language]
    articles = [
        Article(
            title,
            url=f"https://news.test/{number}",
            authors=(Author("Ada Example", url="https://news.test/ada"),),
            summary=summary,
            picture=Picture(hero, alt=f"Hills {number}"),
            reading_time=number + 2,
            label="Opinion" if number % 2 else "",
        )
        for number in range(count)
    ]
    return Content(
        language=language,
        places={"": Place("issue.yaml", 1, 1)},
        title=title,
        subtitle=summary,
        date=date(2024, 1, 25),
        theme=theme,
        authors=(Author("Ada Example", url="https://news.test/ada", avatar=hero),),
        reading_time=3,
        hero=Picture(hero, alt="Hills at dusk", caption=summary),
        blocks=(
            TextBlock(f"{summary} [{heading}](https://news.test/)."),
            HeadingBlock(heading),
            HighlightsBlock(tuple(articles), style),
            QuoteBlock(summary, by="Ada"),
            ButtonBlock(button, "https://news.test/write"),
        ),
        closing=summary,
        signature="Ada",
    )


@pytest.fixture(scope="session")
def small(project: Project, hero: ImageFile) -> Mapping[tuple[str, str], Edition]:
    """One issue with every part, by theme and language."""
    return {
        (theme, tag): _compiled(project, _content(theme, tag, hero), theme) for theme in THEMES for tag in LANGUAGES
    }


def _compiled(project: Project, content: Content, name: str) -> Edition:
    issue = Issue(f"small-{name}", Path("issue.yaml"), content.language, {content.language: content})
    compilation = compile_editions(project, issue, assets_url=ASSETS)
    assert [problem for problem in compilation.problems if problem.severity is Severity.ERROR] == []
    return compilation.editions[content.language]


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


# -- every theme ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_theme_fits_every_width(
    screens: Screens, small: Mapping[tuple[str, str], Edition], theme: str, language: str
) -> None:
    edition = small[theme, language]
    for width in (320, 375, 700):
        assert screens.measure(edition, width)["scroll"] <= width
    assert screens.measure(edition, 320, styles=False)["scroll"] <= 320
    small_blocks = screens.measure(edition, 375)["blocks"]
    assert (min(b["left"] for b in small_blocks), max(b["right"] for b in small_blocks)) == (20, 355)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_theme_is_legible_on_each_of_its_grounds(
    screens: Screens, small: Mapping[tuple[str, str], Edition], theme: str, language: str, *, dark: bool
) -> None:
    palette = _theme(theme).dark if dark else _theme(theme).light
    for word in screens.measure(small[theme, language], 375, dark=dark)["words"]:
        colour, ground = _hex(word["colour"]), _hex(word["background"])
        assert {colour, ground} <= set(palette.model_dump().values()), word
        assert contrast(colour, ground) >= (7 if colour == palette.ink else 4.5), word


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [375, 700])
def test_theme_keeps_to_six_sizes_and_its_script(
    screens: Screens, small: Mapping[tuple[str, str], Edition], theme: str, language: str, width: int
) -> None:
    words = screens.measure(small[theme, language], width)["words"]
    assert len({word["size"] for word in words}) <= 6
    assert {word["weight"] for word in words} <= {400, 700}
    assert min(word["size"] for word in words) == 13
    title = max(words, key=lambda word: word["size"])
    assert title["text"] == WORDS[language][0]
    assert title["size"] >= (30 if width == 375 else 36)
    if language != "en":
        assert not any(word["italic"] or word["tracking"] != "normal" for word in words)


@pytest.mark.parametrize("theme", THEMES)
def test_theme_has_links_for_a_thumb_and_a_masthead_that_leads_home(
    screens: Screens, small: Mapping[tuple[str, str], Edition], project: Project, theme: str
) -> None:
    edition = small[theme, "en"]
    links = screens.measure(edition, 375)["links"]
    thumbed = [link for link in links if link["title"] or link["footer"] or link["button"] or link["masthead"]]
    assert [(link["text"], link["height"]) for link in thumbed if link["height"] < 44] == []
    masthead = screens.show(edition, 375).page.locator(".masthead a")
    assert masthead.get_attribute("href") == f"{project.config.public.url}/"
    assert masthead.inner_text() == edition.identity.newsletter
    assert sum(len(sheet) for sheet in re.findall(r"(?s)<style[^>]*>(.*?)</style>", edition.html)) <= 12_000


def test_themes_are_built_differently(screens: Screens, small: Mapping[tuple[str, str], Edition]) -> None:
    """What tells them apart without colour: the card, the cover and the picture at the top, the first articles."""
    found = {}
    for theme in THEMES:
        page = screens.show(small[theme, "en"], 700).page
        title, name = page.locator("h1").bounding_box(), page.locator(".masthead").bounding_box()
        hero = page.locator("img[alt='Hills at dusk']").bounding_box()
        first, second = page.evaluate(MEASURE)[:2]
        assert title is not None
        assert name is not None
        assert hero is not None
        found[theme] = (
            round(hero["width"]),
            page.evaluate("e => getComputedStyle(e).fontFamily", page.locator("h1").element_handle()).split(",")[0],
            page.locator(".band h1").count(),
            "abreast" if first["title"]["top"] == second["title"]["top"] else "stacked",
            "large" if first["size"] > second["size"] else "even",
        )
    assert found["magazine"][0] == 600
    assert found["magazine"][2:] == (1, "abreast", "even")
    assert found["digest"][2:] == (0, "stacked", "large")
    assert found["letter"][2:] == found["bulletin"][2:] == (0, "stacked", "even")
    assert len({facts[:2] for facts in found.values()}) == 4


@pytest.mark.parametrize("theme", ["bulletin", "digest", "letter"])
def test_hairlines_lie_in_the_middle_between_two_articles(
    screens: Screens, small: Mapping[tuple[str, str], Edition], theme: str
) -> None:
    gaps = screens.show(small[theme, "en"], 375).page.evaluate(HAIRLINES)
    assert len(gaps) >= 2
    assert all(abs(above - below) <= 4 for above, below in gaps), gaps


def test_words_of_a_table_are_whole_on_a_wide_screen(screens: Screens, full: Mapping[str, Edition]) -> None:
    lines = [line for block in screens.measure(full["digest"], 700)["blocks"] for line in block["lines"]]
    assert {"Client", "Width", "600", "`apple`".strip("`")} <= set(lines)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("dark", [False, True])
def test_bar_of_a_quote_has_the_accent_colour(
    screens: Screens, small: Mapping[tuple[str, str], Edition], theme: str, *, dark: bool
) -> None:
    bar = screens.show(small[theme, "en"], 375, dark=dark).page.locator("td.mark:has(p)")
    palette = _theme(theme).dark if dark else _theme(theme).light
    assert _hex(bar.evaluate("e => getComputedStyle(e).borderLeftColor")) == palette.accent


# -- where a mail program changes them: docs/reference/clients.md ------------------------------------------------------


@pytest.fixture(scope="session")
def full(project: Project, hero: ImageFile) -> Mapping[str, Edition]:
    """By theme: an issue with every part and every block."""
    made = {}
    for theme in THEMES:
        content = _content(theme, "en", hero)
        blocks = (
            *content.blocks,
            TextBlock(MARKDOWN),
            CodeBlock("$ pip install example", "shell", "One command"),
            SponsorBlock(
                "Sample Tools", "Tools for [a day](https://news.test/d).", "https://news.test/s", content.hero
            ),
            LinksBlock((ListItem("[One](https://news.test/1)"), ListItem("Two"))),
        )
        hero_picture = replace(content.hero, credit="Drawn for this issue") if content.hero else None
        made[theme] = _compiled(project, replace(content, blocks=blocks, hero=hero_picture), f"full-{theme}")
    return made


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("by", [*TRANSFORMS, *INVERSIONS])
def test_theme_holds_where_a_mail_program_changes_it(
    screens: Screens, full: Mapping[str, Edition], theme: str, by: str
) -> None:
    width = 700 if by == "word" else 375
    seen = screens.measure(full[theme], width, by=by)
    assert seen["scroll"] <= width
    assert len({round(block["left"]) for block in seen["blocks"] if block["tag"] in ("H1", "H2")}) == 1
    assert {word["weight"] for word in seen["words"]} <= {400, 700}
    assert min(word["size"] for word in seen["words"]) == 13
    for word in seen["words"]:
        assert contrast(_hex(word["colour"]), _hex(word["background"])) >= 4.5, word


@pytest.mark.parametrize("theme", THEMES)
def test_word_keeps_cells_widths_and_labels(screens: Screens, full: Mapping[str, Edition], theme: str) -> None:
    screen = screens.show(full[theme], 700, by="word")
    column = screen.box("h1")
    assert column["width"] <= 560
    assert screen.box("blockquote p")["x"] - column["x"] >= 16
    assert screen.box("pre")["x"] - column["x"] >= 12
    assert screen.box("td.mark p")["x"] - column["x"] >= 20
    button = screen.page.locator(".button td").bounding_box()
    assert button is not None
    assert 44 <= button["height"] <= 48
    if theme in ("bulletin", "magazine"):  # where labels stand above titles
        lines = [line for block in screen.measure()["blocks"] for line in block["lines"]]
        assert lines.count("Opinion") == 2


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("dark", [False, True])
def test_missing_pictures_leave_a_tint_and_their_words(
    screens: Screens, full: Mapping[str, Edition], theme: str, *, dark: bool
) -> None:
    palette = _theme(theme).dark if dark else _theme(theme).light
    pictures = screens.show(full[theme], 375, dark=dark, images=False).page.evaluate(
        "[...document.images].map(image => [image, getComputedStyle(image)]).map(([image, style]) => ({alt: image.alt,"
        " colour: style.color, ground: style.backgroundColor, size: style.fontSize, height: image.offsetHeight}))"
    )
    shown = [picture for picture in pictures if picture["alt"]]
    assert len(shown) >= 2
    for picture in shown:
        assert (_hex(picture["colour"]), _hex(picture["ground"])) == (palette.muted, palette.tint), picture
        assert picture["size"] == "13px"
        assert picture["height"] >= 100


# -- styles of articles -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(all_screens: Screens, project: Project, hero: ImageFile) -> Any:
    """How the articles of one style stand at a width."""

    @cache
    def shown(style: str, width: int, language: str = "en", **how: Any) -> Any:
        edition = _compiled(project, _content("digest", language, hero, style), style)
        found = all_screens.show(edition, width, **how).page.evaluate(MEASURE)
        all_screens.close()
        return found

    return shown


@pytest.mark.parametrize("style", ["lead", "rows", "cards"])
@pytest.mark.parametrize("width", [375, 700])
def test_pictures_of_articles_lead_where_their_titles_do(table: Any, style: str, width: int) -> None:
    articles = table(style, width)
    assert len(articles) == 5
    assert [article["pictureHref"] for article in articles] == [article["href"] for article in articles]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(("width", "least", "most"), [(320, 80, 96), (375, 80, 96), (700, 112, 128)])
def test_rows_stay_rows_with_the_picture_at_the_end(
    table: Any, language: str, width: int, least: int, most: int
) -> None:
    for article in table("rows", width, language):
        title, picture = article["title"], article["picture"]
        assert article["beside"]
        assert least <= picture["width"] <= most
        assert picture["right"] <= title["left"] if language == "ar" else picture["left"] >= title["right"]
        assert title["width"] >= 1.8 * picture["width"]


def test_rows_without_styles_leave_room_for_words(table: Any) -> None:
    for article in table("rows", 320, styles=False):
        assert article["title"]["width"] >= 2 * article["picture"]["width"]


@pytest.mark.parametrize("width", [375, 700])
def test_lead_article_is_large_and_alone(table: Any, width: int) -> None:
    lead, *rows = table("lead", width)
    assert (lead["size"], {row["size"] for row in rows}) == (28, {20})
    assert lead["picture"]["width"] == (335 if width == 375 else 512)
    assert lead["picture"]["top"] + lead["picture"]["height"] <= lead["title"]["top"]
    assert not lead["beside"]
    assert all(row["beside"] for row in rows)


@pytest.mark.parametrize("language", ["en", "he"])
def test_cards_stand_abreast_where_there_is_room(table: Any, language: str) -> None:
    first, second, third, *_, last = table("cards", 700, language)
    assert first["picture"]["top"] == second["picture"]["top"]
    assert {first["picture"]["width"], second["picture"]["width"]} == {244}
    gap = abs(second["picture"]["left"] - first["picture"]["left"]) - 244
    assert gap == 24
    assert (first["picture"]["left"] < second["picture"]["left"]) == (language == "en")
    assert third["picture"]["top"] > first["title"]["top"]
    assert last["picture"]["left"] == min(first["picture"]["left"], second["picture"]["left"])
    assert last["picture"]["width"] == 512  # alone in its row
    for how, width in (({}, {335}), ({"styles": False}, {244, 271})):
        narrow = table("cards", 375, language, **how)
        pictures = [article["picture"] for article in narrow]
        edges = {one["left"] + (one["width"] if language == "he" else 0) for one in pictures}
        assert len(edges) == 1  # all begin where lines begin
        assert {one["width"] for one in pictures} == width


@pytest.mark.parametrize("language", ["en", "ar"])
def test_columns_stand_abreast_where_there_is_room(
    screens: Screens, project: Project, hero: ImageFile, language: str
) -> None:
    stack = (ImageBlock(Picture(hero, alt="A map")), HeadingBlock("[Paper](https://example.org/)"), TextBlock("Words."))
    block = ColumnsBlock((Column(stack), Column(stack)))
    edition = _compiled(project, replace(_content("digest", language, hero, "rows"), blocks=(block,)), "columns")

    def pictures(width: int, **how: Any) -> list[list[int]]:
        seen = screens.show(edition, width, **how).measure()
        assert seen["scroll"] <= width
        return [
            [round(one[key]) for key in ("left", "top", "shown")] for one in seen["images"] if one["alt"] == "A map"
        ]

    for how in ({}, {"by": "word"}):
        (left, top, width), (other, beside, same) = pictures(700, **how)
        assert (top, width, abs(other - left)) == (beside, same, width + 24)
        assert (left < other) == (language == "en")
    for narrow in (375, 320):
        (left, top, width), (other, below, same) = pictures(narrow)
        assert (left, width) == (other, same) == (20, narrow - 40)
        assert below > top + 100
    (left, _, width), (other, _, same) = pictures(375, styles=False)
    assert (left, width) == (other, same)


@pytest.mark.parametrize("style", ["lead", "rows", "cards", "list"])
def test_titles_of_articles_are_tall_enough_for_a_thumb(table: Any, style: str) -> None:
    assert min(article["title"]["height"] for article in table(style, 375)) >= 44


def test_list_has_words_only(table: Any) -> None:
    articles = table("list", 375)
    assert [article["picture"] for article in articles] == [None] * 5
    assert {article["size"] for article in articles} == {18}


@pytest.mark.parametrize("style", ["lead", "rows", "cards"])
def test_forty_articles_with_pictures_fit(project: Project, hero: ImageFile, style: str) -> None:
    summary = "A short, warm report from the counter where people bring back what they borrowed, and what never comes."
    content = _content("digest", "en", hero, style, count=40)
    blocks = [
        HighlightsBlock(
            tuple(replace(item, summary=summary) for item in block.items if isinstance(item, Article)), style
        )
        for block in content.blocks
        if isinstance(block, HighlightsBlock)
    ]
    edition = _compiled(project, replace(content, blocks=tuple(blocks)), style)
    assert len(edition.html.encode()) <= 90_000
