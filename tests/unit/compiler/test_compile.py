"""Compile: an edition is complete, deterministic, and its hash covers what readers get, not where it is served from."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from compiling import (
    IDENTITY,
    compile_text,
    edition_of,
    make_content,
    make_issue,
    make_kit,
    rich_content,
    text_issue,
    write_templates,
)

from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.edition import Edition
from newsletter.problem import has_errors


@pytest.fixture(scope="module")
def rich() -> Edition:
    compiled = compile_issue(make_issue(rich_content()), "en", make_kit())
    assert compiled.problems == (), compiled.problems
    return edition_of(compiled)


def test_links_are_the_same_in_html_and_text(rich: Edition) -> None:
    for link in rich.links:
        assert link.url.removeprefix("mailto:") in rich.text


def test_own_links_stand_once(rich: Edition) -> None:
    markers = {slot.field.source: slot.marker for slot in rich.slots}
    for name in ("link.unsubscribe", "link.view"):
        assert [link.url for link in rich.links].count(markers[name]) == 1
        assert rich.text.count(markers[name]) == 1


def test_only_slots_that_are_used_are_kept(rich: Edition) -> None:
    everything = rich.subject + rich.preheader + rich.html + rich.text
    assert all(slot.marker in everything for slot in rich.slots)


def test_hostile_values_stay_words_in_every_place(rich: Edition) -> None:
    hostile = '"><script>alert(1)</script>%0d%0aBcc: x'
    filled = rich.fill({"subscriber": {"name": hostile, "language": hostile}, "link": {}})
    assert "<script" not in filled.html
    assert "&quot;&gt;&lt;script&gt;" in filled.html
    assert "to=%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%250d%250aBcc%3A%20x" in filled.html


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("zh-Hant", "ltr"), ("ar", "rtl"), ("he", "rtl")])
def test_language_and_direction(language: str, direction: str) -> None:
    edition = edition_of(compile_issue(make_issue(rich_content(language)), language, make_kit()))
    assert f'<html lang="{language}" dir="{direction}"' in edition.html
    assert edition.direction == direction


def test_preheader_is_whole_sentences_and_padded() -> None:
    edition = edition_of(compile_text("A first. A second.", make_kit()))
    assert edition.preheader == "A first. A second."
    assert "A first. A second.\u200c\xa0\u200c\xa0" in edition.html


@pytest.mark.parametrize(
    ("text", "more", "preheader"),
    [
        ("第一句。第二句。", {}, "第一句。第二句。"),
        ("No end", {}, "No end"),
        ("About v1.2 and more. Next.", {}, "About v1.2 and more. Next."),
        ("A first.", {"preheader": "The author's  own"}, "The author's own"),
        ("**Bold** [link](https://e.example) is? Yes.", {}, "Bold link is? Yes."),
    ],
)
def test_preheader(text: str, more: dict[str, str], preheader: str) -> None:
    assert edition_of(compile_text(text, make_kit(), **more)).preheader == preheader


def test_preheader_without_text_is_the_subtitle() -> None:
    issue = make_issue(make_content(subtitle="Under the title"))
    assert edition_of(compile_issue(issue, "en", make_kit())).preheader == "Under the title"


def test_hash_does_not_cover_where_images_are_served(rich: Edition) -> None:
    elsewhere = compile_issue(make_issue(rich_content()), "en", make_kit(assets_url="https://other.example/x"))
    assert edition_of(elsewhere).hash == rich.hash
    assert edition_of(elsewhere).html != rich.html


def test_hash_covers_words_identity_and_templates(tmp_path: Path, rich: Edition) -> None:
    def hash_of(content: object = None, **kit: object) -> str:
        issue = make_issue(rich_content() if content is None else content)  # type: ignore[arg-type]
        return edition_of(compile_issue(issue, "en", make_kit(**kit))).hash

    folder = write_templates(tmp_path)
    others = {
        hash_of(rich_content(subtitle="Another")),
        hash_of(identity=replace(IDENTITY, postal_address="2 Example Street")),
        hash_of(templates=make_kit(folder).templates),
    }
    assert len(others | {rich.hash}) == 4


def test_hash_covers_only_templates_that_are_used(tmp_path: Path) -> None:
    folder = write_templates(tmp_path)
    before = edition_of(compile_text("x", make_kit(folder))).hash
    (folder / "blocks" / "poll.mjml.j2").write_text("new")
    assert edition_of(compile_text("x", make_kit(folder))).hash == before
    (folder / "blocks" / "text.mjml.j2").write_text("<mj-section></mj-section>")
    assert edition_of(compile_text("x", make_kit(folder))).hash != before


def test_same_bytes_in_every_process() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from compiling import *; from newsletter.compiler.edition import edition_to_json; import json\n"
        "issue = make_issue(rich_content(), rich_content('zh'))\n"
        "for language in issue.languages:\n"
        "    print(json.dumps(edition_to_json(edition_of(compile_issue(issue, language, make_kit())))))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "77")
    }
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == 2


def test_edition_with_an_error_is_there_to_look_at() -> None:
    compiled = compile_text("Dear {{ nobody.here }}", make_kit())
    assert has_errors(compiled.problems)
    assert compiled.edition is not None


def test_unknown_theme_is_a_problem() -> None:
    compiled = compile_text("x", make_kit(), theme="nowhere")
    assert compiled.edition is None
    assert has_errors(compiled.problems)


def test_unknown_layout_is_a_problem() -> None:
    compiled = compile_text("x", make_kit(), layout="nowhere")
    assert [problem.id for problem in compiled.problems] == ["missing-template"]


@pytest.mark.parametrize(
    "text", ["> " * 500 + "x", "*" * 500 + "a" + "*" * 500, "- " * 300 + "x", "[" * 500 + "](" * 500]
)
def test_deep_markdown_is_no_crash(text: str) -> None:
    assert compile_issue(text_issue(text), "en", make_kit()).edition is not None


def test_unknown_language_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        compile_issue(make_issue(make_content(TextBlock("x"))), "zh", make_kit())


@pytest.mark.parametrize(
    ("contact", "links", "line"),
    [
        ("mailto:a@example.org", ["mailto:a@example.org"], "Contact: a@example.org"),
        ("a@example.org", ["mailto:a@example.org"], "Contact: a@example.org"),
        ("https://example.org/help", ["https://example.org/help"], "Contact: https://example.org/help"),
        ("Room 5", [], "Contact: Room 5"),
    ],
)
def test_contact_is_a_link_only_where_it_can_be_opened(contact: str, links: list[str], line: str) -> None:
    compiled = compile_issue(text_issue("Words."), "en", make_kit(identity=replace(IDENTITY, contact=contact)))
    edition = edition_of(compiled)
    assert compiled.problems == ()
    assert [link.url for link in edition.links][4:] == links
    assert line in edition.text.splitlines()
    assert links or "Room 5" in edition.html


def test_imprint_that_is_no_url_is_no_link() -> None:
    compiled = compile_issue(text_issue("Words."), "en", make_kit(identity=replace(IDENTITY, imprint="the wall")))
    assert compiled.problems == ()
    assert "the wall" not in edition_of(compiled).html + edition_of(compiled).text


def test_publication_links_to_where_it_is() -> None:
    issue = text_issue("Words.", publication="The Paper", publication_url="https://paper.example/ä")
    compiled = compile_issue(issue, "en", make_kit())
    edition = edition_of(compiled)
    assert compiled.problems == ()
    assert (edition.links[1].url, edition.links[1].label) == ("https://paper.example/%C3%A4", "The Paper")
    assert "· The Paper [1]\n" in edition.text
    assert "[1] https://paper.example/%C3%A4\n" in edition.text


def test_bad_link_of_the_publication_is_told_where_it_was_written() -> None:
    issue = text_issue("Words.", publication="The Paper", publication_url="https://{{ subscriber.host }}/")
    problems = compile_issue(issue, "en", make_kit()).problems
    assert [(problem.id, problem.path) for problem in problems] == [("merge-field", "publication.url")]


def test_link_its_author_must_mend_is_blamed_on_no_template() -> None:
    issue = make_issue(make_content(ButtonBlock("Go", "https://{{ subscriber.x }}.example/")))
    (problem,) = compile_issue(issue, "en", make_kit()).problems
    assert "would decide where the link leads" in problem.message
