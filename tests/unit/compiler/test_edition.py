"""Edition: values are written as their place needs, and an edition survives being stored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from compiling import IDENTITY
from hypothesis import given
from hypothesis import strategies as st

from newsletter.compiler.edition import (
    Asset,
    Edition,
    Link,
    Slot,
    SlotKind,
    edition_from_json,
    edition_to_json,
    write_value,
)
from newsletter.expression import parse_field

NAME = Slot("mseedn01z", parse_field('subscriber.name | default("there")'), SlotKind.TEXT)
PART = Slot("mseedn02z", parse_field("subscriber.name"), SlotKind.URL_PART)
VIEW = Slot("mseedn03z", parse_field("link.view"), SlotKind.URL)
EDITION = Edition(
    issue="first", language="en", direction="ltr", title="T", subject="Hi mseedn01z", preheader="For mseedn01z",
    html='<p title="mseedn01z">mseedn01z</p><a href="https://e.example/?n=mseedn02z">x</a><a href="mseedn03z">v</a>',
    text="mseedn01z https://e.example/?n=mseedn02z mseedn03z\n", mjml="<mjml>mseedn01z</mjml>",
    slots=(NAME, PART, VIEW), links=(Link("a", "https://e.example/?n=mseedn02z", "x"),),
    assets=(Asset("x.png", "image/png", b"bytes"),), identity=IDENTITY, hash="00",
)  # fmt: skip


def fill(name: str) -> tuple[str, str, str]:
    filled = EDITION.fill({"subscriber": {"name": name}, "link": {"view": "https://v.example/?a=1&b=2"}})
    return filled.subject, filled.html, filled.text


def test_missing_value_takes_its_default() -> None:
    assert EDITION.fill({}).subject == "Hi there"


@pytest.mark.parametrize(
    "hostile",
    ['"><script>alert(1)</script>', "' onmouseover='x", "</p><p>", "%0d%0aBcc: x@e.example", "a&b", "javascript:x"],
)
def test_hostile_values_stay_words(hostile: str) -> None:
    _, html, _ = fill(hostile)
    assert html.count("<") == 6
    assert html.count('"') == 6
    assert "https://e.example/?n=" in html
    url = html.split('href="')[1].split('"')[0]
    assert not set(url.removeprefix("https://e.example/?n=")) & set("\"<>'&=:/ ")


@pytest.mark.parametrize("hostile", ["a\r\nBcc: x@e.example", "a\u2028b", "a\x00b", "a\x85b", "a\tb", "a\ud800b"])
def test_no_value_begins_a_line(hostile: str) -> None:
    subject, html, text = fill(hostile)
    assert len(subject.splitlines()) == len(html.splitlines()) == len(text.splitlines()) == 1
    assert subject.encode()
    assert "\x00" not in html


def test_whole_link_is_only_escaped() -> None:
    assert 'href="https://v.example/?a=1&amp;b=2"' in fill("x")[1]
    assert "https://v.example/?a=1&b=2\n" in fill("x")[2]


@given(st.text())
def test_url_part_never_leaves_its_part(value: str) -> None:
    written = write_value(PART, {"subscriber": {"name": value}}, markup=True)
    assert written.isascii()
    assert not set(written) & set("&?#/=\"'<> \r\n")


def test_readable_shows_the_merge_fields() -> None:
    assert EDITION.readable(EDITION.subject) == 'Hi {{ subscriber.name | default("there") }}'


def test_edition_survives_json() -> None:
    stored = json.loads(json.dumps(edition_to_json(EDITION)))
    assert edition_from_json(stored, EDITION.assets) == EDITION
    assert "bytes" not in json.dumps(stored)


@pytest.mark.parametrize(
    ("contact", "text", "url"),
    [
        ("a@example.org", "a@example.org", "mailto:a@example.org"),
        ("mailto:a@example.org", "a@example.org", "mailto:a@example.org"),
        ("help@bücher.example", "help@bücher.example", "mailto:help@xn--bcher-kva.example"),
        ("https://example.org/help?a=1", "https://example.org/help?a=1", "https://example.org/help?a=1"),
        ("https://example.org/@user", "https://example.org/@user", "https://example.org/@user"),
        ("https://user@example.org/", "https://user@example.org/", ""),
        ("https://bücher.example/", "https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("Room 5", "Room 5", ""),
        ("Room 5, or @us on the net", "Room 5, or @us on the net", ""),
        ("javascript:alert(1)", "javascript:alert(1)", ""),
        ("{{ link.view }}", "{{ link.view }}", ""),
        ("", "", ""),
    ],
)
def test_contact_is_read_once_for_everybody(contact: str, text: str, url: str) -> None:
    identity = replace(IDENTITY, contact=contact)
    assert (identity.contact_text, identity.contact_url) == (text, url)


@pytest.mark.parametrize(
    ("imprint", "url"),
    [
        ("https://example.org/imprint", "https://example.org/imprint"),
        ("example.org/imprint", ""),
        ("a@example.org", ""),
    ],
)
def test_imprint_is_a_page_of_the_web(imprint: str, url: str) -> None:
    assert replace(IDENTITY, imprint=imprint).imprint_url == url
