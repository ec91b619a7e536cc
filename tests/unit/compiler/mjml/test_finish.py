"""Markup: what the converter leaves out is added; premailer changes the selected elements and nothing else."""

from __future__ import annotations

import re

import css_inline
import pytest
from lxml import html as parser
from mjml import mjml2html

from newsletter.compiler.mjml.finish import (
    StylesheetError,
    finish,
    inherit_font,
    inline_css,
    merge_outlook_comments,
    take_inline_css,
)

MJML = """\
<mjml lang="zh" dir="ltr"><mj-head><mj-title>A &quot;title&quot;</mj-title>
<mj-style>@media (prefers-color-scheme: dark) { .x { color: #fff !important } }</mj-style>
<mj-style>[data-ogsc] .x { color: #eee } @supports (x: y) { .x { top: 0 } }
@font-face { font-family: F; src: url(https://f.example/f.woff) }</mj-style>
</mj-head><mj-body width="600px">
<mj-section background-url="https://i.example/back.png" background-color="#abc"><mj-column>
<mj-text><p class="x" style="margin:0">你好 &amp; مرحبا 😀 <a href="https://e.example/?a=%20&amp;b=mseedn01z">x</a></p></mj-text>
<mj-image src="https://i.example/x.png" width="130px" />
<mj-button href="https://e.example/go" background-color="#fff">Go</mj-button>
</mj-column></mj-section><mj-section><mj-column><mj-text>b</mj-text></mj-column></mj-section></mj-body></mjml>
"""
CSS = ".x { margin: 4px; color: red !important } td a { font-weight: bold } .nobody { color: blue }"


@pytest.fixture(scope="module")
def raw() -> str:
    return str(mjml2html(MJML, fonts={}))


@pytest.fixture(scope="module")
def finished(raw: str) -> str:
    return finish(raw, language="zh", direction="ltr", css="")


def comments(html: str) -> list[str]:
    return re.findall(r"<!--.*?-->", html, re.DOTALL)


def styles(html: str) -> list[str]:
    return re.findall(r"<style\b.*?</style>", re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL), re.DOTALL)


def attributes(html: str, *, without: str = "") -> list[tuple[str, dict[str, str]]]:
    """Every element with its attributes, in order."""
    tree = parser.document_fromstring(html.encode())
    return [
        (element.tag, {name: value for name, value in element.attrib.items() if name != without})
        for element in tree.iter()
        if isinstance(element.tag, str)
    ]


def test_doctype_is_upper_case_and_first(finished: str) -> None:
    assert finished.startswith("<!DOCTYPE html>")


def test_language_and_direction_are_set_whatever_the_layout_says() -> None:
    html = finish(
        '<!doctype html><html lang="xx" xmlns="x"><body></body></html>', language="ar", direction="rtl", css=""
    )
    assert '<html lang="ar" dir="rtl" xmlns="x">' in html


def test_images_without_alt_get_an_empty_one(finished: str) -> None:
    images = re.findall(r"<img\b[^>]*>", finished)
    assert images
    assert all(image.count(" alt=") == 1 for image in images)


def test_alt_behind_an_angle_bracket_is_not_doubled() -> None:
    assert finish('<html><img title="a > b" alt="x"></html>', language="en", direction="ltr", css="").count("alt=") == 1


def test_short_colours_become_long_in_attributes_only(finished: str) -> None:
    assert 'bgcolor="#ffffff"' in finished
    assert "background:#ffffff" in finished
    assert not re.search(r"(?:style|color)=\"[^\"]*#[0-9a-f]{3}[^0-9a-f]", re.sub(r"<!--.*?-->", "", finished))
    assert "color: #fff !important" in finished  # a style sheet is for programs that know short ones
    html = finish(
        '<html><a href="https://e.example/#abc" style="color:#abc">#abc</a></html>',
        language="en",
        direction="ltr",
        css="",
    )
    assert '<a href="https://e.example/#abc" style="color:#aabbcc">#abc</a>' in html


def test_picture_as_wide_as_its_column_keeps_its_ratio() -> None:
    mjml = '<mj-image src="https://i.example/x.png" width="500px" height="250px" alt="x" />'
    raw = mjml2html(f"<mjml><mj-body><mj-section><mj-column>{mjml}</mj-column></mj-section></mj-body></mjml>")
    (image,) = re.findall(r"<img\b[^>]*>", finish(raw, language="en", direction="ltr", css=""))
    assert 'height="250"' in image
    assert "height:auto" in image


def test_code_is_written_from_the_left_in_every_language() -> None:
    html = finish('<html><code style="x">a</code><pre dir="rtl">b</pre>', language="ar", direction="rtl", css="")
    assert '<code style="x" dir="ltr">a</code><pre dir="rtl">b</pre>' in html


