"""Markdown: safe HTML, bold beside wide punctuation, leftovers found with their line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.authoring.fields.dialect import flanking
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.leftovers import leftovers
from newsletter.compiler.wording.markdown import plain_words, render_inline, render_markdown

STYLES = {"p": "P", "p_last": "L", "a": "A", "h2": "H"}


def inline(text: str) -> str:
    return render_inline(text, {}, Slots("seed"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**加粗**文字", "<strong>加粗</strong>文字"),
        ("**加粗。**文字", "<strong>加粗。</strong>文字"),
        ("文字**（括号）**文字", "文字<strong>（括号）</strong>文字"),
        ("**“引用”**文字", "<strong>“引用”</strong>文字"),
        ("他说**“好”**。", "他说<strong>“好”</strong>。"),
        ("**《书名》**作者", "<strong>《书名》</strong>作者"),
        ("*斜体，*文字", "<em>斜体，</em>文字"),
        ("***都有！***文字", "<em><strong>都有！</strong></em>文字"),
        ("**テスト。**テスト", "<strong>テスト。</strong>テスト"),
        ("**한국어(조선)**는", "<strong>한국어(조선)</strong>는"),
        ("**[链接](https://e.example)**文字", '<strong><a href="https://e.example">链接</a></strong>文字'),
        ("多个**一。**和**二！**在一行", "多个<strong>一。</strong>和<strong>二！</strong>在一行"),
    ],
)
def test_bold_beside_wide_characters(text: str, html: str) -> None:
    assert inline(text) == html
    assert leftovers(text, Slots("seed"), inline=True) == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a**b**c", "a<strong>b</strong>c"),
        ("snake_case_name", "snake_case_name"),
        ("5 * 3", "5 * 3"),
        (r"\*not\*", "*not*"),
        ("*a **b** c*", "<em>a <strong>b</strong> c</em>"),
        ("_a_ __b__", "<em>a</em> <strong>b</strong>"),
        ("`a*b*`", '<code dir="ltr">a*b*</code>'),
    ],
)
def test_emphasis_elsewhere_is_commonmark(text: str, html: str) -> None:
    assert inline(text) == html
    assert leftovers(text, Slots("seed"), inline=True) == []


def test_flanking_of_latin_punctuation_is_commonmark() -> None:
    assert flanking("*", "a", '"') == (False, True)
    assert flanking("*", " ", '"') == (True, False)
    assert flanking("_", "a", "b") == (False, False)


def test_bad_links_keep_their_words_only() -> None:
    assert inline("[x](javascript:alert) ![p](a.png)") == "x p"


def test_styles_are_written_into_tags() -> None:
    html = render_markdown("# Title\n\none\n\n[two](https://e.example)", STYLES, Slots("seed"))
    assert html == (
        '<h2 style="H">Title</h2>\n<p style="P">one</p>\n<p style="L"><a href="https://e.example" style="A">two</a></p>'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "> q\n>\n> r",
            '<blockquote style="B;margin-bottom:0">\n<p style="P">q</p>\n<p style="L">r</p>\n</blockquote>',
        ),
        (
            "- a\n- b",
            '<ul style="U;margin-bottom:0">\n<li style="I">a</li>\n<li style="I;margin-bottom:0">b</li>\n</ul>',
        ),
        ("- a\n\nb", '<ul style="U">\n<li style="I">a</li>\n</ul>\n<p style="L">b</p>'),
        ("```sh\na < b\n```", '<pre dir="ltr" style="C;margin-bottom:0">a &lt; b\n</pre>'),
        ("    a\n\nb", '<pre dir="ltr" style="C">a\n</pre>\n<p style="L">b</p>'),
        ("# a", '<h2 style="H;margin-bottom:0">a</h2>'),
    ],
    ids=["quotation", "list", "list-before", "code", "code-before", "heading"],
)
def test_what_ends_a_text_has_no_gap_below(text: str, html: str) -> None:
    assert render_markdown(text, STYLES | {"blockquote": "B", "ul": "U", "li": "I", "pre": "C"}, Slots("s")) == html


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("--flag", True),
        ("pip-tools", True),
        ("a b -c", False),
        ("--a-flag-of-more-than-a-line", False),
        ("word", False),
    ],
)
def test_short_code_with_dashes_stays_on_one_line(code: str, stays: bool) -> None:
    assert ("white-space:nowrap" in inline(f"Use `{code}` here")) is stays


def test_line_end_between_han_is_no_space() -> None:
    assert inline("第一行\n第二行") == "第一行第二行"
    assert inline("one\ntwo") == "one\ntwo"
    assert inline("한국어\n다음") == "한국어\n다음"


def test_plain_words_lose_markup_only() -> None:
    assert plain_words("**Bold** [link](https://e.example)\n\n- `code`") == "Bold link code"


def test_merge_field_in_a_link_becomes_a_part_of_the_url() -> None:
    slots = Slots("seed")
    html = render_inline(slots.mark("[x](https://e.example/?n={{ subscriber.name }}) {{ subscriber.name }}"), {}, slots)
    url, word = re.findall(r"mseedn\d\dz", html)
    assert url != word
    assert slots.unmark(html) == ('<a href="https://e.example/?n={{ subscriber.name }}">x</a> {{ subscriber.name }}')


@given(st.text(alphabet=st.sampled_from("ab *_`[]()<>&\"'\\\n!#-。中（）{}%:/.h"), max_size=60))
def test_no_markup_of_the_author_reaches_the_html(text: str) -> None:
    allowed = r"</?(p|strong|em|code|pre|a|ul|ol|li|h2|h3|blockquote|hr|br)( [a-z]+=\"[^\"<>]*\")*( /)?>"
    rest = re.sub(allowed, "", render_markdown(text, STYLES, Slots("seed")))
    assert "<" not in rest
    assert ">" not in rest
