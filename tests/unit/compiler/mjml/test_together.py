"""Together: what is kept on one line and in order, and that nothing else changes."""

from __future__ import annotations

import re

import pytest

from newsletter.compiler.mjml.together import keep_together

WHOLE = '<span style="white-space:nowrap">{}</span>'
ORDERED = '<span dir="ltr" style="white-space:nowrap">{}</span>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<h1>A 4-bit title</h1>", f"<h1>A {WHOLE.format('4-bit')} title</h1>"),
        ('<h2 class="t"><a href="https://e.example/4-bit">7-Zip</a></h2>', f'"4-bit">{WHOLE.format("7-Zip")}</a>'),
        ("<h2>a</h2><p>4-bit</p>", "<p>4-bit</p>"),
        ("<h1>24-jähriges-Jubiläum 3-Donaudampfschifffahrt</h1>", "<h1>24-jähriges-Jubiläum 3-Donaudampf"),
        ("<p>a · b</p>", "<p>a ·\u00a0b</p>"),
        ("<a>a</a> ·\n  <a>b</a>", "<a>a</a> ·\u00a0<a>b</a>"),
    ],
)
def test_words_that_belong_together_stay_on_one_line(before: str, after: str) -> None:
    assert after.removeprefix('"4-bit">') in keep_together(before, "ltr")


@pytest.mark.parametrize(
    "number", ["030-1234567", "+49 30 123456", "(030) 123-456", "2026-12-01", "030 123 456", "4-bit"]
)
def test_number_of_several_runs_keeps_its_order_in_text_from_the_right(number: str) -> None:
    before = f"<p>اتصل على {number}، ثم</p>"
    assert keep_together(before, "rtl") == before.replace(number, ORDERED.format(number))
    assert keep_together(before, "ltr") == before


@pytest.mark.parametrize(
    "words", ["عام 2023 2024", "12.5", "25/01", "mabc123n01z-4", "a-1-2", "3 دقائق", "a@1-2.example"]
)
def test_other_numbers_are_left_alone(words: str) -> None:
    assert keep_together(f"<p>{words}</p>", "rtl") == f"<p>{words}</p>"


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_code_comments_styles_and_attributes_are_unchanged(direction: str) -> None:
    words = "030-1234567 · b"
    html = (
        f"<!DOCTYPE html><title>{words}</title><style>/* {words} */</style><!--[if mso]><h1>4-bit</h1> · <![endif]-->"
        f'<h1><code>4-bit {words}</code></h1><pre>{words}\n 1-2</pre><img alt="{words}">'
    )
    assert keep_together(html, direction) == html


def test_no_word_is_lost() -> None:
    html = "<h1>1-a &amp; 2</h1><p>x &lt; 0-1 · y</p>text 0-1"
    words = re.sub(r"<[^>]*>", "", keep_together(html, "rtl")).replace("\u00a0", " ")
    assert words == re.sub(r"<[^>]*>", "", html)