def test_adjacent_outlook_comments_are_merged(raw: str, finished: str) -> None:
    assert not re.search(r"<!\[endif\]-->\s*<!--\[if mso \| IE\]>", finished)
    assert len(comments(finished)) < len(comments(raw))
    insides = [re.sub(r"<!--\[if mso \| IE\]>|<!\[endif\]-->", "", html) for html in (raw, merge_outlook_comments(raw))]
    assert insides[0] == insides[1]


def test_comments_of_other_conditions_stay_apart() -> None:
    html = "<!--[if mso]>a<![endif]--><!--[if IE]>b<![endif]--> <!--[if !mso]><!-->c<!--<![endif]-->"
    html += "<!--[if mso]>d<![endif]-->"
    assert merge_outlook_comments(html) == html
    assert (
        merge_outlook_comments("<!--[if mso]>a<![endif]-->\n<!--[if mso]>b<![endif]-->x")
        == "<!--[if mso]>ab<![endif]-->x"
    )


def test_common_font_is_written_once_around_all_texts() -> None:
    texts = "".join(
        f'<mj-text font-family="{font}">{words}</mj-text>'
        for font, words in (("Arial, sans-serif", "a"), ("Georgia", "b"), ("Arial, sans-serif", "c"))
    )
    section = f"<mj-section><mj-column>{texts}</mj-column></mj-section>"
    before = mjml2html(f'<mjml><mj-body background-color="#fff">{section}</mj-body></mjml>')
    after = inherit_font(before)
    assert after.count("Arial") == 1
    assert [font.strip() for font in re.findall("font-family:([^;]*)", after)] == ["Arial, sans-serif", "Georgia"]
    body = parser.document_fromstring(after).find(".//div[@role='article']")
    assert body is not None
    assert "font-family:Arial" in body.attrib["style"]
    assert [e.text for e in body.iter("div") if e.text] == ["a", "b", "c"]


def test_inlining_leaves_comments_styles_and_doctype_identical(raw: str) -> None:
    before = finish(raw, language="zh", direction="ltr", css="")
    after = finish(raw, language="zh", direction="ltr", css=CSS)
    assert after != before
    assert comments(after) == comments(before)
    assert styles(after) == styles(before)
    assert after.split("<html")[0].strip() == before.split("<html")[0].strip() == "<!DOCTYPE html>"


def test_inlining_changes_selected_style_attributes_only(raw: str) -> None:
    before = finish(raw, language="zh", direction="ltr", css="")
    after = finish(raw, language="zh", direction="ltr", css=CSS)
    assert attributes(after, without="style") == attributes(before, without="style")
    changed = [b for a, b in zip(attributes(before), attributes(after), strict=True) if a != b]
    assert {tag for tag, _ in changed} == {"p", "a"}


def test_inlining_selects_what_css_inline_selects(raw: str) -> None:
    before = finish(raw, language="zh", direction="ltr", css="")
    ours = inline_css(before, CSS)
    inliner = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, keep_link_tags=True, load_remote_stylesheets=False, extra_css=CSS
    )
    theirs = inliner.inline(before)

    def declarations(html: str) -> list[set[str]]:
        return [
            {re.sub(r"\s+", "", part) for part in values.get("style", "").split(";") if part.strip()}
            for _, values in attributes(html)
        ]

    def added(html: str) -> list[set[str]]:
        return [after - old for old, after in zip(declarations(before), declarations(html), strict=True)]

    # Outlook's `0px` and `0` are the same; premailer shortens the first where it touches an element.
    selected = [{part for part in parts if "red" in part or "bold" in part} for parts in added(ours)]
    assert selected == [{part for part in parts if "red" in part or "bold" in part} for parts in added(theirs)]
    assert sum(map(bool, selected)) == 2  # the button has a weight of its own


def test_words_survive_inlining(raw: str) -> None:
    html = inline_css(finish(raw, language="zh", direction="ltr", css=""), CSS)
    assert "你好 &amp; مرحبا 😀" in html
    assert 'href="https://e.example/?a=%20&amp;b=mseedn01z"' in html


@pytest.mark.parametrize(
    "css", ["@import url(http://169.254.169.254/x.css);", "@media print { a { color: red } }", "/* a */ @font-face { }"]
)
def test_rules_that_cannot_be_inlined_are_refused(css: str) -> None:
    with pytest.raises(StylesheetError, match="cannot stand"):
        inline_css("<html></html>", css)


def test_inline_css_is_taken_out_of_the_mjml() -> None:
    mjml = (
        '<mjml>\n<mj-style inline="inline">\n.a &gt; b { color: red }\n</mj-style>\n<mj-style>.c {}</mj-style></mjml>'
    )
    rest, css = take_inline_css(mjml)
    assert css == ".a > b { color: red }"
    assert "inline" not in rest
    assert "<mj-style>.c {}</mj-style>" in rest
    assert rest.count("\n") == mjml.count("\n")
