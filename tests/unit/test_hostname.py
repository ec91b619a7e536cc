"""Host names: what passes for another one is told, what is one is not; and which hosts words name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.hostname import ascii_host, direction_control, disguise, named_hosts, owner, shows_nothing


@pytest.mark.parametrize(
    "host",
    [
        "bank.example%e3%80%82evil.example", "bank%2eexample", "bank.example。evil.example", "bank．example",
        "bank｡example", "аррӏе.com", "xn--80ak6aa92e.com", "pаypal.com", "xn--pypal-4ve.com", "gοοgle.com",
        "ｂank.example", "ban\u200bk.example", "ba\u00adnk.example", "ɡoogle.com", "ονα.com", "0x7f.1", "127.1",
        "2130706433.1", "bank\u2024example.com",
    ],
)  # fmt: skip
def test_disguise_is_told(host: str) -> None:
    assert disguise(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.org", "www.example.co.uk", "xn--mnchen-3ya.example", "münchen.example", "straße.example",
        "例子.example", "例子.中国", "ニュースnews.jp", "한국.kr", "пример.рф", "яндекс.ru", "сор.ru", "новости.com",
        "ελλάδα.gr", "δοκιμή.com", "हिन्दी.भारत", "مثال.إختبار", "a-b_c.example", "127.0.0.1", "8.8.8.8",
        "xn--fsqu00a.example", "mu\u0308nchen.example", "EXAMPLE.org", "1.example",
    ],
)  # fmt: skip
def test_honest_host_is_not(host: str) -> None:
    assert disguise(host) == ""


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("STRASSE.example", "strasse.example"),
        ("ελλάδας.gr", "xn--hxakic4aa6c.gr"),
        ("日本語。jp", "xn--wgv71a119e.jp"),
        ("i❤.ws", "xn--i-7iq.ws"),
        ("a_b.bücher.example", "a_b.xn--bcher-kva.example"),
    ],
)
def test_host_is_written_as_browsers_resolve_it(host: str, written: str) -> None:
    assert ascii_host(host) == written


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("example.org", "www.example.org", True),
        ("blog.example.org", "www.example.org", True),
        ("Example.ORG.", "example.org", True),
        ("münchen.example", "xn--mnchen-3ya.example", True),
        ("bank.example", "bank.example.evil.example", False),
        ("bank.co.uk", "evil.co.uk", False),
        ("www.bank.co.uk", "login.bank.co.uk", True),
        ("ana.github.io", "eve.github.io", False),
        ("github.io", "eve.github.io", False),
        ("ana.github.io", "www.ana.github.io", True),
        ("localhost", "localhost", True),
    ],
)  # fmt: skip
def test_owner(one: str, other: str, same: bool) -> None:
    assert (owner(one) == owner(other)) is same


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        ("https://bank.example/login", ["bank.example"]),
        ("Log in at http://bank.example:8080 now", ["bank.example"]),
        ("hxxps://bank.example", ["bank.example"]),
        ("https://bank.example@evil.example/", ["bank.example"]),
        ("bank.example/login", ["bank.example"]),
        ("bank.example", ["bank.example"]),
        ("bank.example.", ["bank.example"]),
        ("Visit www.bank.example today", ["www.bank.example"]),
        ("bank。example/login", ["bank.example"]),
        ("ｂａｎｋ．ｅｘａｍｐｌｅ", ["bank.example"]),
        ("ba\u200bnk.exam\u00adple/login", ["bank.example"]),
        ("bank.example\u2215login", ["bank.example"]),
        ("me@bank.example", ["bank.example"]),
        ("xn--mnchen-3ya.example/x", ["xn--mnchen-3ya.example"]),
        ("münchen.example/x", ["münchen.example"]),
        ("Booking.com", ["Booking.com"]),
    ],
)
def test_words_name_hosts(words: str, hosts: list[str]) -> None:
    assert [named.host for named in named_hosts(words)] == hosts


@pytest.mark.parametrize(
    "words",
    [
        "Node.js", "Next.js", "ASP.NET", "asyncio.run", "os.path", "numpy.linalg", "Array.prototype.map", "README.md",
        "main.py", "Node.js/Deno", "README.md/LICENSE", "TCP/IP", "and/or", "e.g. this", "i.e./e.g.", "U.S./China",
        "v1.2/v1.3", "24/7", "Booking.com raises prices", "Inside Amazon.com", "@ana@mastodon.social", "1.5",
        "3.14/2", "a…b", "Dr. Who", "the bank", "12.03.2024", "Fig. 1.2", "C:/temp", "read more", "", "...",
        "f(x)/g(x)", "κλπ.", "例子。例子",
    ],
)  # fmt: skip
def test_words_without_a_host(words: str) -> None:
    assert list(named_hosts(words)) == []


@given(st.text(max_size=60))
def test_nothing_stumbles_over_any_text(text: str) -> None:
    assert isinstance(disguise(text), str)
    assert isinstance(owner(text), str)
    assert ascii_host(ascii_host(text)) == ascii_host(text) or not text.isascii()
    list(named_hosts(text))


@pytest.mark.parametrize(
    "text",
    [
        "\u200b",
        "\u00ad\u2060",
        "\ufeff",
        "\u180e",
        " \u00a0",
        "\u2066\u2069",
        "\U000e0041",
        "\u3164",
        "\u2800",
        "\ufe0f",
    ],
)
def test_unseen_text(text: str) -> None:
    assert shows_nothing(text)


@pytest.mark.parametrize("text", ["a", "\u200ba", "🏴\U000e0067", "❤️", "。", "-", "\u0915"])
def test_seen_text(text: str) -> None:
    assert not shows_nothing(text)


def test_direction_controls() -> None:
    assert direction_control("ab\u202ec") == 2
    assert direction_control("مرحبا\u200f!") == -1
