"""What an author's own MJML may hold; each fault is found at its place."""

from __future__ import annotations

import pytest

from newsletter.authoring.fields.mjml import has_sections, mjml_faults, pictures_named

GOOD = """\
<mj-section background-color="#f4f4f4" padding="12px 0px">
  <mj-column width="50%">
    <mj-text mj-class="prose">Dear {{ subscriber.name | default("reader") }}, <b>see</b><br> &amp;
      <a href="https://example.org/?n={{ subscriber.country | default("x") }}">this</a></mj-text>
    <mj-image src="map.png" alt="A map" href="{{ link.view }}" width="120px" />
  </mj-column>
  <mj-column><mj-raw><!--[if mso]><i>x</i><![endif]--></mj-raw><mj-spacer height="12px" /></mj-column>
</mj-section>
"""


@pytest.mark.parametrize(
    "mjml",
    [
        GOOD, "<mj-text>One</mj-text>\n<mj-divider />", "<mj-hero><mj-text>a</mj-text></mj-hero>",
        "<mj-text><!--[if mso]><table><tr><td><![endif]-->a<!--[if mso]></td></tr></table><![endif]--></mj-text>",
        "<mj-text><!--[if !mso]><!--><b>a</b><!--<![endif]--> <!--[if !mso]>-->b<!--<![endif]--></mj-text>",
        "<mj-text><p style='color:#123456' title='url(a)'>a url(b) c:\\d</p></mj-text>",
    ],
)  # fmt: skip
def test_sound_mjml_has_no_faults(mjml: str) -> None:
    assert list(mjml_faults(mjml)) == []


