"""A signed statement: it verifies as it is, and no longer once anything in it or on its page is another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from naughty import NAUGHTY, UNSEEN, Elements, essence

from newsletter.app.audience.statement import public_keys, signed_page, signed_statement, verify_statement
from newsletter.audience.importing.cells import words
from newsletter.seal import canonical, is_signed, public_key, sign
from newsletter.tokens import Key
from newsletter.web.statement import statement_page

KEY, OTHER = Key("aa", b"k" * 32), Key("bb", b"o" * 32)
FACTS: dict[str, Any] = {
    "made_at": "2026-12-01T09:00:00+00:00", "newsletter": "The Weekly", "about": "ana@example.org",
    "email": "ana@example.org", "name": "Ana", "language": "", "timezone": "", "paused_until": None,
    "attributes": {"n": 1.5, "tags": ["a"], "half": "\ud83d", "big": 10**30}, "subscriptions": [
        {"list": "weekly", "consent": "confirmed", "since": "2026-01-01", "how": "form", "basis": "</script><b>"}],
    "signups": [], "messages": [], "returned": [], "events": [], "notes": [], "suppression": None,
}  # fmt: skip
PUBLIC = public_key(KEY)


def page_of(facts: dict[str, Any]) -> str:
    return statement_page(facts, KEY.id, PUBLIC, "https://news.example.org/keys")


@pytest.fixture(scope="module")
def html() -> str:
    page = page_of({**FACTS, "attributes": {"n": 1.5}})
    return signed_page(page, signed_statement(KEY, {**FACTS, "attributes": {"n": 1.5}}, page))


def test_signature_is_the_standards_own() -> None:
    """Of RFC 8032, over sorted ASCII without white space."""
    assert canonical({"b": 1, "a": "é"}) == b'{"a":"\\u00e9","b":1}'
    assert is_signed(PUBLIC, {"a": 1, "b": 2}, sign(KEY, {"b": 2, "a": 1}))
    assert not is_signed(public_key(OTHER), {"a": 1}, sign(KEY, {"a": 1}))
    assert not is_signed("not base64", {"a": 1}, sign(KEY, {"a": 1}))
    assert len({public_key(key) for key in (KEY, OTHER)}) == 2


def test_json_and_page_verify_also_when_the_json_was_laid_out_anew(html: str) -> None:
    signed = signed_statement(KEY, FACTS, page_of({**FACTS, "attributes": {}}))
    for text in (json.dumps(signed), json.dumps(signed, indent=4, sort_keys=True), html):
        verdict = verify_statement(text.encode(), public_keys([OTHER, KEY]).values())
        assert (verdict.fault, verdict.about, verdict.key) == ("", "ana@example.org", "aa")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"consent": "confirmed"', '"consent": "pending"'),
        ("<bdi>confirmed</bdi>", "<bdi>pending</bdi>"),
        ("<h1>", "<h1>The "),
        ('"key": "aa"', '"key": "bb"'),
        ('"algorithm": "Ed25519"', '"algorithm": "none"'),
        ('"page_sha256": "', '"page_sha256": "0'),
        ('"about": "ana', '"about": "eve@example.org", "about": "ana'),
        ('"value": "', '"value": "A'),
        ("</script>\n", "</script>\n<p>and owes us money</p>\n"),
        ('<script type="application/json" id="statement">', '<script type="application/json" id="other">'),
        ("</main>", '<script type="application/json" id="statement">{}</script></main>'),
        (PUBLIC, public_key(OTHER)),
        ("\n", "\r\n"),
    ],
)
def test_anything_altered_is_told(html: str, old: str, new: str) -> None:
    assert old in html
    assert verify_statement(html.replace(old, new).encode(), [PUBLIC]).fault


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"signature": 1}', b'{"signature": {}}', b"[" * 100_000, b'{"a": NaN}']
)
def test_what_is_no_statement_is_told(data: bytes) -> None:
    assert "damaged" in verify_statement(data, [PUBLIC]).fault


def test_statement_of_a_retired_or_foreign_key_is_not_verified(html: str) -> None:
    assert "(aa)" in verify_statement(html.encode(), [public_key(OTHER)]).fault


def test_hostile_values_stay_words_on_the_page_and_in_its_json() -> None:
    plain = Elements(page_of(with_name("Ana")))
    for value in NAUGHTY[::3]:
        name = " ".join(words(value).split()) or "-"
        page = page_of(with_name(name))
        seen = Elements(page)
        assert seen.found == plain.found, repr(value)
        assert essence(name) in essence("".join(seen.words)), repr(value)
        assert not UNSEEN.search(page), repr(value)
        whole = signed_page(page, signed_statement(KEY, with_name(name), page))
        assert not verify_statement(whole.encode(), [PUBLIC]).fault, repr(value)
        assert Elements(whole).found == plain.found, repr(value)


def with_name(name: str) -> dict[str, Any]:
    return {**FACTS, "name": name, "attributes": {"tags": [name]}, "suppression": {"reason": "manual", "note": name}}
