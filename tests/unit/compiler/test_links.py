"""Links: registered with ids that outlive changes elsewhere."""

from __future__ import annotations

from newsletter.compiler.links import HtmlReader, register_links


def test_registry_reads_links_and_their_words() -> None:
    reader = HtmlReader(
        '<a href="https://e.example/?a=1&amp;b=2">One <b>more</b></a><!--[if mso]><a href="https://vml"></a><![endif]-->'
        '<a href="https://e.example/2"><img src="https://i.example/x.png" alt="A ridge"></a><a name="x">no</a>'
    )
    assert [(link.url, link.label) for link in register_links(reader, str)] == [
        ("https://e.example/?a=1&b=2", "One more"),
        ("https://e.example/2", "A ridge"),
    ]


def test_link_ids_outlive_changes_elsewhere() -> None:
    first = register_links(HtmlReader('<a href="https://a.example">a</a><a href="https://b.example">b</a>'), str)
    later = register_links(
        HtmlReader(
            '<a href="https://n.example">n</a><a href="https://b.example">B!</a><a href="https://a.example">a</a>'
        ),
        str,
    )
    ids = {link.url: link.id for link in later}
    assert [link.id for link in first] == [ids["https://a.example"], ids["https://b.example"]]


def test_same_url_twice_has_two_ids() -> None:
    one, two = register_links(HtmlReader('<a href="https://a.example">a</a>' * 2), str)
    assert one.id != two.id
