"""Checks of an edition: each finds what it is for, and is silent about what is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from compiling import edition_of, make_content, make_issue, make_kit, rich_content

from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.parts import Author
from newsletter.compiler.checks.images import check_images
from newsletter.compiler.checks.links import check_links
from newsletter.compiler.checks.size import MAX_BYTES, WARN_BYTES, check_size, html_size
from newsletter.compiler.checks.words import check_people, check_words
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.edition import Edition, Link
from newsletter.compiler.links import HtmlReader
from newsletter.compiler.slots import Slots
from newsletter.problem import Place, Problem, Severity
from newsletter.source import parse_source

ISSUE, LAYOUT = Place("issues/first/issue.yaml", 1, 1), Place("templates/layouts/default.mjml.j2")
HOME = "http://localhost:8000/"


@pytest.fixture(scope="module")
def rich() -> Edition:
    return edition_of(compile_issue(make_issue(rich_content()), "en", make_kit()))


def ids(problems: Any) -> list[str]:
    return [problem.id for problem in problems]


def words(text: str) -> list[Problem]:
    root, _ = parse_source(text.encode(), "f.yaml")
    assert root is not None
    return list(check_words(root))


@pytest.mark.parametrize(
    ("size", "severities"),
    [(WARN_BYTES, []), (WARN_BYTES + 1, [Severity.WARNING]), (MAX_BYTES + 1, [Severity.ERROR])],
)
def test_size_is_measured_with_the_longest_values(rich: Edition, size: int, severities: list[Severity]) -> None:
    padded = replace(rich, html=rich.html + "x" * (size - html_size(rich)))
    assert html_size(rich) > len(rich.html.encode())
    assert [problem.severity for problem in check_size(padded, make_content(), dict)] == severities


def test_well_made_edition_has_no_problems(rich: Edition) -> None:
    assert list(check_links(rich, ISSUE, LAYOUT, home=HOME)) == []
    assert list(check_images(rich, HtmlReader(rich.html), LAYOUT, home=HOME)) == []


@pytest.mark.parametrize("name", ["unsubscribe", "view"])
def test_missing_own_link_is_an_error_in_each_part(rich: Edition, name: str) -> None:
    marker = next(slot.marker for slot in rich.slots if slot.field.source == f"link.{name}")
    without = replace(rich, links=tuple(link for link in rich.links if link.url != marker), text="none")
    missing = [
        problem for problem in check_links(without, ISSUE, LAYOUT, home=HOME) if problem.id == f"missing-{name}-link"
    ]
    assert [problem.place for problem in missing] == [LAYOUT, LAYOUT]


def test_second_unsubscribe_link_is_told(rich: Edition) -> None:
    marker = next(slot.marker for slot in rich.slots if slot.field.source == "link.unsubscribe")
    twice = replace(rich, links=(*rich.links, Link("x", marker, "again")))
    assert ids(check_links(twice, ISSUE, LAYOUT, home=HOME)) == ["second-unsubscribe-link"]


@pytest.mark.parametrize("url", ["/relative", "javascript:alert(1)", "https://"])
def test_bad_link_of_a_template_is_an_error(rich: Edition, url: str) -> None:
    bad = replace(rich, links=(*rich.links, Link("x", url, "bad")), text=rich.text + url)
    assert ids(check_links(bad, ISSUE, LAYOUT, home=HOME)) == ["bad-link"]


def test_link_in_one_part_only_is_a_warning(rich: Edition) -> None:
    more = replace(
        rich,
        text=rich.text + "https://only.example/text",
        links=(*rich.links, Link("x", "https://only.example/html", "")),
    )
    problems = list(check_links(more, ISSUE, LAYOUT, home=HOME))
    assert ids(problems) == ["link-parity", "link-parity"]
    assert "html is linked in the HTML" in problems[0].message
    assert "text is linked in the text" in problems[1].message


@pytest.mark.parametrize(
    "html",
    [
        '<img src="x.png" alt="">',
        '<td background="x.png">',
        '<td style="background:url(&quot;x.png&quot;)">',
        '<img src="cid:x">',
        '<img src="http://localhost:3000/x.png">',
        '<img src="http://192.168.0.7/x.png">',
    ],
)
def test_image_that_is_not_absolute_is_an_error(rich: Edition, html: str) -> None:
    worse = replace(rich, html=html)
    assert ids(check_images(worse, HtmlReader(html), LAYOUT, home=HOME)) == ["image-url"]


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("blocks:\n- text: |\n    fine\n\n    and **not\n", "blocks[0].text", "5:9"),
        ("blocks:\n- heading: a {{ b\n", "blocks[0].heading", "2:14"),
        ("blocks:\n- text: '{% if x'\n", "blocks[0].text", "2:10"),
        ("closing: |\n  Fine\n  and **not\n", "closing", "3:7"),
        ("blocks:\n- links:\n  - text: '1. **x'\n    id: a\n", "blocks[0].links[0].text", "3:15"),
        ("closing: '[x](nowhere)'\n", "closing", "1:15"),
        ("blocks:\n- links:\n  - '**[](@ann) writes'\n", "blocks[0].links[0]", "3:6"),
        ("blocks:\n- text: |\n    [](@ann)\n    says <b>so</b>\n", "blocks[0].text", "4:10"),
        (
            "blocks:\n- highlights:\n  - summary: |\n      Dear {{ subscriber.name }} **\n",
            "blocks[0].highlights[0].summary",
            "4:34",
        ),
    ],
)
def test_leftover_markup_is_an_error_at_its_place(text: str, path: str, place: str) -> None:
    (problem, *_) = words(text)
    assert (problem.id, problem.path, problem.severity) == ("leftover-markup", path, Severity.ERROR)
    assert str(problem.place) == f"f.yaml:{place}"
    assert problem.quote == text.split("\n")[problem.place.line - 1]


@pytest.mark.parametrize("text", ["text: '**[](@ann)** and [Bo](@bo)'\n", "author: ann\nurl: https://a.example/**\n"])
def test_links_to_people_and_what_nobody_reads_are_no_leftovers(text: str) -> None:
    assert words(text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Log in at [https://bank.example/login](https://evil.example/x).", "3:15"),
        ("Dear {{ subscriber.name }}, [bank.example/x](https://evil.example)", "3:33"),
        ("[](@ann) [a](https://a.example) [**bank.example**/x](https://evil.example)", "3:37"),
        ("[`bank.example/x`](https://evil.example)", "3:5"),
        ("- one\n    - > [bank.example/x](https://evil.example)", "4:9"),
        ("### A [bank.example/x](<https://evil.example> 'title') head", "3:11"),
        ("See <https://bank.example。evil.example/> there", "3:9"),
    ],
)
def test_link_with_misleading_words_is_an_error_where_it_begins(text: str, place: str) -> None:
    found = words(f"blocks:\n- text: |\n    {text}\n")
    assert [str(problem.place) for problem in found] == [f"f.yaml:{place}"]


def test_every_misleading_link_has_its_own_place() -> None:
    link = "[bank.example/x](https://evil.example)"
    found = words(f"blocks:\n- text: '{link} and {link}'\n- quote: '{link}'\n- {{image: a.png, credit: '{link}'}}\n")
    assert [problem.id for problem in found] == ["misleading-link"] * 4
    assert [str(problem.place) for problem in found] == ["f.yaml:2:10", "f.yaml:2:53", "f.yaml:3:11", "f.yaml:4:27"]


def test_bios_of_contributors_are_looked_at() -> None:
    author = Author("Ana", bio="[bank.example/x](https://evil.example)", id="ana")
    (problem,) = check_people(make_content(TextBlock("x"), authors=(author,)), Slots("seed"))
    assert "in the bio of ana: the words name bank.example" in problem.message


def test_host_in_other_letters_is_the_same_link_in_both_parts() -> None:
    text = "See <https://münchen.example/weg> and [Köln](https://köln.example/)."
    compiled = compile_issue(make_issue(make_content(TextBlock(text))), "en", make_kit())
    assert [problem for problem in compiled.problems if problem.id == "link-parity"] == []
    edition = edition_of(compiled)
    other = replace(edition, text=edition.text.replace("münchen", "hamburg"))
    assert ids(check_links(other, ISSUE, LAYOUT, home=HOME)) == ["link-parity"] * 2


def test_markdown_in_a_plain_field_is_a_warning() -> None:
    (problem,) = words("title: Fine\nblocks:\n- button: '**Go**'\n  url: https://e.example\n")
    assert (problem.path, problem.severity) == ("blocks[0].button", Severity.WARNING)


def test_broken_merge_field_is_left_to_whoever_reads_the_fields() -> None:
    assert words("text: '{{ nothing.here }} **'\n") == []


def test_people_are_looked_at_where_they_are_shown() -> None:
    slots = Slots("seed")
    people = Author("**Ana**", bio="writes **books", id="ana"), Author("Bo", bio="draws **maps")
    name, bio = check_people(make_content(TextBlock("x"), authors=people), slots)
    assert "in the name of ana: ** would be shown" in name.message
    assert "in the bio of ana: ** would be shown" in bio.message
