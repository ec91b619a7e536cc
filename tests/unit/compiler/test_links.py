"""Links: normalised, and registered with ids that outlive changes elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.compiler.links import Reader, normalise_url, register_links


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("https://example.org/ü b", "https://example.org/%C3%BC%20b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://例子.example:8080/路", "https://xn--fsqu00a.example:8080/%E8%B7%AF"),
        (' https://e.example/"><script> ', "https://e.example/%22%3E%3Cscript%3E"),
        ("mailto:a@e.example", "mailto:a@e.example"),
    ],
)
def test_normalise_url(url: str, normal: str) -> None:
    assert normalise_url(url) == normal


@given(st.text(max_size=50))
def test_normalised_url_is_stable_and_harmless(text: str) -> None:
    url = normalise_url(text)
    assert normalise_url(url) == url
    assert url.isascii()
    assert not set(url) & set(' "<>\\\r\n')


def test_registry_reads_links_and_their_words() -> None:
    reader = Reader(
        '<a href="https://e.example/?a=1&amp;b=2">One <b>more</b></a><!--[if mso]><a href="https://vml"></a><![endif]-->'
        '<a href="https://e.example/2"><img src="https://i.example/x.png" alt="A ridge"></a><a name="x">no</a>'
    )
    assert [(link.url, link.label) for link in register_links(reader, str)] == [
        ("https://e.example/?a=1&b=2", "One more"),
        ("https://e.example/2", "A ridge"),
    ]


def test_link_ids_outlive_changes_elsewhere() -> None:
    first = register_links(Reader('<a href="https://a.example">a</a><a href="https://b.example">b</a>'), str)
    later = register_links(
        Reader('<a href="https://n.example">n</a><a href="https://b.example">B!</a><a href="https://a.example">a</a>'),
        str,
    )
    ids = {link.url: link.id for link in later}
    assert [link.id for link in first] == [ids["https://a.example"], ids["https://b.example"]]


def test_same_url_twice_has_two_ids() -> None:
    one, two = register_links(Reader('<a href="https://a.example">a</a>' * 2), str)
    assert one.id != two.id
