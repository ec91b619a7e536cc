"""Columns: wide characters take two; lines break where their scripts allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.columns import clip, columns, wrap


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("中文", 4), ("（）", 4), ("e\u0301", 1), ("a\u200bb", 2), ("カナ", 4), ("ｶﾅ", 2)]
)
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width


def test_wrap_breaks_latin_at_spaces() -> None:
    assert wrap("one two three four", width=9) == "one two\nthree\nfour"


def test_wrap_breaks_han_between_characters() -> None:
    assert wrap("一二三四五六", width=8) == "一二三四\n五六"


def test_no_line_begins_with_closing_punctuation() -> None:
    assert wrap("一二三四，五六", width=8) == "一二三\n四，五六"
    assert wrap("一二三（四五", width=8) == "一二三\n（四五"


def test_long_words_stay_whole() -> None:
    assert wrap("see https://example.org/a/very/long/path ok", width=12) == (
        "see\nhttps://example.org/a/very/long/path\nok"
    )


@pytest.mark.parametrize("space", ["\u00a0", "\u2007", "\u202f"])
def test_no_break_at_a_space_that_forbids_it(space: str) -> None:
    assert wrap(f"one two{space}[3] x", width=8) == f"one\ntwo{space}[3]\nx"
    assert wrap(f"one two{space}3 x", width=8) == f"one\ntwo{space}3 x"


def test_prefixes_count() -> None:
    assert wrap("one two three", first="* ", rest="  ", width=9) == "* one two\n  three"


def test_clip_ends_between_words() -> None:
    assert clip("one two three", 9) == "one two…"
    assert clip("one", 9) == "one"
    assert clip("一二三四五六", 9) == "一二三四…"


@given(st.text(alphabet=st.sampled_from("ab 中文，。（）.,"), max_size=80))
def test_wrapping_loses_no_character(text: str) -> None:
    assert wrap(text, width=10).replace("\n", "").replace(" ", "") == text.replace(" ", "")
