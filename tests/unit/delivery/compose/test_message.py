"""Composed messages, judged on their bytes by Python's reader and by the eye."""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage, MIMEPart

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import CLAIM, EDITION, IDENTITY, LETTERHEAD, RECIPIENT, SIGNER, claim, edition

from newsletter.delivery.compose.message import Message, choose_boundary, compose_message
from newsletter.errors import ComposeError
from newsletter.tokens import Key, Purpose, Signer

HEADERS = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "Feedback-ID",
    "Precedence",
    "MIME-Version",
    "Content-Type",
]


def read(message: Message) -> EmailMessage:
    """Read the bytes with the strictest of Python's policies."""
    parsed = email.message_from_bytes(message.data, policy=email.policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    for part in parsed.walk():
        assert part.defects == []
        for name in part:
            assert part[name].defects == ()
    return parsed


def body(part: MIMEPart) -> str:
    """The words of a part, with the line ends that people write."""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def test_headers_are_these_and_no_others() -> None:
    assert read(compose_message(EDITION, CLAIM, LETTERHEAD)).keys() == HEADERS


def test_headers_say_what_they_should() -> None:
    parsed = read(compose_message(EDITION, CLAIM, LETTERHEAD))
    assert parsed["From"] == "The Weekly <weekly@example.org>"
    assert parsed["To"] == "Ana <ana@example.com>"
    assert parsed["Reply-To"] == "answers@example.org"
    assert parsed["Subject"] == "Hello Ana"
    assert parsed["Date"] == "Thu, 25 Jan 2024 09:00:00 +0000"
    assert parsed["List-Id"] == "The Weekly <weekly.example.org>"
    assert parsed["List-Unsubscribe"] == f"<https://news.example.org/u/{SIGNER.sign(Purpose.UNSUBSCRIBE, RECIPIENT)}>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsed["List-Help"] == "<mailto:help@example.org>"
    assert parsed["Feedback-ID"] == "2024-01-25:weekly:newsletter:example.org"
    assert parsed["Precedence"] == "bulk"
    assert parsed["MIME-Version"] == "1.0"


def test_message_id_names_the_recipient_and_carries_a_mac() -> None:
    message = compose_message(EDITION, CLAIM, LETTERHEAD)
    recipient, mac = message.id.removesuffix("@example.org").split(".")
    assert SIGNER.verify(Purpose.MESSAGE_ID, recipient + mac) == RECIPIENT == recipient
    assert read(message)["Message-ID"] == f"<{message.id}>"


def test_text_comes_first_then_html_with_values_in_place() -> None:
    parsed = read(compose_message(EDITION, claim(values={"name": "Ana & Bo"}), LETTERHEAD))
    text, html = parsed.iter_parts()
    leave = LETTERHEAD.urls.unsubscribe(RECIPIENT)
    assert parsed.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert body(text) == f"Hello Ana & Bo\n\nLeave: {leave}\n"
    assert body(html) == f'<p>Hello Ana &amp; Bo</p>\n<a href="{leave}">Leave</a>\n'


def test_same_arguments_give_the_same_bytes() -> None:
    first = compose_message(EDITION, CLAIM, LETTERHEAD)
    again = compose_message(EDITION, claim(epoch=7, attempts=3, sha256="x"), LETTERHEAD)
    elsewhere = compose_message(
        EDITION, claim(dated_at=CLAIM.dated_at.astimezone(timezone(timedelta(hours=8)))), LETTERHEAD
    )
    assert first == again == elsewhere
    assert first.sha256 == hashlib.sha256(first.data).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        claim(values={"name": "Bo"}),
        claim(address="bo@example.com"),
        claim(recipient="b" * 26),
        claim(dated_at=datetime(2024, 1, 26, tzinfo=UTC)),
        claim(lists=("daily",)),
    ],
    ids=["name", "address", "recipient", "date", "list"],
)
def test_what_differs_shows_in_the_bytes(other: object) -> None:
    assert compose_message(EDITION, other, LETTERHEAD).sha256 != compose_message(EDITION, CLAIM, LETTERHEAD).sha256  # type: ignore[arg-type]


def test_another_signing_key_shows_in_the_bytes() -> None:
    rotated = Signer([Key("bb", b"n" * 32), Key("aa", b"k" * 32)])
    other = replace(LETTERHEAD, signer=rotated)
    assert compose_message(EDITION, CLAIM, other).id != compose_message(EDITION, CLAIM, LETTERHEAD).id


def test_list_that_led_to_the_person_gives_the_list_id() -> None:
    message = compose_message(EDITION, claim(lists=("daily", "weekly")), LETTERHEAD)
    assert read(message)["List-Id"] == '"Daily, too" <daily.example.org>'


