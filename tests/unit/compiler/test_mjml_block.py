"""An author's own MJML becomes a part of the email, with merge fields and pictures; its text part is written apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit

from newsletter.authoring.blocks.mjml import MjmlBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.load import Loaded, load_issue
from newsletter.compiler.checks.words import check_words
from newsletter.compiler.compile import Compiled, compile_issue
from newsletter.problem import Place

HEAD = "title: Maps\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
VALUES = {
    "subscriber": {"name": '<b>"Ana"', "city": "São Tomé"},
    "link": {"unsubscribe": "https://news.example/u", "view": "https://news.example/v"},
}


def compiled(mjml: str, text: str = "", **changes: Any) -> Compiled:
    content = make_content(TextBlock("Before."), MjmlBlock(mjml, text), TextBlock("After."))
    return compile_issue(make_issue(replace(content, **changes)), "en", make_kit())


def test_it_is_filled_for_each_recipient_and_cannot_be_broken_out_of() -> None:
    mjml = (
        '<mj-text mj-class="prose">Dear {{ subscriber.name }}, '
        '<a href="https://example.org/?a=1&amp;city={{ subscriber.city }}" title="{{ subscriber.name }}">this</a>'
        "</mj-text>"
        '<mj-button href="{{ link.view }}">Read</mj-button>'
    )
    found = compiled(mjml, "Dear {{ subscriber.name }}, [this](https://example.org/?a=1&city={{ subscriber.city }}).")
    assert found.problems == ()
    filled = edition_of(found).fill(VALUES)
    assert "Dear &lt;b&gt;&quot;Ana&quot;, " in filled.html
    assert 'href="https://example.org/?a=1&amp;city=S%C3%A3o%20Tom%C3%A9"' in filled.html
    assert 'title="&lt;b&gt;&quot;Ana&quot;"' in filled.html
    assert 'href="https://news.example/v"' in filled.html
    assert (
        'Before.\n\nDear <b>"Ana", this [1].\n\n[1] https://example.org/?a=1&city=S%C3%A3o%20Tom%C3%A9\n\nAfter.\n'
        in filled.text
    )
    assert "{{" not in filled.html


def test_what_belongs_into_a_column_shares_the_section_of_its_neighbours() -> None:
    column = edition_of(compiled("<mj-text>One</mj-text>")).html
    section = edition_of(compiled("<mj-section><mj-column><mj-text>One</mj-text></mj-column></mj-section>")).html
    assert section.count('class="section"') == column.count('class="section"') + 2
    assert '<div style="height:32px;line-height:32px;">' in column
    assert "height:32px" not in section


def test_its_pictures_are_made_like_others() -> None:
    mjml = (
        '<mj-image src="map.png" alt="A map" width="120px" /><mj-text><img src="map.png" alt="" width="60"></mj-text>'
    )
    edition = edition_of(compiled(mjml, pictures={"map.png": make_image(1200, 600)}))
    assert edition.html.count("https://news.example/assets/") == 2
    assert "map.png" not in edition.html
    assert len(edition.assets) == 2


def test_what_the_compiler_refuses_is_told_at_its_place_in_the_issue() -> None:
    place = Place("issues/first/issue.yaml", 9, 11)
    mjml = "<mj-txt>One</mj-txt>"
    found = compiled(mjml, places={"": Place("issues/first/issue.yaml", 1, 1), "blocks[1].mjml": place})
    assert [(one.id, one.place) for one in found.problems] == [("mjml", place)]


def load(folder: Path, block: str, german: str = "") -> Loaded:
    (folder / "one.yaml").write_text(HEAD + block, encoding="utf-8")
    if german:
        (folder / "one.de.yaml").write_text(german, encoding="utf-8")
    return load_issue(folder / "one.yaml", root=folder)


@pytest.mark.parametrize(
    ("block", "rule", "line", "column"),
    [
        ("  - mjml: |\n      <mj-text>One</mj-text>\n      <mj-txt>Two</mj-txt>\n    text: One\n", "mjml", 7, 7),
        ("  - mjml: |\n      <mj-text>\n        {{ subscriber.nme | default('x') }}</mj-text>\n    text: One\n",
         "unknown-attribute", 7, 9),
        ("  - mjml: |\n      <mj-text>{{ subscriber.name }}</mj-text>\n    text: One\n", "missing-default", 6, 16),
        ("  - mjml: |\n      <mj-image alt='' src='none.png' />\n    text: One\n", "missing-image", 6, 29),
        ("  - mjml: |\n      <mj-text>One</mj-text>\n", "missing-text", 5, 5),
        ("  - mjml: |\n      <mj-text><a href='https://b.net/'><b>www.bank.com</b></a></mj-text>\n    text: One\n",
         "misleading-link", 6, 16),
        ("  - text: One\n    mjml: <mj-text>x</mj-text>\n", "unknown-key", 6, 5),
        ('  - mjml: "<mj-text>One"\n    text: One\n', "mjml", 5, 12),
    ],
)  # fmt: skip
def test_mistake_is_found_at_its_own_line(tmp_path: Path, block: str, rule: str, line: int, column: int) -> None:
    found = load(tmp_path, block).problems
    assert [(one.id, one.place.line, one.place.column) for one in found] == [(rule, line, column)]


def test_merge_tags_of_other_systems_are_told(tmp_path: Path) -> None:
    (file,) = load(tmp_path, "  - mjml: |\n      <mj-text>*|FNAME|* **x**</mj-text>\n    text: One\n").files.values()
    assert [(one.id, one.place.line, one.place.column) for one in check_words(file)] == [("foreign-tag", 6, 16)]


def test_it_is_translated_like_a_text(tmp_path: Path) -> None:
    block = "  - mjml: <mj-text>One</mj-text>\n    text: One\n    id: own\n"
    german = "title: Karten\nblocks:\n  - {id: own, mjml: '<mj-text>Eins</mj-text>', text: Eins}\n"
    assert load(tmp_path, block, german).problems == ()
    missing = load(tmp_path, block, "title: Karten\nblocks:\n  - {id: own, text: Eins}\n").problems
    assert [one.id for one in missing] == ["missing-translation"]
