from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.authoring.fields.url import MAX_LENGTH, BadUrl, normalise_url, url_fault

_NO_USER = "Delete what is between // and @; a link to an email address begins with mailto:"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org", "HTTP://Example.org:8080/a(b)?c=d&e#f", "https://例子.example/路", "https://[2001:db8::1]:8000/x",
        "https://[2001:db8::1]/", "mailto:ana@example.org", "mailto:ana@example.org?subject=Hi",
        "mailto:ana@example.org,bo@example.org?cc=cy%40example.org&subject=Hi%20all&body=One%0D%0Atwo",
        "mailto:?subject=Read&body=https://example.org/", "mailto:?to=ana@example.org", "tel:+49-30-123456", "tel:112",
        "tel:+1(555)123.45;ext=7", "TEL:*100#",
        "https://example.org/?n={{ subscriber.name }}", "{{ link.view }}", "https://example.org/@user",
    ],
)  # fmt: skip
def test_url_that_mail_may_hold(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("javascript:alert(1)", "Links begin with https://, http://, mailto: or tel:"),
        ("JavaScript:alert(1)", "Links begin with https://, http://, mailto: or tel:"),
        ("data:text/html,x", "Links begin with https://, http://, mailto: or tel:"),
        ("www.example.org/x", "Write https://www.example.org/x"),
        ("example.org", "Write https://example.org"),
        ("//example.org/x", "Write https://example.org/x"),
        ("example.org:80/x", "Write https://example.org:80/x"),
        ("ana@example.org", "Write mailto:ana@example.org"),
        ("/page", "Write the whole address, beginning with https://"),
        ("#top", "An email has no places to jump to: delete the link, or lead to a web page"),
        ("https://example.org/a b", "Write %20 where it belongs to the link."),
        ('https://example.org/"x"', "Write %22 where it belongs to the link."),
        ("https://example.org/\u3000x", "Write %E3%80%80 where it belongs to the link."),
        ("https://", "A link looks like https://example.org/page"),
        ("https:///x", "A link looks like https://example.org/page"),
        ("https://example", "A link looks like https://example.org/page"),
        ("https://example..org", "A link looks like https://example.org/page"),
        ("https://bank.example@example.org/", _NO_USER),
        ("https://bank.example:443@example.org/", _NO_USER),
        ("http://@example.org", _NO_USER),
        ("https://{{ subscriber.name }}@example.org", _NO_USER),
        ("mailto:", "As in mailto:name@example.org"),
        ("mailto:ana", "Addresses are divided by commas."),
        ("mailto:ana@example.org;bo@example.org", "Addresses are divided by commas."),
        ("mailto:ana@example.org,", "As in mailto:name@example.org"),
        ("mailto:ana@example.org?cc=bo", "Addresses are divided by commas."),
        (
            "mailto:ana@example.org?subject=a&b",
            "It may have subject, body, cc, bcc and to; an & in their words is written %26.",
        ),
        ("tel:home", "As in tel:+49-30-123456"),
        ("tel:", "As in tel:+49-30-123456"),
        ("sms:112", "Links begin with https://, http://, mailto: or tel:"),
    ],
)
def test_url_that_mail_may_not_hold_says_what_to_write(url: str, hint: str) -> None:
    fault = url_fault(url)
    assert fault is not None
    assert fault.hint == hint


@pytest.mark.parametrize(
    "url", ["", "https://[::1", "https://example.org:99999/", "https://example.org/" + "x" * MAX_LENGTH]
)
def test_url_that_cannot_be_read_is_a_fault(url: str) -> None:
    assert isinstance(url_fault(url), BadUrl)


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_fault(text: str) -> None:
    for url in (text, f"https://{text}", f"mailto:{text}"):
        assert url_fault(url) is None or str(url_fault(url))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("https://example.org/ü b", "https://example.org/%C3%BC%20b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://例子.example:8080/路", "https://xn--fsqu00a.example:8080/%E8%B7%AF"),
        (' https://e.example/"><script> ', "https://e.example/%22%3E%3Cscript%3E"),
        ("mailto:a@e.example", "mailto:a@e.example"),
        ("https://straße.example/weg", "https://xn--strae-oqa.example/weg"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://☕.example:81/", "https://xn--53h.example:81/"),
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


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://bank.example%E3%80%82evil.example/", "%E3"),
        ("https://bank.example。evil.example/", "bank.example.evil.example"),
        ("https://аррӏе.com", "Cyrillic"),
        ("https://xn--80ak6aa92e.com/x", "Cyrillic"),
        ("https://pаypal.com/?x={{ subscriber.name }}", "several scripts"),
        ("https://bank.example@evil.example", "before @"),
        ("https://ban\u200bk.example", "U+200B"),
        ("https://example.org/p\u200bage", "U+200B ZERO WIDTH SPACE"),
        ("https://example.org/\ufeff", "U+FEFF"),
        ("https://example.org/?a=1&amp;b=2", "&amp;"),
        ("https://example.org/?a=1&#38;b=2", "&#38;"),
        ("http://localhost:3000/draft", "cannot reach localhost"),
        ("http://LOCALHOST./", "cannot reach"),
        ("http://docs.localhost/", "cannot reach"),
        ("http://127.0.0.1:8000/", "cannot reach"),
        ("http://0.0.0.0/", "cannot reach"),
        ("http://[::1]:8000/", "cannot reach"),
        ("http://[::ffff:10.0.0.1]/", "cannot reach"),
        ("http://[fd00::1]/", "cannot reach"),
        ("https://10.1.2.3/", "cannot reach"),
        ("https://172.16.0.1/", "cannot reach"),
        ("https://192.168.0.1/", "cannot reach"),
        ("https://169.254.1.1/", "cannot reach"),
        ("https://printer.local/", "cannot reach"),
        ("https://wiki.internal/", "cannot reach"),
        ("https://nas.home.arpa/", "cannot reach"),
    ],
)
def test_host_in_disguise_is_a_fault(url: str, says: str) -> None:
    fault = url_fault(url)
    assert fault is not None
    assert says in fault.message


@pytest.mark.parametrize(
    "url",
    [
        "https://münchen.example/straße?q=köln",
        "https://例子.中国",
        "https://яндекс.ru",
        "https://localhost.example/",
        "http://1.1.1.1",
        "https://192.0.2.1/",
        "https://172.32.0.1/",
        "https://local.example/internal",
        "https://fa.wikipedia.org/wiki/می\u200cخواهم",
        "https://example.org/?a=1&lang=de;b=2",
    ],
)
def test_honest_host_is_none(url: str) -> None:
    assert url_fault(url) is None