def test_person_without_a_name_is_only_an_address() -> None:
    for values in ({}, {"name": ""}, {"name": "  "}, {"name": None}):
        message = compose_message(EDITION, claim(values=values), LETTERHEAD)
        assert read(message)["To"] == "ana@example.com"
    assert read(message)["Subject"] == "Hello there"


def test_proof_is_marked_in_its_subject() -> None:
    message = compose_message(EDITION, CLAIM, replace(LETTERHEAD, mark="[Proof]"))
    assert read(message)["Subject"] == "[Proof] Hello Ana"


@pytest.mark.parametrize(
    ("contact", "header"),
    [
        ("https://example.org/help?a=1", "<https://example.org/help?a=1>"),
        ("help@bücher.example", "<mailto:help@xn--bcher-kva.example>"),
        ("mailto:a@example.org", "<mailto:a@example.org>"),
        ("https://bücher.example/ä", "<https://xn--bcher-kva.example/%C3%A4>"),
        ("", None),
        ("just ask at the desk", None),
        ("https://example.org/a b", None),
        ("javascript:alert(1)", None),
    ],
)
def test_list_help_stands_only_for_a_contact_that_can_be_opened(contact: str, header: str | None) -> None:
    message = compose_message(edition(identity=replace(IDENTITY, contact=contact)), CLAIM, LETTERHEAD)
    assert read(message)["List-Help"] == header


def test_sender_of_an_internationalised_domain_is_written_with_a_labels() -> None:
    identity = replace(IDENTITY, from_address="post@bücher.example", reply_to="")
    message = compose_message(edition(identity=identity), CLAIM, LETTERHEAD)
    assert read(message)["From"].addresses[0].addr_spec == "post@xn--bcher-kva.example"
    assert message.id.endswith("@xn--bcher-kva.example")
    assert "Reply-To" not in read(message)


def test_unusable_sender_is_named() -> None:
    with pytest.raises(ComposeError, match="From"):
        compose_message(edition(identity=replace(IDENTITY, from_address="nobody")), CLAIM, LETTERHEAD)


@pytest.mark.parametrize(
    "name", ["Ana\r\nBcc: eve@example.net", "Ana\n", "Ana\x00", "Ana\x85", "Ana\u2028Bcc: x", "\ud800"]
)
def test_name_that_would_break_a_header_leaves_this_person_out(name: str) -> None:
    with pytest.raises(ComposeError, match=r"U\+"):
        compose_message(EDITION, claim(values={"name": name}), LETTERHEAD)


def test_half_a_character_in_the_text_leaves_this_person_out() -> None:
    with pytest.raises(ComposeError, match="surrogate"):
        compose_message(edition(text="\ud800"), CLAIM, LETTERHEAD)


def test_erased_address_leaves_this_person_out() -> None:
    with pytest.raises(ComposeError, match="To"):
        compose_message(EDITION, claim(address=""), LETTERHEAD)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r.= "), max_size=3000))
def test_any_content_comes_back_within_what_smtp_allows(content: str) -> None:
    message = compose_message(edition(text=content, html=content, slots=()), CLAIM, LETTERHEAD)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]", message.data)
    assert max(map(len, message.data.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    wanted = re.sub("\r\n|\r", "\n", content)
    for part in read(message).iter_parts():
        assert body(part) == (wanted if wanted.endswith("\n") else wanted + "\n")


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")),
)
def test_no_name_or_subject_adds_a_header(name: str, subject: str) -> None:
    message = compose_message(edition(subject=subject), claim(values={"name": name}), LETTERHEAD)
    parsed = email.message_from_bytes(message.data, policy=email.policy.SMTP)
    assert parsed.keys() == HEADERS
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ana@example.com"]


def test_control_characters_in_a_body_are_left_out() -> None:
    message = compose_message(edition(text="a\x00b\x1bc\td", slots=()), CLAIM, LETTERHEAD)
    assert body(next(read(message).iter_parts())) == "abc\td\n"


def test_smaller_encoding_is_taken_for_each_part() -> None:
    message = compose_message(edition(text="大语言模型" * 50, html="<p>plain</p>" * 50, slots=()), CLAIM, LETTERHEAD)
    assert [part["Content-Transfer-Encoding"] for part in read(message).iter_parts()] == ["base64", "quoted-printable"]


def test_boundary_stands_in_none_of_the_parts() -> None:
    first = choose_boundary("seed", [b""])
    second = choose_boundary("seed", [b"x" + first.encode() + b"x"])
    assert first != second
    assert choose_boundary("seed", [first.encode(), second.encode()]) not in (first, second)


def test_address_of_another_script_stands_in_to_as_it_is() -> None:
    message = compose_message(EDITION, claim(address="用户@xn--fsqu00a.example"), LETTERHEAD)
    assert "To: Ana <用户@xn--fsqu00a.example>\r\n".encode() in message.data
