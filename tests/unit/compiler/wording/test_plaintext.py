"""Plain text: the same facts in the same order as the mail, in lines that fit."""

from __future__ import annotations

import pytest
from compiling import edition_of, make_content, make_issue, make_kit, rich_content

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.parts import Author
from newsletter.columns import columns
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.edition import Edition

VALUES = {
    "subscriber": {"name": "Ana", "language": "en"},
    "link": {"unsubscribe": "https://news.example/u", "view": "https://news.example/v"},
}


def text_of(*blocks: Block, language: str = "en", **more: object) -> str:
    return compiled(*blocks, language=language, **more).fill(VALUES).text


def compiled(*blocks: Block, language: str = "en", **more: object) -> Edition:
    return edition_of(compile_issue(make_issue(make_content(*blocks, language=language, **more)), language, make_kit()))


def test_everything_of_the_issue_is_there_in_order() -> None:
    edition = edition_of(compile_issue(make_issue(rich_content()), "en", make_kit()))
    assert (
        edition.fill(VALUES).text
        == """\
The Weekly
https://news.example/

25 January 2024 · 3 min read · The Paper

A title
=======

And a subtitle

By Ana Example [1]
Read the original: https://example.org/original

[A hero]
By hand

[1] https://people.example/ana

Dear Ana,

see this page [2].

[2] https://example.org/?a=1&b=2

Highlights
----------

* First & foremost
  https://example.org/first
  By Ana Example [3] and Bo Sample · 4 min read · Opinion

  It is good.

  [3] https://people.example/ana

[A ridge]
On the ridge · Photo by Cy [4]

[4] https://cy.example

* Second

  By Di [5].

  [5] https://di.example

> Be brief.
> — Somebody

* One with Ed [6]

* Two

[6] https://ed.example

[A ridge]
https://example.org/large
On the ridge · Photo by Cy [7]

[7] https://cy.example

* * *

→ Write for us
  https://example.org/write?to=en

Sponsored: Sample Maps
https://sponsor.example/

[A ridge]

Maps of everything, by post [8].

[8] https://sponsor.example/post

| Before you go
|
| It is closed; call [9].

[9] https://call.example/

1,234  readers
   42  towns, all [10]

[10] https://towns.example/

Paper
-----

| It lasts; see [11].

[11] https://paper.example/

[A ridge]
On the ridge · Photo by Cy [12]

[12] https://cy.example

Own MJML [13]

[13] https://own.example/

    if {{ name }}:
        print(name)

Python · As short as can be

Until next time,
The editors

------------------------------------------------------------------------
You get this email because you subscribed to The Weekly.
Forwarded to you? Visit our website: https://news.example/

Unsubscribe: https://news.example/u
View in browser: https://news.example/v
Contact: help@example.org

Weekly Press, 1 Example Street, Sample Town
"""
    )


def test_lines_fit_in_any_script() -> None:
    words = "word " * 60 + "**词语，**文字（括号）。" * 20 + "\n\n- " + "item " * 40 + "\n\n> " + "引用" * 60
    text = text_of(TextBlock(words), language="zh", title="很长的标题" * 12)
    assert max(columns(line) for line in text.splitlines()) <= 72
    assert not [line for line in text.splitlines() if line[:1] in tuple("，。）")]


def test_markdown_structure_stays_readable() -> None:
    text = text_of(TextBlock("# Head\n\n1. one\n2. two\n   - inner\n\n> said\n\n```\ncode  here\n```\n\nhard\\\nbreak"))
    assert "Head\n----\n\n1. one\n2. two\n\n   - inner\n\n> said\n\n    code  here\n\nhard\nbreak" in text


def test_same_link_twice_in_a_section_is_noted_once() -> None:
    text = text_of(TextBlock("[a](https://a.example) [b](https://b.example) [c](https://a.example)"))
    assert "a [1] b [2] c [1]\n\n[1] https://a.example\n[2] https://b.example\n" in text


def test_url_that_names_itself_needs_no_note() -> None:
    text = text_of(TextBlock("<https://a.example/x> and <ana@people.example>"))
    assert "https://a.example/x and ana@people.example\n" in text
    assert "[1]" not in text


def test_three_authors_are_joined_as_the_language_does() -> None:
    authors = (Author("A"), Author("B", url="https://b.example"), Author("C"))
    text = text_of(HighlightsBlock((Article("T", authors=authors),)), language="en")
    assert "By A, B [1], and C" in text


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("en", "Unsubscribe: "),
        ("fr", "Se désabonner\u00a0: "),
        ("fr-CA", "Se désabonner\u00a0: "),
        ("zh", "退订："),
        ("zh-TW", "取消訂閱："),
        ("ja", "配信停止："),
        ("ko", "수신 거부: "),
    ],
)
def test_labels_have_the_colon_of_their_language(language: str, label: str) -> None:
    assert f"\n{label}https://news.example/u\n" in text_of(TextBlock("x"), language=language)


def test_no_break_spaces_of_the_author_stay_and_hold() -> None:
    words = "«\u00a0mot\u00a0»" + "\u202f!"
    text = text_of(TextBlock("x" * 68 + f" {words} [lien](https://e.example)"), language="fr")
    assert f"{'x' * 68}\n{words} lien [1]\n" in text


def test_chinese_notes_stand_without_spaces_and_stay_with_their_words() -> None:
    text = text_of(
        TextBlock("字" * 34 + "[原文](https://e.example)改写。见[Ana](https://ana.example)。"), language="zh"
    )
    assert f"{'字' * 34}原\n文[1]改写。见Ana[2]。\n" in text


def test_unmarked_words_keep_their_signs() -> None:
    text = text_of(TextBlock(r"5 * 3 &amp; \*star\* <tag> `code`"))
    assert "5 * 3 & *star* <tag> code" in text


def test_a_word_on_the_author_stands_below_the_signature() -> None:
    author = Author(name="Ana Example", bio="Ana reads [everything](https://ana.example/).")
    text = text_of(TextBlock(text="Hello."), authors=(author,), closing="Until then,", signature="Ana")
    assert "Until then,\nAna\n\nAna reads everything [1].\n\n[1] https://ana.example/" in text


def test_names_written_the_other_way_do_not_turn_their_line() -> None:
    authors = (Author("Ana Example"), Author("נועה לביא", url="https://noa.example"))
    article = Article(
        "כותרת", authors=authors, reading_time=11, label="Opinion", summary="ראו [this](https://e.example)."
    )
    text = text_of(
        HighlightsBlock((article,)),
        QuoteBlock("מילים.", by="[Bo](https://bo.example/)"),
        language="he",
        publication="The Paper",
    )
    lines = [line.strip().replace("\u2068", "<").replace("\u2069", ">") for line in text.splitlines()]
    assert "25 בינואר 2024 · <The Paper>" in lines
    assert "מאת <Ana Example> ו־נועה לביא [1] · 11 דקות קריאה · <Opinion>" in lines
    assert "ראו <this> [2]." in lines
    assert "> — <<Bo> [3]>" in lines
    assert "ההודעה נשלחה אליך כי נרשמת אל <The Weekly>." in lines
    assert "<<Weekly Press>, <1 Example Street, Sample Town>>" in lines
