"""What a newsletter must say about its sender before anything leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from letters import IDENTITY

from newsletter.delivery.checks.identity import check_identity
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
