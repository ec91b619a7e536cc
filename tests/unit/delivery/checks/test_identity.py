"""What a newsletter must say about its sender before anything leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from letters import IDENTITY

from newsletter.compiler.edition import Identity
from newsletter.delivery.checks.identity import check_identity, check_real_identity
from newsletter.problem import Problem, Severity

URL = "https://news.example.org"


def only(problems: list[Problem]) -> tuple[str, str, Severity]:
    [problem] = problems
    assert problem.place.file == "newsletter.toml"
    assert problem.message
    assert problem.hint
    return problem.id, problem.path, problem.severity


def test_hint_says_under_which_table_a_line_belongs() -> None:
    told = check_identity(replace(IDENTITY, postal_address=""), "http://news.example.org")
    assert [problem.hint.partition(" = ")[0] for problem in told] == [
        "Write, under [newsletter]: postal_address", "Write, under [public]: url",
    ]  # fmt: skip


def test_complete_sender_has_no_problems() -> None:
    assert check_identity(IDENTITY, URL, "bounces@example.org") == []


@pytest.mark.parametrize(
    ("changes", "rule", "path"),
    [
        ({"newsletter": " "}, "missing-name", "newsletter.name"),
        ({"postal_address": ""}, "missing-postal-address", "newsletter.postal_address"),
        ({"from_address": ""}, "missing-sender", "newsletter.from"),
        ({"from_address": "weekly"}, "bad-sender", "newsletter.from"),
        ({"from_address": "weekly@localhost"}, "bad-sender", "newsletter.from"),
        ({"from_address": "post@b.org\r\nBcc: x@y.org"}, "bad-sender", "newsletter.from"),
        ({"from_address": "büro@example.org"}, "bad-sender", "newsletter.from"),
        ({"reply_to": "The editors <a@example.org>"}, "bad-sender", "newsletter.reply_to"),
        ({"from_name": "Weekly\r\nBcc: x@y.org"}, "bad-name", "newsletter.from"),
        ({"newsletter": "Week\u2028ly"}, "bad-name", "newsletter.name"),
        ({"imprint": "example.org/imprint"}, "bad-imprint", "newsletter.imprint"),
        ({"imprint": "javascript:alert(1)"}, "bad-imprint", "newsletter.imprint"),
    ],
)
def test_sender_that_cannot_be_used_is_an_error(changes: dict[str, str], rule: str, path: str) -> None:
    assert only(check_identity(replace(IDENTITY, **changes), URL)) == (rule, path, Severity.ERROR)


@pytest.mark.parametrize("contact", ["Room 5", "editor@", "https://example.org/a b"])
def test_contact_that_cannot_be_opened_is_a_warning(contact: str) -> None:
    found = only(check_identity(replace(IDENTITY, contact=contact), URL))
    assert found == ("bad-contact", "newsletter.contact", Severity.WARNING)


@pytest.mark.parametrize("contact", ["a@example.org", "mailto:a@example.org", "https://example.org/help"])
def test_contact_that_can_be_opened_is_fine(contact: str) -> None:
    assert check_identity(replace(IDENTITY, contact=contact), URL) == []


@pytest.mark.parametrize("bounces", ["bounces", "b@", "the-newsletter-bounces@example.org", "zurück@example.org"])
def test_mailbox_that_cannot_carry_tokens_is_an_error(bounces: str) -> None:
    found = only(check_identity(IDENTITY, URL, bounces))
    assert found == ("bad-bounces", "bounces.address", Severity.ERROR)


def test_plain_return_path_needs_a_mailbox_and_no_room_for_a_token() -> None:
    long = f"{'long' * 12}@example.org"
    assert check_identity(IDENTITY, URL, long, has_plain_path=True) == []
    assert only(check_identity(IDENTITY, URL, "nobody", has_plain_path=True))[0] == "bad-bounces"


@pytest.mark.parametrize("url", ["http://news.example.org", "http://10.0.0.1:8000"])
def test_public_url_in_clear_is_a_warning(url: str) -> None:
    assert only(check_identity(IDENTITY, url)) == ("public-url-not-https", "public.url", Severity.WARNING)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000", "http://news.localhost:8000"]
)
def test_public_url_of_this_machine_is_for_trying_out(url: str) -> None:
    assert check_identity(IDENTITY, url) == []


def test_everything_is_said_at_once() -> None:
    bad = replace(IDENTITY, newsletter="", from_name="", from_address="", postal_address="", contact="?")
    rules = {problem.id for problem in check_identity(bad, "http://news.example.org", "b")}
    expected = {"missing-name", "missing-sender", "missing-postal-address", "bad-contact", "bad-bounces"}
    assert rules == expected | {"public-url-not-https"}


OURS = Identity(
    newsletter="Maps", from_name="Maps", from_address="maps@maps-weekly.net", reply_to="desk@maps-weekly.net",
    legal_name="Maps Press", postal_address="7 Harbour Road, Porto", contact="https://maps-weekly.net/help",
    imprint="https://maps-weekly.net/imprint",
)  # fmt: skip
STARTER = Identity("Example Weekly", "Example Weekly", "hello@news.example.org", postal_address="1 Example Street")
OUR_URL = "https://news.maps-weekly.net"


def real(identity: Identity = OURS, url: str = OUR_URL, bounces: str = "") -> list[tuple[str, str]]:
    found = check_real_identity(identity, url, bounces, STARTER)
    assert {problem.severity for problem in found} <= {Severity.WARNING}
    return [(problem.path, problem.id) for problem in found]


def test_sender_of_ones_own_may_send_for_real() -> None:
    assert real(bounces="bounces@maps-weekly.net") == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"newsletter": "example  weekly"}, "newsletter.name"),
        ({"from_name": "Example Weekly"}, "newsletter.from"),
        ({"from_address": "hello@news.example.org"}, "newsletter.from"),
        ({"postal_address": " 1 Example Street "}, "newsletter.postal_address"),
        ({"postal_address": "1 Example Street, Porto"}, "newsletter.postal_address"),
        ({"postal_address": "Maps Press, 1 EXAMPLE STREET"}, "newsletter.postal_address"),
        ({"postal_address": "Example Street"}, "newsletter.postal_address"),
        ({"newsletter": "Example Weekly News"}, "newsletter.name"),
    ],
)
def test_sender_of_the_starter_is_noticed(changes: dict[str, str], path: str) -> None:
    assert real(replace(OURS, **changes)) == [(path, "example-sender")]


@pytest.mark.parametrize("domain", [
    "example.org", "example.com", "EXAMPLE.NET.", "mail.example.com", "weekly.example", "weekly.test", "a.invalid",
    "news.localhost",
])  # fmt: skip
def test_domain_that_belongs_to_nobody_is_noticed_wherever_it_stands(domain: str) -> None:
    wrong = replace(
        OURS, from_address=f"a@{domain}", reply_to=f"a@{domain}", contact=f"mailto:a@{domain}?subject=x",
        imprint=f"https://{domain}/@imprint",
    )  # fmt: skip
    keys = ["newsletter.from", "newsletter.reply_to", "newsletter.contact", "newsletter.imprint", "bounces.address"]
    assert real(wrong, bounces=f"b@{domain}") == [(key, "reserved-domain") for key in keys]


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost.", "LOCALHOST", "news.localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001",
     "0.0.0.0", "[::1]", "[::]", "[fd00::1]", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.1.1", "100.64.0.1",
     "mailbox", "news.local", "news.lan", "news.internal", "router.home.arpa", "%6cocalhost"],
)  # fmt: skip
def test_public_url_that_no_reader_reaches_is_noticed(host: str) -> None:
    assert real(url=f"https://{host}:8443/letters") == [("public.url", "public-url-local")]


@pytest.mark.parametrize("host", ["news.example.org", "weekly.test", "a.invalid", "example.com"])
def test_public_url_at_a_domain_of_nobody_is_noticed(host: str) -> None:
    assert real(url=f"https://{host}") == [("public.url", "reserved-domain")]


@pytest.mark.parametrize(
    "host", ["maps-weekly.net", "8.8.8.8", "locals.net", "myexample.org", "example.org.uk", "test.net"]
)
def test_public_url_that_readers_reach_is_fine(host: str) -> None:
    assert real(url=f"https://{host}/letters") == []


def test_public_url_is_noticed_once_for_the_worst_about_it() -> None:
    assert real(url="http://localhost:8000") == [("public.url", "public-url-local")]
    assert real(url="http://news.maps-weekly.net") == [("public.url", "public-url-not-https")]


@pytest.mark.parametrize("text", [
    "TODO", "todo", "-", "…", "TODO our street", "Maps Press, TODO, Porto", "tbd", "n/a", "XXX", "ＴＯＤＯ",
    "[our address, town]",
])  # fmt: skip
@pytest.mark.parametrize(
    ("field", "key"),
    [("postal_address", "postal_address"), ("from_name", "from"), ("newsletter", "name"), ("legal_name", "legal_name"),
     ("reply_to", "reply_to"), ("contact", "contact"), ("imprint", "imprint")],
)  # fmt: skip
def test_value_never_filled_in_is_noticed(field: str, key: str, text: str) -> None:
    assert real(replace(OURS, **{field: text})) == [(f"newsletter.{key}", "placeholder")]


@pytest.mark.parametrize(
    "address", ["11 Example Street West, Porto", "7 Street", "Weekly House, Porto", "Berlin, (Germany)", "東京都1-2-3"]
)
def test_address_of_ones_own_is_fine(address: str) -> None:
    assert real(replace(OURS, newsletter="Weekly", postal_address=address)) == []


def test_scheme_may_be_in_capitals() -> None:
    capitals = replace(OURS, imprint="HTTPS://maps-weekly.net/imprint", contact="MAILTO:desk@maps-weekly.net")
    assert check_identity(capitals, "HTTPS://news.maps-weekly.net") == []
    assert real(capitals, "HTTPS://news.maps-weekly.net") == []