@pytest.mark.parametrize(
    ("mjml", "rule", "at", "words"),
    [
        ("<mj-txt>a</mj-txt>", "mjml", "<mj-txt", "cannot hold <mj-txt>"),
        ("<mj-include path='a' />", "mjml", "<mj-include", "cannot hold <mj-include>"),
        ("<mj-head><mj-style>a{}</mj-style></mj-head>", "mjml", "<mj-head", "cannot hold <mj-head>"),
        ("<mj-text colour='red'>a</mj-text>", "mjml", "colour", "no attribute colour"),
        ("<mj-section><mj-text>a</mj-text></mj-section>", "mjml", "<mj-text", "in <mj-section>"),
        ("<mj-column><mj-text>a</mj-text></mj-column>", "mjml", "<mj-column", "at the top"),
        ("<mj-text>a</mj-text><mj-section></mj-section>", "mjml", "<mj-section", "beside <mj-text>"),
        ("<mj-text>a", "mjml", "<mj-text", "never closed"),
        ("<mj-text><p>a</mj-text>", "mjml", "<p", "not closed before"),
        ("<mj-text>a</b></mj-text>", "mjml", "</b>", "closes nothing"),
        ("words", "mjml", "words", "would be lost"),
        ("<mj-section>words</mj-section>", "mjml", "words", "holds no words"),
        ("<p>words</p>", "mjml", "<p", "at the top"),
        ("<mj-text>a < b</mj-text>", "mjml", "< b", "&lt;"),
        ("<mj-text align=left>a</mj-text>", "mjml", "<mj-text", "in quotes"),
        ("<mj-text><b c'd>a</b></mj-text>", "mjml", "<b", "cannot be read"),
        ("<MJ-TEXT>a</MJ-TEXT>", "mjml", "<MJ", "small letters"),
        ("<mj-text><!DOCTYPE html>a</mj-text>", "mjml", "<!", "only tags"),
        ("<mj-text><![CDATA[a]]></mj-text>", "mjml", "<!", "only tags"),
        ("<mj-text><?php a ?></mj-text>", "mjml", "<?", "only tags"),
        ("<mj-raw><script>go()</script></mj-raw>", "mjml", "<script", "<script> cannot be used"),
        ("<mj-raw><iframe src='https://a.example/'></iframe></mj-raw>", "mjml", "<iframe", "<iframe>"),
        ("<mj-text><a href='https://a.example/' onclick='go()'>a</a></mj-text>", "mjml", "onclick", "run a script"),
        ("<mj-text><a href='javascript:go()'>a</a></mj-text>", "bad-url", "href", "javascript"),
        ("<mj-button href='http://localhost/x'>a</mj-button>", "bad-url", "href", "cannot reach"),
        ("<mj-image src='a.png' />", "missing-alt", "<mj-image", "no alt"),
        ("<mj-text><img src='a.png'></mj-text>", "missing-alt", "<img", "no alt"),
        ("<mj-image alt='' src='https://spy.example/a.png' />", "bad-image", "src", "who reads"),
        ("<mj-text><img alt='' src=' HTTPS://spy.example/a.png'></mj-text>", "bad-image", "src", "who reads"),
        ("<mj-text><img alt='' src='a.png' srcset='//spy.example/a 2x'></mj-text>", "bad-image", "srcset", "who reads"),
        ("<mj-text><p style='background:URL (//spy.example/a)'>a</p></mj-text>", "bad-image", "style", "who reads"),
        ("<mj-text><p style='background:u\\72l(//spy.example/a)'>a</p></mj-text>", "bad-image", "style", "who reads"),
        ("<mj-text color='red;background:url(//spy.example/a)'>a</mj-text>", "bad-image", "color", "who reads"),
        ("<mj-text><table background='//spy.example/a'></table></mj-text>", "bad-image", "background", "who reads"),
        ("<mj-hero background-url='//spy.example/a'></mj-hero>", "bad-image", "background-url", "who reads"),
        ("<mj-text><!--[if mso]><img src='//spy.example/a'><![endif]--></mj-text>", "bad-image", "<img", "who reads"),
        ("<mj-text><!--[if mso]>\n<v:fill src='//a.example' /><![endif]--></mj-text>", "bad-image", "<v:", "who reads"),
        ("<mj-text><!--[if mso]><script>go()</script><![endif]--></mj-text>", "mjml", "<script", "<script>"),
        ("<mj-text><!--[if mso]><a href='javascript:go()'>a</a><![endif]--></mj-text>", "bad-url", "<a", "javascript"),
        ("<mj-image alt='' />", "bad-image", "<mj-image", "no picture"),
        ("<mj-text><img alt='' src=''></mj-text>", "bad-image", "<img", "no picture"),
        ("<mj-raw><plaintext>a</plaintext></mj-raw>", "mjml", "<plaintext", "<plaintext> cannot be used"),
        ("<mj-raw><noscript>a</noscript></mj-raw>", "mjml", "<noscript", "<noscript> cannot be used"),
        ("<mj-raw><x-y>a</x-y></mj-raw>", "mjml", "<x-y", "<x-y> cannot be used"),
        ("<mj-text><a href = '{{ subscriber.site }}'>a</a></mj-text>", "mjml", "<a", "cannot be read"),
        ("<mj-text><img alt='a > b' src='a.png'></mj-text>", "mjml", "<img", "&gt;"),
        ("<mj-text>a <!-- note --></mj-text>", "html-comment", "<!--", "comment"),
        ("<mj-text>a <!--[if mso]> b</mj-text>", "mjml", "<!--", "does not end"),
        ("<mj-text>a <!-- b</mj-text>", "mjml", "<!--", "does not end"),
        ("<mj-text>a <!--[if mso]> b --> c</mj-text>", "mjml", "<!--", "does not end"),
        ("<mj-text><!--[if mso]>a</mj-text><mj-raw><!--[if mso]><![endif]--></mj-raw>", "mjml", "<!--", "does not end"),
        ("<mj-text>a <!--[if !mso]><!--> b</mj-text>", "mjml", "<!--", "never ends"),
        ("<mj-text color='{{ subscriber.colour }}'>a</mj-text>", "merge-field", "color", "in color"),
        ("<mj-text padding='0 12px'>a</mj-text>", "mjml", "padding", "bare 0"),
    ],
)  # fmt: skip
def test_fault_is_found_at_its_place(mjml: str, rule: str, at: str, words: str) -> None:
    found = [fault for fault in mjml_faults(f"\n  {mjml}\n") if words in fault.message or words in fault.hint]
    assert [(fault.id, fault.at) for fault in found][:1] == [(rule, 3 + mjml.index(at))], list(mjml_faults(mjml))


def test_every_fault_is_told() -> None:
    found = [fault.message for fault in mjml_faults("<mj-txt>a</mj-txt><mj-text colour='x'><b>a</mj-text>")]
    assert len(found) >= 3


def test_pictures_are_files_beside_the_issue() -> None:
    (picture,) = pictures_named(GOOD + '<mj-image src="https://a.example/b.png" alt="" />')
    assert (picture.name, picture.width, GOOD[picture.start : picture.end]) == ("map.png", 120, "map.png")


@pytest.mark.parametrize("tag", ["mj-section", "mj-wrapper", "mj-hero"])
def test_picture_behind_words_is_a_file_beside_the_issue(tag: str) -> None:
    (picture,) = pictures_named(f'<{tag} css-class="a" background-url="map.png"></{tag}>')
    assert picture.name == "map.png"


def test_sections_stand_beside_sections() -> None:
    assert has_sections(GOOD)
    assert not has_sections("<mj-text>mj-section</mj-text>")
