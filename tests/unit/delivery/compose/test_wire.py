"""What SMTP asks of bytes: the last look before they leave."""

from __future__ import annotations

import pytest

from newsletter.delivery.compose.wire import check_wire
from newsletter.errors import ComposeError

GOOD = b"From: a\r\nSubject: b\r\n folded\r\n\r\nbody\r\n"
NAMES = ["From", "Subject"]


def test_good_bytes_pass() -> None:
    check_wire(GOOD, NAMES)


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"\0\r\n",
        GOOD + b"a\nb\r\n",
        GOOD + b"a\rb\r\n",
        GOOD + b"a\r\r\n",
        GOOD + b"no end",
        GOOD + b"a" * 999 + b"\r\n",
        GOOD + b".\r\n",
        GOOD + b".a\r\n",
        b"Bcc: eve\r\n" + GOOD,
        GOOD.replace(b"\r\n folded", b"\r\nBcc: eve"),
        GOOD.replace(b"Subject: b\r\n folded\r\n", b""),
    ],
    ids=["nul", "bare-lf", "bare-cr", "cr-crlf", "no-end", "long", "dot", "dots", "first", "injected", "missing"],
)
def test_bad_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ComposeError):
        check_wire(data, NAMES)


def test_header_section_cut_short_is_refused() -> None:
    with pytest.raises(ComposeError):
        check_wire(b"From: a\r\n\r\nSubject: b\r\n", NAMES)


def test_line_of_998_octets_passes() -> None:
    check_wire(GOOD + b"a" * 998 + b"\r\n", NAMES)
