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
from letters import CLAIM, EDITION, IDENTITY, LETTERHEAD, RECIPIENT, SIGNER, claim, composed, edition
from verifier import decoded, faults

from newsletter.compiler.edition import Region
from newsletter.delivery.compose.message import Message, fill_for
from newsletter.delivery.compose.mould import make_mould
from newsletter.errors import ComposeError
from newsletter.expression import parse_condition, parse_field
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
    assert read(composed(EDITION, CLAIM, LETTERHEAD)).keys() == HEADERS


def test_headers_say_what_they_should() -> None:
    parsed = read(composed(EDITION, CLAIM, LETTERHEAD))
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
    message = composed(EDITION, CLAIM, LETTERHEAD)
    recipient, mac = message.id.removesuffix("@example.org").split(".")
    assert SIGNER.verify(Purpose.MESSAGE_ID, recipient + mac) == RECIPIENT == recipient
    assert read(message)["Message-ID"] == f"<{message.id}>"


def test_text_comes_first_then_html_with_values_in_place() -> None:
    parsed = read(composed(EDITION, claim(values={"name": "Ana & Bo"}), LETTERHEAD))
    text, html = parsed.iter_parts()
    leave = LETTERHEAD.urls.unsubscribe(RECIPIENT)
    assert parsed.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert body(text) == f"Hello Ana & Bo\n\nLeave: {leave}\n"
    assert body(html) == f'<p>Hello Ana &amp; Bo</p>\n<a href="{leave}">Leave</a>\n'


def test_same_arguments_give_the_same_bytes() -> None:
    first = composed(EDITION, CLAIM, LETTERHEAD)
    again = composed(EDITION, claim(epoch=7, attempts=3, sha256="x"), LETTERHEAD)
    elsewhere = composed(EDITION, claim(dated_at=CLAIM.dated_at.astimezone(timezone(timedelta(hours=8)))), LETTERHEAD)
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
    assert composed(EDITION, other, LETTERHEAD).sha256 != composed(EDITION, CLAIM, LETTERHEAD).sha256  # type: ignore[arg-type]


def test_another_signing_key_shows_in_the_bytes() -> None:
    rotated = Signer([Key("bb", b"n" * 32), Key("aa", b"k" * 32)])
    other = replace(LETTERHEAD, signer=rotated)
    assert composed(EDITION, CLAIM, other).id != composed(EDITION, CLAIM, LETTERHEAD).id


def test_list_that_led_to_the_person_gives_the_list_id() -> None:
    message = composed(EDITION, claim(lists=("daily", "weekly")), LETTERHEAD)
    assert read(message)["List-Id"] == '"Daily, too" <daily.example.org>'


def test_person_without_a_name_is_only_an_address() -> None:
    for values in ({}, {"name": ""}, {"name": "  "}, {"name": None}):
        message = composed(EDITION, claim(values=values), LETTERHEAD)
        assert read(message)["To"] == "ana@example.com"
    assert read(message)["Subject"] == "Hello there"


def test_proof_is_marked_in_its_subject() -> None:
    message = composed(EDITION, CLAIM, replace(LETTERHEAD, mark="[Proof]"))
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
    message = composed(edition(identity=replace(IDENTITY, contact=contact)), CLAIM, LETTERHEAD)
    assert read(message)["List-Help"] == header


def test_sender_of_an_internationalised_domain_is_written_with_a_labels() -> None:
    identity = replace(IDENTITY, from_address="post@bücher.example", reply_to="")
    message = composed(edition(identity=identity), CLAIM, LETTERHEAD)
    assert read(message)["From"].addresses[0].addr_spec == "post@xn--bcher-kva.example"
    assert message.id.endswith("@xn--bcher-kva.example")
    assert "Reply-To" not in read(message)


def test_unusable_sender_is_named() -> None:
    with pytest.raises(ComposeError, match="From"):
        composed(edition(identity=replace(IDENTITY, from_address="nobody")), CLAIM, LETTERHEAD)


@pytest.mark.parametrize(
    "name", ["Ana\r\nBcc: eve@example.net", "Ana\n", "Ana\x00", "Ana\x85", "Ana\u2028Bcc: x", "\ud800"]
)
def test_name_that_would_break_a_header_leaves_this_person_out(name: str) -> None:
    with pytest.raises(ComposeError, match=r"U\+"):
        composed(EDITION, claim(values={"name": name}), LETTERHEAD)


def test_half_a_character_in_the_text_leaves_this_person_out() -> None:
    with pytest.raises(ComposeError, match="surrogate"):
        composed(edition(text="\ud800"), CLAIM, LETTERHEAD)


def test_erased_address_leaves_this_person_out() -> None:
    with pytest.raises(ComposeError, match="To"):
        composed(EDITION, claim(address=""), LETTERHEAD)


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n.= "), max_size=60)
STATIC = st.lists(st.one_of(WORDS, st.sampled_from(["NAMEslot", "LEAVEslot", "\n", ".", " "])), max_size=12).map(
    "".join
)
HOSTILE = st.one_of(
    st.text(),
    st.text("ab .=\t\r\n<&>漢\u2028\x00\x85", max_size=300),
    st.sampled_from(
        [".", "..", ".x", "=", "=2E", "=\r\n.\r\n", "From x", "--=_", "NAMEslot", "\ud800", "漢" * 500, "a" * 2000]
    ),
)


