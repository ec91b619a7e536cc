"""What authors write in Markdown, in the HTML part and in the text part of a compiled edition."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit

from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.edition import Edition

DOCS = Path(__file__).parents[4] / "docs" / "reference" / "issue.md"
VALUES = {"subscriber": {"name": "Ana"}, "link": {"unsubscribe": "https://n.example/u", "view": "https://n.example/v"}}


def compiled(*texts: str, language: str = "en", **more: object) -> Edition:
    content = make_content(*map(TextBlock, texts), language=language, **more)
    found = compile_issue(make_issue(content), language, make_kit())
    assert [str(problem) for problem in found.problems] == []
    return edition_of(found)


def html_of(edition: Edition) -> str:
    """The HTML without inline styles."""
    return re.sub(r' style="[^"]*"', "", edition.fill(VALUES).html)


def test_the_example_of_the_reference_has_everything_in_both_parts() -> None:
    example = DOCS.read_text(encoding="utf-8").split("```markdown\n")[1].split("```")[0]
    edition = compiled(example, pictures={"door.png": make_image()})
    html, text = html_of(edition), edition.fill(VALUES).text
    for piece in (
        "<h2>A heading, and ### a smaller one</h2>", "<strong>Bold</strong>", "<s>struck through</s>",
        '<a href="https://example.org/guide">another one</a>',
        '<a href="https://example.org/guide">https://example.org/guide</a>', "backslash<br />",
        'footnote.<sup><a href="#note-1" id="mark-1">1</a></sup>', '<a href="tel:+49-30-123456">Call us</a>',
        'href="mailto:ana@example.org,bo@example.org?subject=Hello%20there"', '<td>910</td>',
        "<blockquote>", 'alt="A red door"', '<pre dir="ltr">fences keep {{ braces }} and *|TAGS|* as they are',
        '<li id="note-1"><p>Where it is from', '<a href="#mark-1">',
    ):  # fmt: skip
        assert piece in html, piece
    assert "A claim with a footnote. [3] The note" in " ".join(text.split())
    assert "Month  Readers\n-----  -------\nMay        910\nJune     1,024" in text
    assert "    fences keep {{ braces }} and *|TAGS|* as they are" in text
    assert "\n[3] Where it is from, with a link [6].\n" in text
    assert "\n[6] https://example.org/source\n" in text
    assert "[guide]" not in text
    assert "[^" not in html + text
    assert "~~" not in html + text


@pytest.mark.parametrize("first", ["a", "**a**", "*a*", "`a`", "[a](https://a.example)", "~~a~~", "https://a.example"])
@pytest.mark.parametrize("second", ["b", "**b**", "`b`", "[b](https://b.example)"])
def test_words_on_two_lines_do_not_become_one(first: str, second: str) -> None:
    words = re.sub("<[^>]*>", "", html_of(compiled(f"{first}\n{second}\n\n> {first}\n> {second}")))
    words = words.replace("\n", " ")
    assert words.count(f"{first.strip('*`~') if first[0] != '[' else 'a'} b") >= 2


def test_footnotes_of_several_blocks_have_their_own_numbers_and_names() -> None:
    edition = compiled("a[^x] b[^x]\n\n[^x]: one", "c[^x]\n\n[^x]: two **bold**")
    html, text = html_of(edition), edition.fill(VALUES).text
    names = re.findall(r' id="([^"]*)"', html)
    assert len(names) == len(set(names))
    assert {"mark-1", "mark-1-2", "note-1", "mark-2", "note-2"} <= set(names)
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(names)
    assert '<ol start="2">' in html
    assert "a [1] b [1]\n\n[1] one\n\nc [2]\n\n[2] two bold" in text
    assert [link.url for link in edition.links if link.url.startswith("#")] == []


def test_merge_fields_live_in_every_construct_but_code() -> None:
    name = "{{ subscriber.name }}"
    edition = compiled(
        f"**{name}** ~~{name}~~ [{name}](https://e.example/?n={name}) [b][c] a[^d]\n\n| {name} |\n|---|\n| {name} |\n\n"
        f"# {name}\n\n- {name}\n\n> {name}\n\n[c]: https://e.example/?c={name}\n[^d]: {name}\n\nhttps://f.example/{name}"
    )
    filled = edition.fill(VALUES)
    assert edition.slots
    assert "subscriber.name" not in filled.html + filled.text
    assert not re.search(r"m[0-9a-f]{12}n\d\dz", filled.html + filled.text)
    for piece in ("<strong>Ana</strong>", "<s>Ana</s>", "?n=Ana", "?c=Ana", "<th>Ana</th>", "https://f.example/Ana"):
        assert piece in html_of(edition)


def test_code_is_shown_as_typed_and_prose_has_an_escape() -> None:
    braces = "`{{ message }}` `${{ secrets.TOKEN }}` \\{{ subscriber.name }} \\{\\{ a \\}\\} &#123;&#123; b }}"
    edition = compiled(f"{braces}\n\n    {{{{ subscriber.name }}}}\n", subject="The \\{{ and }} of it")
    assert not [slot for slot in edition.slots if slot.field.path[0] == "subscriber"]
    assert edition.subject == "The {{ and }} of it"
    words = "{{ message }} ${{ secrets.TOKEN }} {{ subscriber.name }} {{ a }} {{ b }}"
    assert f"{words}\n\n    {{{{ subscriber.name }}}}\n" in edition.fill(VALUES).text
    assert '<code dir="ltr">{{ message }}</code>' in html_of(edition)


def test_code_among_words_written_from_the_right_is_isolated() -> None:
    edition = compiled('هذا `git push --force` مثال\n\n```\nprint("مرحبا")\n```', language="ar")
    assert '<code dir="ltr">git push --force</code>' in html_of(edition)
    assert '<pre dir="ltr">' in html_of(edition)
    assert "\u2066git push --force\u2069" in edition.text
    assert '    \u2066print("مرحبا")\u2069' in edition.text


def test_wide_table_is_stacked_on_a_narrow_screen_and_in_the_text_part() -> None:
    long = "a cell with so many words that two of them side by side fit on no telephone"
    edition = compiled(f"| First | Second |\n|---|---|\n| {long} | `b` |\n| c | |")
    html = html_of(edition)
    assert '<table class="stacked whole">' in html
    assert '<td><span class="label muted">First</span>a cell' in html
    assert f"First: {long[:60]}" in edition.text.replace("\n  ", " ")
    assert "Second: b\n\nFirst: c\n" in edition.text
    assert 'class="whole"' in compiled("| a | b |\n|---|---|\n| c | d |").html
    address = f"https://e.example/{'a' * 40}"
    assert '<table class="stacked">' in html_of(compiled(f"| a |\n|---|\n| {address} |"))


def test_picture_in_a_text_is_shown_like_others() -> None:
    text = 'Look:\n\n![A *red* door](door%20red.png "Open")\n\nand [![a](a.png)](https://e.example) here'
    edition = compiled(text, pictures={"door red.png": make_image(1200, 600), "a.png": make_image(20, 20)})
    source = r'<img src="https://news.example/assets/([^"]+)" alt="A red door" title="Open" width="'
    (name,) = re.findall(source, html_of(edition))
    assert "[A red door]" in edition.text
    assert "and [a] [1] here" in edition.text
    assert name in {asset.name for asset in edition.assets}


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("![a](a.png)", ""), ("[![a](a.png)](https://e.example/)", ""), ("Look:\n![a](a.png)", "12px 0 0"),
        ("![a](a.png)\nAs you see.", "0 0 12px"), ("Look:\\\n![a](a.png)\nYou see.", "12px 0 12px"),
        ("Look ![a](a.png) here", None),
    ],
)  # fmt: skip
def test_picture_on_a_line_of_its_own_stands_apart(text: str, margin: str | None) -> None:
    edition = compiled(text, pictures={"a.png": make_image(1200, 600)})
    (style,) = re.findall(r'<img [^>]*alt="a"[^>]* style="([^"]*)"', edition.html)
    assert ("display:block" in style) is (margin is not None)
    assert style.partition(";margin:")[2].partition(";")[0] == (margin or "")


@pytest.mark.parametrize("text", ["#", "words\n\n###\n\nmore", "> ##", "- #", "# ` `", "# &nbsp;"])
def test_heading_without_words_reaches_neither_part(text: str) -> None:
    edition = compiled(text)
    assert not re.search(r"^[-.]+$", edition.text.partition("A subject")[2].partition("-" * 72)[0], re.MULTILINE)


@pytest.mark.parametrize("signs", ["'{}'", "[{}]", "**{}**", '"{}"', "({}).", "~~{}~~", "“{}”"])
def test_bare_url_between_signs_is_the_same_link_in_both_parts(signs: str) -> None:
    edition = compiled(f"See {signs.format('https://e.example/page')} now")
    assert [link.url for link in edition.links if "e.example" in link.url] == ["https://e.example/page"]


def test_headings_of_three_levels_differ() -> None:
    edition = compiled("## Two\n\n### Three\n\n#### Four")
    found = re.findall(r'<h([234]) style="([^"]*)"', edition.html)
    styles = [style for _, style in found]
    assert [level for level, _ in found] == ["2", "3", "4"]
    assert len(set(styles)) == 3
    assert "Two\n---\n\nThree\n.....\n\nFour\n...." in edition.text


@pytest.mark.parametrize("depth", [3, 12, 25])
def test_deep_lists_reach_readers(depth: int) -> None:
    edition = compiled("\n".join("  " * level + f"- level {level}." for level in range(depth)))
    assert f"level {depth - 1}." in html_of(edition)
    assert f"level {depth - 1}." in edition.text


def test_summary_of_an_article_has_them_too() -> None:
    article = Article("T", url="https://e.example/", summary="A claim[^1].\n\n[^1]: Its source.")
    edition = edition_of(compile_issue(make_issue(make_content(HighlightsBlock((article,)))), "en", make_kit()))
    assert '<li id="note-1"><p>Its source.' in html_of(edition)
    assert "[1] Its source." in edition.text


def test_link_is_defined_right_below_a_footnote() -> None:
    html = html_of(
        compiled("A [guide] and a note[^1].\n\n[^1]: The note\ngoes on.\n[guide]: https://example.org/guide")
    )
    assert '<a href="https://example.org/guide">guide</a>' in html
    assert re.search(r'<li id="note-1"><p>The note\s+goes on\.', html)
    assert "[guide]:" not in html
