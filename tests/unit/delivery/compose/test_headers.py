"""Headers as bytes: read back by another reader, nothing may be lost, added or split."""

from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.compose.headers import Header, exact, named, text, write_headers
from newsletter.errors import ComposeError

WRITABLE = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(32), 0x7F, 0x85, 0x2028, 0x2029]))
    )
)
NAMES = st.sampled_from(["Subject", "To", "List-Id"])


def decoded(written: bytes) -> str:
    """The value, read by the older and stricter of Python's two readers: unfolded, then decoded."""
    value = written.partition(b": ")[2].removesuffix(b"\r\n").replace(b"\r\n", b"").decode("ascii")
    return str(make_header(decode_header(value)))


@given(WRITABLE)
def test_any_subject_comes_back(value: str) -> None:
    written = write_headers([text("Subject", value)])
    if value.strip():
        assert decoded(written) == value
    message = email.message_from_bytes(written + b"\r\nbody", policy=email.policy.SMTP)
    assert message.keys() == ["Subject"]
    assert not message.defects


@given(NAMES, WRITABLE)
def test_lines_are_short_and_end_in_crlf_only(name: str, value: str) -> None:
    written = write_headers([text(name, value)])
    assert written.endswith(b"\r\n")
    for line in written[:-2].split(b"\r\n"):
        assert not re.search(rb"[\r\n\0\x80-\xff]", line)
        assert len(line) <= 76
        assert line.strip(), "a line of nothing but space"


@given(WRITABLE)
def test_encoded_words_are_short_and_hold_whole_characters(value: str) -> None:
    written = write_headers([text("Subject", value)]).decode()
    for word in re.findall(r"=\?utf-8\?[bq]\?[^?]*\?=", written):
        assert len(word) <= 75
        [(octets, charset)] = decode_header(word)
        assert charset == "utf-8"
        octets.decode("utf-8")  # raises if a character was cut


@given(WRITABLE)
def test_any_display_name_comes_back(name: str) -> None:
    written = write_headers([named("To", name, "ana@example.org")])
    message = email.message_from_bytes(written + b"\r\nbody", policy=email.policy.SMTP)
    assert message.keys() == ["To"]
    [address] = message["To"].addresses
    assert address.addr_spec == "ana@example.org"
    assert not message["To"].defects
    # Python's newer reader puts spaces between encoded words of a display name, so the older one reads it.
    phrase, address_read = parseaddr(written.decode()[len("To: ") :].replace("\r\n", ""))
    assert str(make_header(decode_header(phrase))) == (name if name.strip() else "")
    assert address_read == "ana@example.org"


@pytest.mark.parametrize(
    "name",
    ["Ana", "Ana de la Cruz", 'Ana "Bo" \\ Cruz', "Cruz, Ana", "José", "陈小明", "ana@example.net", "a <b>", "J. R."],
)
def test_display_name_of_every_kind_comes_back(name: str) -> None:
    message = email.message_from_bytes(write_headers([named("From", name, "a@b.org")]), policy=email.policy.SMTP)
    assert message["From"].addresses[0].display_name == name


@pytest.mark.parametrize("octet", [*range(32), 0x7F, 0x85, 0x2028, 0x2029, 0xD800])
def test_control_characters_are_refused(octet: int) -> None:
    with pytest.raises(ComposeError, match=f"U\\+{octet:04X}"):
        text("Subject", f"Hi{chr(octet)}Bcc: eve@example.net")
    with pytest.raises(ComposeError):
        named("To", f"Ana{chr(octet)}", "ana@example.org")


def test_what_looks_like_an_encoded_word_stays_text() -> None:
    value = "=?utf-8?q?Hi=0D=0ABcc:_eve@example.net?="
    written = write_headers([text("Subject", value)])
    assert decoded(written) == value
    assert b"Bcc:" not in written.replace(b"=\r\n ", b"")


@pytest.mark.parametrize(
    "inside", ["", "a b@c.org", "a@b.org>", "<a@b.org", "a@b.org\r\nBcc: x", "a\u2028@b.org", "a\u00a0@b.org"]
)
def test_what_cannot_stand_in_angle_brackets_is_refused(inside: str) -> None:
    with pytest.raises(ComposeError, match="To"):
        named("To", "Ana", inside)


def test_address_of_another_script_stands_as_utf8() -> None:
    assert write_headers([named("To", "", "用户@xn--fsqu00a.example")]) == "To: <用户@xn--fsqu00a.example>\r\n".encode()


def test_long_url_is_neither_folded_nor_encoded() -> None:
    url = "https://news.example.org/u/" + "a" * 400
    assert write_headers([exact("List-Unsubscribe", f"<{url}>")]) == f"List-Unsubscribe: <{url}>\r\n".encode()


@pytest.mark.parametrize("piece", ["", "two words", "tab\t", "ümlaut", "a\r\nb"])
def test_exact_piece_with_anything_but_visible_ascii_is_refused(piece: str) -> None:
    with pytest.raises(ComposeError):
        exact("Message-ID", piece)


def test_line_that_cannot_be_folded_and_is_too_long_is_refused() -> None:
    with pytest.raises(ComposeError, match="998"):
        write_headers([exact("List-Unsubscribe", "<https://example.org/" + "a" * 1000 + ">")])


def test_folding_happens_only_between_pieces() -> None:
    header = Header("Subject", tuple(["word"] * 30))
    written = write_headers([header]).decode()
    assert written.replace("\r\n ", " ") == "Subject: " + " ".join(["word"] * 30) + "\r\n"
    assert written.count("\r\n") == 3


def test_shorter_encoding_is_taken() -> None:
    assert b"?q?" in write_headers([text("Subject", "Résumé of the week")])
    assert b"?b?" in write_headers([text("Subject", "大语言模型的新前沿")])
