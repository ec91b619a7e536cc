"""`show_if`: each recipient gets what a compiler would make of the blocks that are theirs, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit, write_templates
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.columns import Column, ColumnsBlock
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.read_more import ReadMoreBlock
from newsletter.authoring.blocks.simple.callout import CalloutBlock
from newsletter.authoring.blocks.simple.divider import DividerBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.spacer import SpacerBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.parts import Picture
from newsletter.compiler.checks.size import html_size
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.conditions.variants import variants
from newsletter.compiler.edition import Edition, Filled, edition_from_json, edition_to_json
from newsletter.expression import parse_condition

GERMAN, GOLD = 'country == "DE"', 'plan in ["gold", "silver"] and not left'
KIT = make_kit()


def subscriber(*, german: bool, gold: bool) -> dict[str, Any]:
    data = {"name": "Ana", "country": "DE" if german else "FR", "plan": "gold" if gold else "free"}
    return {"subscriber": data, "link": {"unsubscribe": "https://e.example/u", "view": "https://e.example/v"}}


def compiled(blocks: Sequence[Block], **more: Any) -> Edition:
    return edition_of(compile_issue(make_issue(make_content(*blocks, **more)), "en", KIT))


def for_these(blocks: Sequence[Block], *, german: bool, gold: bool) -> list[Block]:
    """The blocks of one recipient, as an author would write them for nobody else: no separator without neighbours."""
    true = {"": True, GERMAN: german, GOLD: gold}
    kept = [replace(block, show_if="") for block in blocks if true[block.show_if]]
    lines = (DividerBlock, SpacerBlock)
    once = [one for one, last in zip(kept, [None, *kept], strict=False) if not isinstance(one, lines) or not
            isinstance(last, lines)]  # fmt: skip
    while once and isinstance(once[0], lines):
        del once[0]
    while once and isinstance(once[-1], lines):
        del once[-1]
    return once


def agree(blocks: Sequence[Block], **more: Any) -> None:
    edition = compiled(blocks, **more)
    for german, gold in product((True, False), repeat=2):
        theirs = for_these(blocks, german=german, gold=gold)
        values = subscriber(german=german, gold=gold)
        expected, filled = compiled(theirs, **more).fill(values), edition.fill(values)
        assert (filled.text, tight(filled.html)) == (expected.text, tight(expected.html))


def tight(html: str) -> str:
    """HTML without what nobody sees: blanks between tags, a first number that is the default."""
    return re.sub(r">\s+<", "><", html).replace('<ol start="1"', "<ol")


def rows(html: str) -> list[str]:
    """How the rows and sections of an email are styled, with their words; sections that add no space do not count."""
    styled = r'<td [^>]*style="[^"]*?(padding:[^;"]*)[^"]*"[^>]*>'
    found = re.findall(rf"{styled}|>([^<>]*\w[^<>]*)<", tight(html.partition("<body")[2]))
    return [word or gap for gap, word in found if word or not gap.startswith("padding:0")]


def test_each_recipient_gets_their_blocks_without_gaps_lines_or_missing_numbers() -> None:
    picture = Picture(make_image(), alt="A ridge", path="blocks[6]")
    agree(
        [
            TextBlock("For everybody, with [a link](https://one.example/).[^n]\n\n[^n]: A note."),
            HeadingBlock("For everybody"),
            QuoteBlock("Words below it."),
            HeadingBlock("German", show_if=GERMAN),
            TextBlock("[Two](https://two.example/) and a note.[^n]\n\n[^n]: Its note.", show_if=GERMAN),
            DividerBlock(),
            TextBlock("Gold, {{ subscriber.name }}, [three](https://three.example/).", show_if=GOLD),
            DividerBlock(),
            ImageBlock(picture),
            QuoteBlock("Be brief.", show_if=GOLD),
            HighlightsBlock((Article("A", url="https://four.example/", summary="B[^n]\n\n[^n]: C"),)),
            SpacerBlock(24),
            CalloutBlock("Last"),
        ],
        preheader="The same for all of them",
    )


def test_sections_and_columns_of_their_own_come_and_go() -> None:
    columns = ColumnsBlock((Column((TextBlock("Left"),)), Column((TextBlock("Right"),))))
    blocks: list[Block] = [
        TextBlock("Alone", show_if=GERMAN),
        replace(columns, show_if=GOLD),
        TextBlock("Between", show_if=GERMAN),
        columns,
        DividerBlock(show_if=GOLD),
        TextBlock("Below"),
    ]
    edition = compiled(blocks, preheader="Same", closing="Until then,")
    for german, gold in product((True, False), repeat=2):
        theirs = [replace(one, show_if="") for one in blocks if {"": True, GERMAN: german, GOLD: gold}[one.show_if]]
        values = subscriber(german=german, gold=gold)
        expected = compiled(theirs, preheader="Same", closing="Until then,").fill(values)
        filled = edition.fill(values)
        assert filled.text == expected.text
        assert rows(filled.html) == rows(expected.html)
        assert "Left" in rows(filled.html)


def test_blocks_inside_columns_come_and_go() -> None:
    def made(*left: Block) -> list[Block]:
        return [ColumnsBlock((Column(left), Column((TextBlock("Right"),))))]

    edition = compiled(made(TextBlock("Hello.", show_if=GERMAN), TextBlock("Left"), HeadingBlock("Au", show_if=GOLD)))
    for german, gold in product((True, False), repeat=2):
        theirs = [TextBlock("Hello.")] * german + [TextBlock("Left")] + [HeadingBlock("Au")] * gold
        values = subscriber(german=german, gold=gold)
        expected, filled = compiled(made(*theirs)).fill(values), edition.fill(values)
        assert (filled.text, tight(filled.html)) == (expected.text, tight(expected.html))


KINDS = [
    lambda n, c: TextBlock(f"Text [{n}](https://e.example/{n}).", show_if=c),
    lambda n, c: HeadingBlock(f"H{n}", show_if=c),
    lambda n, c: QuoteBlock(f"Quote {n}", show_if=c),
    lambda n, c: CalloutBlock(f"Note {n}[^a]\n\n[^a]: N", show_if=c),
]
PIECES = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(["", GERMAN, GOLD]), st.sampled_from([None, DividerBlock(), SpacerBlock(8)])
)


@pytest.mark.parametrize("words", ["end-to-end tests", "e", "z", "0z end"])
def test_words_right_behind_a_marker_are_no_part_of_it(words: str) -> None:
    column = Column((TextBlock(words, show_if=GERMAN), TextBlock("For all.")))
    edition = compiled([ColumnsBlock((column, Column((TextBlock("Beside."),))))])
    for german in (True, False):
        filled = edition.fill(subscriber(german=german, gold=False))
        shown = filled.text.partition("Beside.")[0].partition("For all.")[0]
        assert (f"\n{words}\n" in shown) is german
        assert "For all." in filled.text


@settings(max_examples=8, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6))
def test_any_blocks_are_those_of_the_recipient(pieces: list[Any]) -> None:
    blocks: list[Block] = []
    for number, (kind, condition, separator) in enumerate(pieces):
        blocks += [kind(number, condition), *([separator] if separator and number < len(pieces) - 1 else [])]
    agree(blocks, preheader="Same")


def test_preheader_gives_nothing_away() -> None:
    edition = compiled([TextBlock("Only for Germans, dear reader.", show_if=GERMAN), TextBlock("For all of you here.")])
    assert edition.preheader == "For all of you here."


def test_web_page_of_nobody_hides_what_is_for_some() -> None:
    edition = compiled(
        [TextBlock("All"), TextBlock("Some", show_if=GERMAN), TextBlock("Others", show_if=f"not ({GERMAN})")]
    )
    page = edition.fill_page({"subscriber": {}, "link": {}})
    assert (">Some<" in page, ">Others<" in page) == (False, True)


def test_web_page_that_goes_on_has_conditions_too() -> None:
    blocks = [TextBlock("All"), ReadMoreBlock("More"), TextBlock("Some", show_if=GERMAN), TextBlock("End")]
    edition = compiled(blocks)
    assert ["Some" in edition.fill_page(subscriber(german=is_german, gold=False)) for is_german in (True, False)] == [
        True, False,
    ]  # fmt: skip


def test_stored_edition_is_filled_alike() -> None:
    edition = compiled(
        [TextBlock("All [a](https://a.example/)"), TextBlock("Some [b](https://b.example/)", show_if=GERMAN)]
    )
    stored = edition_from_json(json.loads(json.dumps(edition_to_json(edition))))
    filled: list[Filled] = [one.fill(subscriber(german=True, gold=False)) for one in (edition, stored)]
    assert filled[0] == filled[1]
    older = {
        key: value for key, value in edition_to_json(edition).items() if key not in ("conditions", "regions", "notes")
    }
    assert edition_from_json(older).regions == ()


def test_links_are_registered_once_however_a_block_is_laid_out() -> None:
    blocks = [
        HeadingBlock("H", show_if=GERMAN),
        QuoteBlock("Q", show_if=GOLD),
        TextBlock("See [it](https://it.example/)."),
    ]
    edition = compiled([TextBlock("Words."), *blocks])
    assert edition.html.count("https://it.example/") > 1  # after a heading, after a quote, after a text
    assert [link.url for link in edition.links if "it.example" in link.url] == ["https://it.example/"]


def test_size_is_that_of_the_largest_variant() -> None:
    words = "word " * 400
    only = [compiled([TextBlock(words)]), compiled([TextBlock(words), TextBlock(words)])]
    either = compiled([TextBlock(words, show_if='country == "DE"'), TextBlock(words, show_if='country == "FR"')])
    both = compiled([TextBlock(words, show_if='country == "DE"'), TextBlock(words, show_if='plan == "gold"')])
    near = 500  # of the hidden preheader, which these do not have
    assert abs(html_size(either) - html_size(only[0])) < near
    assert abs(html_size(both) - html_size(only[1])) < near
    assert html_size(both) - html_size(either) > len(words)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([], {()}),
        (['a == "x"', 'a == "y"'], {(True, False), (False, True), (False, False)}),
        (['a in ["x", "y"]', 'a != "x"'], {(True, False), (True, True), (False, True), (False, False)}),
        (["a", "not a"], {(True, False), (False, True)}),
        (['a < "m"', 'a >= "m"'], {(True, False), (False, True), (False, False)}),
        (['a == "x"', 'b | upper == "X"'], set(product((True, False), repeat=2))),
        (['subscriber.a == "x"', 'a == "x"'], {(True, True), (False, False)}),
        (["a == b"], {(True,), (False,)}),
        (['a | default("x") == "x"'], {(True,), (False,)}),
        ([f'a{n} == "x"' for n in range(9)], {(True,) * 9}),  # too many to be tried
    ],
)
def test_variants_are_what_can_be_true_together(sources: list[str], expected: set[tuple[bool, ...]]) -> None:
    assert set(variants([parse_condition(source) for source in sources])) == expected


def test_author_sees_conditions_in_the_mjml() -> None:
    edition = compiled([TextBlock("All"), TextBlock("Some", show_if=GERMAN)])
    mjml = edition.readable(edition.mjml)
    assert f"<!-- show_if: {GERMAN} -->" in mjml
    assert not re.search("m[0-9a-f]{12}[rt]", mjml)


def test_inlined_styles_leave_regions_alone(tmp_path: Any) -> None:
    layout = """<mjml><mj-head><mj-style inline="inline">.x { color: #ff0000; }</mj-style></mj-head><mj-body>
    {{ render_blocks(content.blocks) }}
    <mj-raw><a href="{{ links.unsubscribe }}">u</a><a href="{{ links.view }}">v</a></mj-raw></mj-body></mjml>"""
    text = '<mj-text><p class="x">{{ block.text }}</p></mj-text>'
    kit = make_kit(write_templates(tmp_path, layout=layout, text=text))

    def html(*blocks: Block, german: bool = True) -> str:
        made = edition_of(compile_issue(make_issue(make_content(*blocks)), "en", kit))
        return made.fill(subscriber(german=german, gold=False)).html

    one, two, three = TextBlock("One"), TextBlock("Two"), TextBlock("Three")
    some = replace(two, show_if=GERMAN)
    assert html(one, some, three) == html(one, two, three)
    assert html(one, some, three, german=False) == html(one, three)
    assert 'style="color:#ff0000"' in html(one, some)


def test_too_many_conditions_and_a_column_of_conditions_are_problems() -> None:
    many = [TextBlock("A", show_if=f'a == "{number}"') for number in range(51)]
    found = compile_issue(make_issue(make_content(TextBlock("All"), *many)), "en", KIT)
    assert (found.edition, [one.id for one in found.problems]) == (None, ["too-many-conditions"])
    empty = ColumnsBlock((Column((TextBlock("A", show_if=GERMAN),)), Column((TextBlock("B"),))))
    problems = compile_issue(make_issue(make_content(empty)), "en", KIT).problems
    assert [(one.id, one.path) for one in problems] == [("empty-column", "blocks[0].columns[0]")]


@pytest.mark.parametrize(
    ("heading", "below", "is_told"),
    [
        ("", [TextBlock("A", show_if="gold")], True),
        ("", [TextBlock("A", show_if="gold"), TextBlock("B", show_if="not (gold)")], False),
        ("", [DividerBlock(), TextBlock("A", show_if="gold")], True),
        ("", [TextBlock("A", show_if="gold"), TextBlock("B")], False),
        ("gold", [TextBlock("A", show_if="gold")], False),
        ('plan == "a"', [TextBlock("A", show_if='plan in ["a", "b"]')], False),
        ('plan == "a"', [TextBlock("A", show_if='country == "DE"')], True),
    ],
)
def test_heading_or_column_that_some_would_see_empty_is_told(heading: str, below: list[Block], is_told: bool) -> None:
    blocks = [TextBlock("All"), HeadingBlock("Head", show_if=heading), *below]
    problems = compile_issue(make_issue(make_content(*blocks)), "en", KIT).problems
    told = [("empty-heading", "blocks[1].heading")] if is_told else []
    assert [(one.id, one.path) for one in problems if "empty" in one.id] == told
    if not heading:
        column = ColumnsBlock((Column(tuple(below)), Column((TextBlock("B"),))))
        problems = compile_issue(make_issue(make_content(column)), "en", KIT).problems
        assert ["empty-column"] * is_told == [one.id for one in problems if "empty" in one.id]


def test_email_ends_for_everybody() -> None:
    blocks = (TextBlock("A"), ReadMoreBlock("More", show_if=GERMAN), TextBlock("B"))
    problems = compile_issue(make_issue(make_content(*blocks)), "en", KIT).problems
    assert [(one.id, one.path) for one in problems] == [("bad-condition", "blocks[1].show_if")]
