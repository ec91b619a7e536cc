"""The public pages: who may do what with which link, by which method; and what the answers carry."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import Message

from newsletter.audience.consent import Consent
from newsletter.seal import public_key
from newsletter.storage.database import tables
from newsletter.tokens import Key, Purpose, Signer
from newsletter.web.pages import hash_source
from newsletter.web.public.app import small_body

if TYPE_CHECKING:
    from pathlib import Path

    from integration.web.conftest import World

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = "List-Unsubscribe=One-Click"
BUTTON = "answer=yes"
MULTIPART = (
    '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    {"Content-Type": "multipart/form-data; boundary=x"},
)
ENDED = {1: "unsubscribed", 2: "unsubscribed", 3: "confirmed"}
BEFORE = {1: "confirmed", 2: "pending", 3: "confirmed"}
PATHS = ("/u/", "/r/", "/v/")


def undo_of(page: str) -> str:
    """The address that a page's undo button posts to."""
    match = re.search(r'action="\.\./(r/[a-z2-7]+)"', page)
    assert match, page
    return "/" + match[1]


@pytest.mark.parametrize(("body", "headers"), [(ONE_CLICK, URLENCODED), MULTIPART])
def test_one_click_leaves_the_lists_that_led_to_the_person(
    world: World, reader: str, body: str, headers: dict[str, str]
) -> None:
    answer = world.client.post(f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}", content=body, headers=headers)
    assert answer.status_code == 200
    assert world.consents(1) == ENDED
    (event,) = world.events()
    assert (event.kind, event.subscriber_id, event.recipient_id, event.delivery_id) == (
        "unsubscribed", 1, reader, world.delivery,
    )  # fmt: skip
    assert event.data == {"how": "one-click", "ended": {"1": "confirmed", "2": "pending"}}
    with world.database.read() as connection:
        rows = connection.execute(sa.select(tables.subscriptions).order_by(tables.subscriptions.c.list_id)).all()
    assert [row.how for row in rows] == ["one-click", "one-click", "import"]
    assert {row.basis for row in rows} == {"signed up on paper"}


def test_one_click_said_three_times_is_said_once(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    first = world.client.post(url, content=ONE_CLICK, headers=URLENCODED)
    after = world.everything()
    for _ in range(2):
        again = world.client.post(url, content=ONE_CLICK, headers=URLENCODED)
        assert (again.status_code, again.text) == (first.status_code, first.text)
    assert world.everything() == after


def test_one_click_needs_no_cookie_and_sets_none(world: World, reader: str) -> None:
    answer = world.client.post(
        f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}",
        content=ONE_CLICK,
        headers=URLENCODED | {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site", "Cookie": "a=b"},
    )
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert world.consents(1) == ENDED


def test_one_click_token_survives_capitals(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader).upper()}"
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200
    assert world.consents(1) == ENDED


def test_one_click_works_below_the_path_of_the_public_url(world: World, reader: str) -> None:
    """The world's public URL ends in /letters; a proxy may pass that on or take it away."""
    url = f"/letters/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    assert world.client.get(url).status_code == 200
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200
    assert world.consents(1) == ENDED
    assert world.client.get(f"/elsewhere/u/{world.token(Purpose.UNSUBSCRIBE, reader)}").status_code == 404


def test_one_click_works_with_a_rotated_key(world: World, reader: str) -> None:
    old = Signer([Key("zz", b"o" * 32)])
    url = f"/u/{old.sign(Purpose.UNSUBSCRIBE, reader)}"
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 404
    world.signer._keys["zz"] = Key("zz", b"o" * 32)
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200
    assert world.consents(1) == ENDED


def test_one_click_of_a_person_whose_address_is_gone(world: World) -> None:
    recipient = world.add(2, {1: Consent.CONFIRMED}, address="")
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, recipient)}"
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200
    assert world.consents(2) == {1: "unsubscribed"}


def test_one_click_of_a_person_without_subscriptions(world: World) -> None:
    recipient = world.add(2, {}, address="bo@example.org")
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, recipient)}"
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200
    assert world.client.post(url, content=BUTTON, headers=URLENCODED).status_code == 200
    assert world.client.get(url).status_code == 200
    assert world.events() == []