@pytest.mark.parametrize("lead", ["", "汉字" * 200], ids=["quoted-printable", "base64"])
@given(STATIC, HOSTILE)
def test_any_words_and_values_come_back_within_what_smtp_allows(lead: str, static: str, value: str) -> None:
    content = f"{lead}{static}\n"
    letter, reader = edition(text=content, html=content, subject="Hello"), claim(values={"name": "Ana", "town": value})
    letter = replace(letter, slots=(replace(letter.slots[0], field=parse_field("subscriber.town")), letter.slots[1]))
    message, filled = composed(letter, reader, LETTERHEAD), fill_for(letter, reader, LETTERHEAD.urls)
    assert faults(message.data) == []
    assert decoded(message.data) == (filled.text, filled.html)
    parsed = read(message)
    assert [body(part) for part in parsed.iter_parts()] == [filled.text, filled.html]
    if lead:
        assert {part["Content-Transfer-Encoding"] for part in parsed.iter_parts()} == {"base64"}


def test_each_recipient_gets_the_regions_and_note_numbers_of_their_variant() -> None:
    content = "NAMEslot\nr1zBasel n01z\nr1er2zBern n02z, NAMEslot\nr2e\nn03z\n"
    letter = edition(
        text=content, html=content, notes="n",
        conditions=(parse_condition('town == "Basel"'), parse_condition('town == "Bern"')),
        regions=(Region("r1z", parse_condition("shown.c1")), Region("r2z", parse_condition("shown.c1 or shown.c2"))),
    )  # fmt: skip
    mould, got = make_mould(letter, LETTERHEAD), dict[str, Message]()
    for town in ("Basel", "Bern", "Chur", "Basel"):
        reader = claim(values={"name": "Ana", "town": town})
        message, filled = mould.cast(reader), fill_for(letter, reader, LETTERHEAD.urls)
        assert decoded(message.data) == (filled.text, filled.html)
        assert got.setdefault(town, message) == message
        assert faults(message.data) == []
    assert decoded(got["Bern"].data)[0] == "Ana\nBern 1, Ana\n\n2\n"


@pytest.mark.parametrize("end", ["", " ", "\t", ".", "é", " ."])
@pytest.mark.parametrize("length", range(70, 80))
def test_no_line_is_too_long_where_an_end_or_a_dot_needs_room(length: int, end: str) -> None:
    static = f"{'a' * length}{end}\n.{'a' * length}{end}\n" + "." * length + f"{end}NAMEslot\n"
    for value in ("a" * length + end, "." * length + end, "."):
        message = composed(edition(text=static), claim(values={"name": value.strip()}), LETTERHEAD)
        assert faults(message.data) == []
        assert body(next(read(message).iter_parts())) == static.replace("NAMEslot", value.strip())


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r.= "), max_size=500))
def test_any_line_ends_become_those_of_email(content: str) -> None:
    wanted = re.sub("\r\n|\r", "\n", content)
    for part in read(composed(edition(text=content, html=content, slots=()), CLAIM, LETTERHEAD)).iter_parts():
        assert body(part) == (wanted if wanted.endswith("\n") else wanted + "\n")


@pytest.mark.parametrize("between", ["", "a", "ab", "abc", "\n"])
def test_base64_holds_values_of_any_length_beside_runs_of_any_length(between: str) -> None:
    static = "汉字" * 50 + f"NAMEslot{between}NAMEslot{between}LEAVEslot\n"
    for length in range(1, 130):
        reader = claim(values={"name": "x" * length})
        part = next(read(composed(edition(text=static), reader, LETTERHEAD)).iter_parts())
        assert part["Content-Transfer-Encoding"] == "base64"
        assert body(part) == fill_for(edition(text=static), reader, LETTERHEAD.urls).text


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")),
)
def test_no_name_or_subject_adds_a_header(name: str, subject: str) -> None:
    message = composed(edition(subject=subject), claim(values={"name": name}), LETTERHEAD)
    parsed = email.message_from_bytes(message.data, policy=email.policy.SMTP)
    assert parsed.keys() == HEADERS
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ana@example.com"]


def test_control_characters_in_a_body_are_left_out() -> None:
    message = composed(edition(text="a\x00b\x1bc\td", slots=()), CLAIM, LETTERHEAD)
    assert body(next(read(message).iter_parts())) == "abc\td\n"


def test_smaller_encoding_is_taken_for_each_part() -> None:
    message = composed(edition(text="大语言模型" * 50, html="<p>plain</p>" * 50, slots=()), CLAIM, LETTERHEAD)
    assert [part["Content-Transfer-Encoding"] for part in read(message).iter_parts()] == ["base64", "quoted-printable"]


def test_address_of_another_script_stands_in_to_as_it_is() -> None:
    message = composed(EDITION, claim(address="用户@xn--fsqu00a.example"), LETTERHEAD)
    assert "To: Ana <用户@xn--fsqu00a.example>\r\n".encode() in message.data


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"MIME-Version", b"MIME-Versiom"),
        (b"Precedence: bulk", b"Precedence: bulk\r\nSubject: twice"),
        (b"Precedence: bulk\r\n", b"Precedence: bulk\n"),
        (b"Precedence: bulk", b"Precedence"),
        (b"<p>Hello", b"<p>=Hello"),
        (b"<p>Hello", b"<p>" + b"Hello" * 15),
        (b"Hello =\r\n", b"Hello \r\n"),
        (b"Hello =\r\n", b"Hello =\r\n..=\r\n"),
        (b"text/html", b"text/plain"),
        (b"<https://news.example.org", b"=?utf-8?q?=3Chttps?="),
    ],
)
def test_verifier_finds_what_is_wrong(right: bytes, wrong: bytes) -> None:
    data = composed(EDITION, CLAIM, LETTERHEAD).data
    assert faults(data) == []
    assert right in data
    assert faults(data.replace(right, wrong)) != []
