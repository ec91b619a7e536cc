"""What a POST to a personal link asks for, and what it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.consent import Consent
from newsletter.feedback.unsubscribe import MAX_BODY, Wish, lists_to_leave, read_wish

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="here"'


def form(*fields: tuple[str, str], end: str = "\r\n") -> bytes:
    """A multipart body with the boundary `here`."""
    parts = "".join(
        f'--here{end}Content-Disposition: form-data; name="{name}"{end}{end}{value}{end}' for name, value in fields
    )
    return (parts + f"--here--{end}").encode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"List-Unsubscribe=One-Click"),
        (URLENCODED.upper() + "; charset=UTF-8", b"List-Unsubscribe=One-Click\r\n"),
        (URLENCODED, b"List%2DUnsubscribe=One%2DClick"),
        ("", b"List-Unsubscribe=One-Click"),
        (MULTIPART, form(("List-Unsubscribe", "One-Click"))),
        ("Multipart/Form-Data; boundary=here", form(("List-Unsubscribe", "One-Click"))),
        ("multipart/form-data; charset=utf-8; boundary=here", form(("List-Unsubscribe", "One-Click"), end="\n")),
    ],
)
def test_one_click_is_read_in_both_encodings(content_type: str, body: bytes) -> None:
    assert read_wish(content_type, body) is Wish.ONE_CLICK


@pytest.mark.parametrize(("content_type", "body"), [(URLENCODED, b"answer=yes"), (MULTIPART, form(("answer", "yes")))])
def test_the_button_of_the_page_is_read(content_type: str, body: bytes) -> None:
    assert read_wish(content_type, body) is Wish.PAGE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b""),
        (URLENCODED, b"List-Unsubscribe=Two"),
        (URLENCODED, b"List-Unsubscribe="),
        (URLENCODED, b"List-Unsubscribe"),
        (URLENCODED, b"list-unsubscribe=one-click"),
        (URLENCODED, b"List-Unsubscribe=One-Click&List-Unsubscribe=No"),
        (URLENCODED, b"answer=no"),
        (URLENCODED, b"answer=yes&other=1"),
        (URLENCODED, "List-Unsubscribe=One-Click\u00e9".encode()),
        (URLENCODED, b"&".join([b"a=1"] * 50) + b"&List-Unsubscribe=One-Click"),
        (URLENCODED, b"List-Unsubscribe=One-Click&x=" + b"x" * MAX_BODY),
        (URLENCODED, form(("List-Unsubscribe", "One-Click"))),
        (MULTIPART, b"List-Unsubscribe=One-Click"),
        (MULTIPART, form(("List-Unsubscribe", "Two"))),
        (MULTIPART, form(*[("List-Unsubscribe", "One-Click")] * 2)),
        (MULTIPART, form(*[("a", "1")] * 8, ("List-Unsubscribe", "One-Click"))),
        ("multipart/form-data", form(("List-Unsubscribe", "One-Click"))),
        ("multipart/form-data; boundary=elsewhere", form(("List-Unsubscribe", "One-Click"))),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
        ("text/plain", b"List-Unsubscribe=One-Click"),
    ],
)
def test_anything_else_asks_for_nothing(content_type: str, body: bytes) -> None:
    assert read_wish(content_type, body) is None


@given(st.sampled_from([URLENCODED, MULTIPART, "", "multipart/form-data; boundary*0=h"]), st.binary(max_size=200))
def test_hostile_bytes_never_raise_and_never_unsubscribe(content_type: str, body: bytes) -> None:
    assert read_wish(content_type, body) is None


@given(st.text(max_size=80), st.binary(max_size=200))
def test_hostile_content_types_never_raise(content_type: str, body: bytes) -> None:
    read_wish("multipart/form-data;" + content_type, body)


def test_leaving_ends_every_living_subscription_that_led_here() -> None:
    present = {1: Consent.CONFIRMED, 2: Consent.PENDING, 3: Consent.UNSUBSCRIBED, 4: Consent.CONFIRMED}
    assert lists_to_leave([1, 2, 3, 5], present) == {1: Consent.CONFIRMED, 2: Consent.PENDING}
