"""read_more: the email ends there in both parts; its web page goes on and is checked like the email."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit, write_templates

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.parts import Picture
from newsletter.compiler.checks.size import html_size
from newsletter.compiler.compile import Compiled, compile_issue
from newsletter.compiler.edition import Edition, edition_from_json, edition_to_json

VIEW = "https://news.example/v/token"
VALUES = {
    "subscriber": {"name": "Ana", "email": "ana@example.org"},
    "link": {"unsubscribe": "https://news.example/u/token", "view": VIEW},
}
BEGIN = TextBlock("The beginning of a story that is long enough for the row of an inbox.")
MORE = ReadMoreBlock("Read the rest")
REST = TextBlock(
    'The end, {{ subscriber.name | default("reader") }}: [more](https://end.example/). [Leave]({{ link.unsubscribe }}).'
)


def compiled(*blocks: Block) -> Compiled:
    return compile_issue(make_issue(make_content(*blocks, signature="The editors")), "en", make_kit())


def made(*blocks: Block) -> Edition:
    return edition_of(compiled(*blocks))


def test_email_ends_with_the_link_in_both_parts_and_the_page_goes_on() -> None:
    edition = made(BEGIN, MORE, REST)
    filled, page = edition.fill(VALUES), edition.fill_page(VALUES)
    for part in (filled.html, filled.text):
        assert part.index("The beginning") < part.index("Read the rest") < part.index("The editors")
        assert "The end" not in part
        assert "end.example" not in part
    assert f'href="{VIEW}"' in filled.html.partition("Read the rest")[0]
    assert f"→ Read the rest\n  {VIEW}\n" in filled.text
    assert page.index("The beginning") < page.index("The end, Ana") < page.index("The editors")
    assert "Read the rest" not in page
    assert page.count("https://news.example/u/token") == 2


def test_links_of_the_page_alone_are_registered_apart() -> None:
    both = TextBlock("Both [have](https://both.example/) it.")
    edition = made(BEGIN, both, MORE, REST, TextBlock("[Again](https://both.example/), [last](https://last.example/)."))
    assert [(link.url, link.label) for link in edition.page_links if ".example" in link.url] == [
        ("https://end.example/", "more"), ("https://both.example/", "Again"), ("https://last.example/", "last"),
    ]  # fmt: skip
    ids = [link.id for link in (*edition.links, *edition.page_links)]
    assert len(set(ids)) == len(ids)
    assert edition_from_json(edition_to_json(edition)).page_links == edition.page_links
    assert made(BEGIN, REST).page_links == ()


def test_without_one_the_page_is_the_email() -> None:
    edition = made(BEGIN, REST)
    assert edition.page == ""
    assert edition.fill_page(VALUES) == edition.fill(VALUES).html


def test_preheader_and_links_come_from_the_email_alone() -> None:
    edition = made(MORE, REST)
    assert "The end" not in edition.preheader
    assert [link.url for link in made(BEGIN, MORE, REST).links if "end.example" in link.url] == []


def test_what_only_the_page_shows_counts_for_the_hash_not_for_the_size() -> None:
    long = TextBlock("Word " * 3000)
    edition = made(BEGIN, MORE, REST, *[long] * 8)
    assert html_size(edition) < 30_000 < 100_000 < len(edition.page)
    assert compiled(BEGIN, MORE, REST, *[long] * 8).problems == compiled(BEGIN, MORE, REST).problems
    assert edition.hash != made(BEGIN, MORE, REST).hash


def test_pictures_of_the_page_are_made_and_checked() -> None:
    tall = Picture(make_image(300, 900), alt="A tower", path="blocks[2]")
    result = compiled(BEGIN, MORE, ImageBlock(tall))
    edition = edition_of(result)
    assert [asset.name for asset in edition.assets if asset.name in edition.page] == [edition.assets[0].name]
    assert edition.assets[0].name not in edition.html
    assert [one.id for one in result.problems] == ["tall-picture"]


def test_templates_of_the_page_are_checked(tmp_path: Path) -> None:
    bare = "<mj-text>{{ block.name }} {{ block.text | markdown }}</mj-text>"
    kit = make_kit(write_templates(tmp_path, sponsor=bare, read_more="<mj-text>{{ block.label }}</mj-text>"))
    content = make_content(BEGIN, MORE, SponsorBlock("Sample Maps"))
    assert [one.id for one in compile_issue(make_issue(content), "en", kit).problems].count("sponsor-label") == 1


def test_fault_of_both_is_told_once(tmp_path: Path) -> None:
    layout = (
        "<mjml><mj-body>{{ render_blocks(content.blocks) }}<mj-section><mj-column><mj-text>"
        '<a href="{{ links.view }}">view</a></mj-text></mj-column></mj-section></mj-body></mjml>'
    )
    kit = make_kit(write_templates(tmp_path, layout=layout, read_more="<mj-text>{{ block.label }}</mj-text>"))
    problems = compile_issue(make_issue(make_content(BEGIN, MORE, REST)), "en", kit).problems
    assert [one.message for one in problems].count("the HTML of the en edition has no unsubscribe link") == 1


def test_stored_edition_keeps_its_page() -> None:
    edition = made(BEGIN, MORE, REST)
    stored = edition_to_json(edition)
    assert edition_from_json(stored).fill_page(VALUES) == edition.fill_page(VALUES)
    del stored["page"]  # as before there was one
    assert edition_from_json(stored).fill_page(VALUES) == edition.fill(VALUES).html


@pytest.mark.parametrize("language", ["ar", "zh"])
def test_link_stands_in_every_language(language: str) -> None:
    content = make_content(
        BEGIN, ReadMoreBlock("继续阅读" if language == "zh" else "اقرأ المزيد"), REST, language=language
    )
    result = compile_issue(make_issue(content), language, make_kit())
    assert [one for one in result.problems if one.severity.value == "error"] == []
