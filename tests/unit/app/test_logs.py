"""Logs: lines that strangers can cause are few, none is lost without a word, and none holds what it must not."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence

import pytest

from newsletter.app.logs import Limit, Lines
from newsletter.tokens import Key, Purpose, Signer


def lines(created: Sequence[float], most: int) -> list[str]:
    """What is written of the same line at these seconds."""
    limit, written = Limit(most), []
    for when in created:
        record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "refused %s", ("it",), None)
        record.created = when
        if limit.filter(record):
            written.append(record.getMessage())
    return written


def test_few_lines_are_all_written() -> None:
    assert lines([0, 1, 2], 3) == ["refused it"] * 3


def test_more_lines_are_counted() -> None:
    told = "refused it (7 more like this were not logged)"
    assert lines([0] * 10 + [61, 62], 3) == ["refused it"] * 3 + [told, "refused it"]


def test_lines_of_another_kind_are_written() -> None:
    limit = Limit(1)
    records = [logging.LogRecord("asyncio", logging.ERROR, "", 0, text, (), None) for text in ("a\nx", "a\ny", "b")]
    assert [limit.filter(record) for record in records] == [True, False, True]


SIGNER = Signer([Key("ab", b"k" * 32)])
TOKEN = SIGNER.sign(Purpose.UNSUBSCRIBE, "abcdefghijklmnop")  # the shortest: of a recipient
PASSWORD = "correct horse"


def line(message: str, *values: object, is_json: bool = False) -> str:
    record = logging.LogRecord("newsletter.sender", logging.INFO, "", 0, message, values, None)
    record.created, record.msecs = 1764547200.25, 250.0
    return Lines([PASSWORD, ""], is_json=is_json).format(record)


def test_line_of_json_has_the_fields_of_its_message() -> None:
    written = line("%s recipient=%s delivery=%s state=finished; %d more", "one-click", "r 1", "d1", 3, is_json=True)
    assert json.loads(written) == {
        "at": "2025-12-01T00:00:00.250Z", "level": "info", "logger": "newsletter.sender",
        "message": "one-click recipient=r 1 delivery=d1 state=finished; 3 more",
        "recipient": "r 1", "delivery": "d1", "state": "finished",
    }  # fmt: skip
    assert json.loads(line("level=%s message=%s", "x", "y", is_json=True))["level"] == "info"
    assert "\n" not in line("two\nlines of %s", "活动\u2028", is_json=True)


def test_line_of_text_begins_with_time_level_and_logger() -> None:
    assert line("delivery=%s", "d1") == "2025-12-01T00:00:00.250Z INFO newsletter.sender delivery=d1"


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize(
    "secret",
    [
        "ana@example.org",
        "Ana.B+x@mail.example.org",
        "活动@例子.example",
        TOKEN,
        TOKEN.upper(),
        PASSWORD,
        SIGNER.sign(Purpose.RESUBSCRIBE, "z" * 42),
    ],
)
def test_no_line_holds_an_address_a_token_or_a_password(secret: str, is_json: bool) -> None:
    for message in (f"550 5.1.1 <{secret}>: unknown", f"address={secret}, again", f"/u/{secret}/pause", f'"{secret}"'):
        assert secret not in line("waits: %s", message, is_json=is_json)
        assert secret not in line(message, is_json=is_json)
        assert "waits: " in line("waits: %s", message, is_json=is_json)
    try:
        raise ValueError(secret)
    except ValueError:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    written = Lines([PASSWORD], is_json=is_json).format(record)
    assert "ValueError" in written
    assert secret not in written


def test_ids_and_shares_stay() -> None:
    message = f"recipient={'ab' * 13} share=@mail.example database=346e84264ad1cec1 {'0a1b' * 16}"
    assert line("%s", message).endswith(message)