def test_another_body_changes_nothing(world: World, reader: str) -> None:
    other = world.add(2, {1: Consent.CONFIRMED}, address="bo@example.org")
    unsubscribe = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    page = world.client.post(f"/u/{world.token(Purpose.UNSUBSCRIBE, other)}", content=BUTTON, headers=URLENCODED)
    before = world.everything()
    for url in (unsubscribe, undo_of(page.text)):
        for body, headers, status in [
            ("List-Unsubscribe=Two", URLENCODED, 400),
            ("", URLENCODED, 400),
            ("answer=no", URLENCODED, 400),
            (ONE_CLICK, {"Content-Type": "application/json"}, 400),
            (ONE_CLICK, {"Content-Type": "text/plain"}, 400),
            (ONE_CLICK, {"Content-Type": "multipart/form-data"}, 400),
            (ONE_CLICK + "&x=" + "x" * 5000, URLENCODED, 413),
        ]:
            answer = world.client.post(url, content=body, headers=headers)
            assert answer.status_code == status, (url, body)
            assert world.everything() == before, (url, body)


def test_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.public.app._PATIENCE", 0.01)

    async def silence() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("never")

    with pytest.raises(HTTPException) as caught:
        asyncio.run(small_body(Request({"type": "http", "method": "POST", "headers": []}, silence)))
    assert caught.value.status_code == 408


def test_undo_cannot_be_had_by_one_click(world: World, reader: str) -> None:
    page = world.client.post(f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}", content=BUTTON, headers=URLENCODED)
    before = world.everything()
    assert world.client.post(undo_of(page.text), content=ONE_CLICK, headers=URLENCODED).status_code == 400
    assert world.everything() == before


