"""Sponsors are labelled in every language and part, their links say what they are, and they end with their last day."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit, write_templates

from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.parts import Picture
from newsletter.compiler.compile import Compiled, compile_issue
from newsletter.compiler.edition import edition_from_json, edition_to_json
from newsletter.compiler.wording.phrases import WORDS
from newsletter.problem import Severity

PICTURE = Picture(make_image(1200, 600), alt="A map", url="https://maps.example/", path="blocks[0]")
SPONSOR = SponsorBlock(
    "Sample Maps", text="Maps *by post*. [Order](https://maps.example/order) [or ask](mailto:a@maps.example).",
    url="https://maps.example/", picture=PICTURE, until=date(2026, 12, 24),
)  # fmt: skip


def compiled(block: SponsorBlock = SPONSOR, *folders: Path, language: str = "en", day: date | None = None) -> Compiled:
    return compile_issue(make_issue(make_content(block, language=language)), language, make_kit(*folders, day=day))


@pytest.mark.parametrize(
    ("language", "label"),
    [("en", "Sponsored"), ("de", "Anzeige"), ("zh", "广告"), ("zh-TW", "廣告"), ("ar", "إعلان"), ("fi", "Sponsored")],
)
def test_label_is_shown_in_both_parts_in_the_language(language: str, label: str) -> None:
    made = compiled(language=language)
    assert [one for one in made.problems if one.severity is Severity.ERROR] == []
    edition = edition_of(made)
    assert f">{label}</p>" in edition.html
    assert re.search(rf"^{label}[:：] ?", edition.text, re.MULTILINE)


def test_every_language_has_a_word_for_it() -> None:
    assert [tag for tag, words in WORDS.items() if not words.get("sponsored", "").strip()] == []


def test_own_label_takes_its_place() -> None:
    edition = edition_of(compiled(replace(SPONSOR, label="Paid & proud")))
    assert "Paid &amp; proud" in edition.html
    assert "Sponsored" not in edition.html
    assert "\nPaid & proud: Sample Maps\nhttps://maps.example/\n\n[A map]\n\nMaps by post." in edition.text


def test_every_link_of_it_says_what_it_is_and_no_other_does() -> None:
    html = edition_of(compiled()).html
    links = re.findall(r"<a [^>]*>", html)
    theirs = [link for link in links if "maps.example" in link]
    assert len(theirs) == 4
    assert all('rel="sponsored"' in link for link in theirs)
    assert sum('rel="sponsored"' in link for link in links) == 4


def test_template_that_hides_the_label_is_an_error(tmp_path: Path) -> None:
    bare = "<mj-section><mj-column><mj-text>{{ block.name }} {{ block.text }}</mj-text></mj-column></mj-section>"
    made = compiled(SPONSOR, write_templates(tmp_path, sponsor=bare))
    [problem] = [one for one in made.problems if one.id == "sponsor-label"]
    assert problem.severity is Severity.ERROR
    assert problem.place.file == "templates/blocks/sponsor.mjml.j2"


@pytest.mark.parametrize(("day", "found"), [(None, []), ("2026-12-24", []), ("2026-12-25", ["sponsor-over"])])
def test_it_is_an_error_after_its_last_day(day: str | None, found: list[str]) -> None:
    made = compiled(day=date.fromisoformat(day) if day else None)
    assert [one.id for one in made.problems if one.severity is Severity.ERROR] == found


def test_stored_edition_keeps_the_first_last_day() -> None:
    later = replace(SPONSOR, until=date(2027, 1, 1))
    content = make_content(later, SPONSOR, replace(SPONSOR, until=None))
    edition = edition_of(compile_issue(make_issue(content), "en", make_kit()))
    stored = edition_to_json(edition)
    assert edition_from_json(stored).until == date(2026, 12, 24)
    del stored["until"]  # as before there were sponsors
    assert edition_from_json(stored).until is None