@pytest.mark.parametrize("path", PATHS)
def test_only_a_post_changes_anything(world: World, reader: str, path: str) -> None:
    before = world.everything()
    for purpose in Purpose:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
            answer = world.client.request(
                method,
                path + world.token(purpose, reader),
                headers=URLENCODED | {"Purpose": "prefetch", "Sec-Purpose": "prefetch"},
            )
            assert answer.status_code in ((200, 404) if method in ("GET", "HEAD") else (405,)), (purpose, method)
            assert world.everything() == before, (purpose, method)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/u/x", "GET, HEAD, POST"),
        ("/r/x", "GET, HEAD, POST"),
        ("/v/x", "GET, HEAD"),
        ("/u", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_all_that_are_allowed(world: World, path: str, methods: str) -> None:
    answer = world.client.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("path", PATHS)
def test_a_token_does_the_one_thing_it_is_for(world: World, reader: str, path: str) -> None:
    before = world.everything()
    for purpose in Purpose:
        for body in (ONE_CLICK, BUTTON):
            if (path, purpose) == ("/u/", Purpose.UNSUBSCRIBE):
                continue  # what this one does is told above
            answer = world.client.post(path + world.token(purpose, reader), content=body, headers=URLENCODED)
            # An undo names a departure: a token of ours over a recipient's id is none.
            assert answer.status_code == (405 if path == "/v/" else 404), (purpose, body)
            assert world.everything() == before, (purpose, body)


@pytest.mark.parametrize("path", PATHS)
def test_a_damaged_token_is_told_the_same_as_a_foreign_one(world: World, reader: str, path: str) -> None:
    good = world.token(Purpose.UNSUBSCRIBE, reader)
    foreign = Signer([Key("ab", b"x" * 32)]).sign(Purpose.UNSUBSCRIBE, reader)
    unknown = world.token(Purpose.VIEW if path == "/v/" else Purpose.UNSUBSCRIBE, "a" * 26)
    bad = [good[:-1] + ("a" if good[-1] != "a" else "b"), good[1:], good + "a", foreign, unknown, "a", "%00", "%F0%9F"]
    if path != "/u/":
        bad.append(good)
    before = world.everything()
    pages = set()
    for token in bad:
        for answer in (
            world.client.get(path + token),
            world.client.post(path + token, content=ONE_CLICK, headers=URLENCODED),
        ):
            if answer.status_code != 405:  # /v/ takes no POST, whatever the token
                assert answer.status_code == 404
                pages.add(answer.text)
    assert len(pages) == 1
    assert world.everything() == before


def test_the_page_asks_once_and_the_button_leaves(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    page = world.client.get(url)
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert '<form method="post">' in page.text
    assert "<script" not in page.text
    answer = world.client.post(url, content=BUTTON, headers=URLENCODED)
    assert answer.status_code == 200
    assert world.consents(1) == ENDED
    assert world.events()[0].data["how"] == "page"
    assert "You are not subscribed" in world.client.get(url).text


def test_undo_gives_back_exactly_what_was_taken(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    undo = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    assert world.client.get(undo).status_code == 200
    assert world.consents(1) == ENDED
    answer = world.client.post(undo, content=BUTTON, headers=URLENCODED)
    assert (answer.status_code, "Welcome back" in answer.text) == (200, True)
    assert world.consents(1) == BEFORE
    after = world.everything()
    again = world.client.post(undo, content=BUTTON, headers=URLENCODED)
    assert (again.status_code, "Welcome back" in again.text) == (200, True)
    assert world.everything() == after
    assert [event.kind for event in world.events()] == ["unsubscribed", "resubscribed"]


def test_undo_after_one_click_is_offered_by_the_page(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    world.client.post(url, content=ONE_CLICK, headers=URLENCODED)
    undo = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    world.client.post(undo, content=BUTTON, headers=URLENCODED)
    assert world.consents(1) == BEFORE


def test_undo_of_an_earlier_departure_does_not_undo_a_later_one(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    first = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    world.client.post(first, content=BUTTON, headers=URLENCODED)
    second = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    assert first != second
    answer = world.client.post(first, content=BUTTON, headers=URLENCODED)
    assert "Nothing was changed" in answer.text
    assert world.consents(1) == ENDED


def test_undo_leaves_alone_what_changed_since(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    undo = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    with world.database.write() as connection:  # the team took the person off the first list meanwhile
        connection.execute(
            sa.update(tables.subscriptions)
            .where(tables.subscriptions.c.subscriber_id == 1, tables.subscriptions.c.list_id == 1)
            .values(changed_at=world.clock(), how="command")
        )
    world.client.post(undo, content=BUTTON, headers=URLENCODED)
    assert world.consents(1) == {1: "unsubscribed", 2: "pending", 3: "confirmed"}


def test_undo_does_not_bring_back_an_erased_person(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    undo = undo_of(world.client.post(url, content=BUTTON, headers=URLENCODED).text)
    with world.database.write() as connection:
        connection.execute(sa.update(tables.subscribers).where(tables.subscribers.c.id == 1).values(address=""))
    answer = world.client.post(undo, content=BUTTON, headers=URLENCODED)
    assert "Nothing was changed" in answer.text
    assert world.consents(1) == ENDED


def test_names_are_escaped_on_every_page(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    asked = world.client.get(url)
    left = world.client.post(url, content=BUTTON, headers=URLENCODED)
    for page in (asked, left, world.client.get("/nowhere"), world.client.get("/u"), world.client.get("/")):
        assert "<b>Weekly" not in page.text
        assert "<i>digest" not in page.text
    assert "Weekly <i>digest</i>" in unescape(asked.text)
    assert "Unsubscribe from \u2068The <b>Weekly</b>\u2069?" in unescape(asked.text)


def test_pages_speak_the_language_of_the_edition(world: World) -> None:
    for number, (edition, browser, expected, direction) in enumerate(
        [
            ("en", "fr", "en", "ltr"),
            ("zh", "en", "zh", "ltr"),
            ("zh-TW", "", "zh-Hant", "ltr"),
            ("de-AT", "", "de", "ltr"),
            ("ar", "", "ar", "rtl"),
            ("tlh", "es-MX, en;q=0.5", "es", "ltr"),
            ("tlh", "xx, *;q=0.1", "en", "ltr"),
        ]
    ):
        address = f"bo{number}@example.org"
        recipient = world.add(number, {1: Consent.CONFIRMED}, address=address, language=edition)
        url = f"/u/{world.token(Purpose.UNSUBSCRIBE, recipient)}"
        page = world.client.get(url, headers={"Accept-Language": browser})
        assert f'<html lang="{expected}" dir="{direction}">' in page.text
        assert page.headers["content-language"] == expected


def test_error_pages_speak_the_language_of_the_browser(world: World) -> None:
    page = world.client.get("/nowhere", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert page.status_code == 404
    assert "此链接无效" in page.text


def test_view_shows_the_edition_with_nothing_personal(world: World, reader: str) -> None:
    token = world.token(Purpose.VIEW, reader)
    page = world.client.get(f"/v/{token}")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Hello dear reader" in page.text
    assert "Ana" not in page.text
    assert "secret" not in page.text
    assert world.token(Purpose.UNSUBSCRIBE, reader) not in page.text
    assert 'href="https://news.example.org/letters/u"' in page.text
    assert f'href="https://news.example.org/letters/v/{token}"' in page.text
    assert "q0" not in page.text


def test_view_shows_the_edition_that_the_person_got(world: World) -> None:
    recipient = world.add(2, {1: Consent.CONFIRMED}, address="bo@example.org", language="zh")
    assert '<html lang="zh">' in world.client.get(f"/v/{world.token(Purpose.VIEW, recipient)}").text


def test_view_allows_only_its_own_images_and_styles(world: World, reader: str) -> None:
    sent = world.client.get(f"/v/{world.token(Purpose.VIEW, reader)}").headers["content-security-policy"]
    assert dict(part.split(" ", 1) for part in sent.split("; ")) == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "img-src": "'self' https://news.example.org",
        "style-src": "'unsafe-inline'",
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }


def test_a_forwarded_view_leads_to_an_explanation(world: World) -> None:
    page = world.client.get("/u")
    assert page.status_code == 200
    assert "<button" not in page.text
    assert world.client.post("/u", content=ONE_CLICK, headers=URLENCODED).status_code == 405


def test_the_front_page_tells_what_this_is(world: World) -> None:
    page = world.client.get("/", headers={"Accept-Language": "de"})
    assert page.status_code == 200
    shown = unescape(page.text)
    assert "Ein Newsletter per E-Mail" in shown
    for told in (
        "The <b>Weekly</b>", "A letter about <b>kettles</b>.", "Weekly & Sons", "1 Example Street",
        'href="mailto:editor@example.org"', 'href="https://example.org/imprint"',
    ):  # fmt: skip
        assert told in shown
    assert "<b>" not in page.text


def test_public_keys_of_statements_are_published_the_newest_first(world: World) -> None:
    world.signer._keys["zz"] = Key("zz", b"o" * 32)
    answer = world.client.get("/.well-known/newsletter-statement-keys.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    keys = answer.json()["keys"]
    assert [one["public"] for one in keys] == [public_key(key) for key in world.signer.keys]
    assert {one["type"] for one in keys} == {"Ed25519"}


def test_pages_have_the_colours_and_faces_of_the_theme(world: World, reader: str, tmp_path: Path) -> None:
    world.wear(tmp_path, 'light: {accent: "#123456"}\ntypefaces: {de: {body: [Fell Types, serif]}}\n')
    page = world.client.get("/", headers={"Accept-Language": "de"})
    assert "--accent: #123456;" in page.text
    assert "--face: Fell Types, serif;" in page.text
    assert "Fell Types" not in world.client.get("/nowhere").text
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert hash_source(style) in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("written", ["light: [\n", "base: nowhere\n", "light: {accent: red}\n", "base: default\n", "x"])
def test_a_broken_theme_does_not_keep_anyone_from_leaving(
    world: World, reader: str, tmp_path: Path, written: str
) -> None:
    plain = world.client.get("/").text
    world.wear(tmp_path, written)
    assert world.client.get("/").text == plain
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    assert world.client.post(url, content=BUTTON, headers=URLENCODED).status_code == 200
    assert world.consents(1) == ENDED


def test_assets_are_served_for_ever(world: World) -> None:
    answer = world.client.get("/assets/0123456789abcdef0123456789abcdef.png")
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert world.client.get("/assets/nothing.png").status_code == 404
    assert world.client.get("/assets/..%2Fsecret.toml").status_code == 404


def test_every_answer_carries_the_headers(world: World) -> None:
    for path in ("/u", "/nowhere", "/healthz", "/robots.txt", "/u/bad", "/assets/no.png", "/v/bad"):
        for answer in (world.client.get(path), world.client.head(path), world.client.post(path)):
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "script-src" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-robots-tag"] == "noindex, nofollow"
            assert "set-cookie" not in answer.headers
        assert world.client.head(path).status_code == world.client.get(path).status_code


def test_errors_in_the_database_are_a_page_that_says_so(world: World, reader: str) -> None:
    url = f"/u/{world.token(Purpose.UNSUBSCRIBE, reader)}"
    with world.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE recipients RENAME TO elsewhere")
        connection.exec_driver_sql("ALTER TABLE events RENAME TO events_elsewhere")
    assert world.client.post(url, content=ONE_CLICK, headers=URLENCODED).status_code == 200  # the journal has it
    undo = f"/r/{world.token(Purpose.RESUBSCRIBE, reader)}"
    for answer in (world.client.get(undo), world.client.post(undo, content=BUTTON, headers=URLENCODED)):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "60"
        assert "recipients" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_health_is_told_without_a_word_about_anything(world: World) -> None:
    assert world.client.get("/healthz").text == "ok\n"
