"""Parts: what an email that came back holds, read within limits. Before: its bytes; after: `dsn.py` and `arf.py`.

Anybody may send such an email. So little of it is read, few parts, none of them nested in a message, and only as text.
"""

import binascii
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser

MAX_BYTES = 512 * 1024
"""Read of an email; the message that it returns is at its end."""
_MOST_TYPES = 40
_LONGEST_TYPE = 2000
"""Bytes of a Content-Type: email.message reads its parameters in a time that grows with the square."""
_LONGEST_TEXT = 128 * 1024
_MOST_BLOCKS = 20
_TYPE = re.compile(rb"content-type:", re.IGNORECASE)
_NESTED = re.compile(rb"(content-type:\s*)message/", re.IGNORECASE)
_FIELD_END = re.compile(rb"\r?\n(?![ \t])|\r(?![ \t\n])")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an email that came back. Names of fields are in lower case."""

    fields: Mapping[str, str]
    """Of the email itself; of several with one name, all values, a line each."""
    text: str
    """What it says to a reader: its parts of plain text."""
    status: Sequence[Mapping[str, str]] = ()
    """The fields of a delivery status: of the message first, then of each recipient (RFC 3464)."""
    report: Mapping[str, str] | None = None
    """The fields of a feedback report (RFC 5965)."""
    returned: str = ""
    """The beginning of the message that it returns, or its header alone."""


def read_parts(data: bytes) -> Parts | None:
    """The parts of an email of at most MAX_BYTES; None when it is no email, or one that is made to be hard to read."""
    types = [found.end() for found in _TYPE.finditer(data)]
    if len(types) > _MOST_TYPES or any(_is_long(data, begin) for begin in types):
        return None
    try:
        # A message in it becomes text: it may hold others, and a status as many messages as it has lines.
        message = BytesParser().parsebytes(_NESTED.sub(rb"\1text/x-message-", data))
        return _parts(message)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError):
        return None  # what the parser of the standard library stumbled over


def _is_long(data: bytes, begin: int) -> bool:
    end = _FIELD_END.search(data, begin, begin + _LONGEST_TYPE)
    return end is None and len(data) - begin > _LONGEST_TYPE


def _parts(message: Message) -> Parts | None:
    if not message.keys():
        return None
    words, returned, status, report = [], [], "", None
    for part in _leaves(message):
        match part.get_content_type():
            case "text/plain":
                words.append(_text(part))
            case "text/x-message-delivery-status" | "text/x-message-global-delivery-status":
                status = status or _text(part)
            case "text/x-message-feedback-report":
                report = fields_of(_text(part)) if report is None else report
            case (
                "text/x-message-rfc822" | "text/rfc822-headers" | "text/x-message-global" |
                "text/x-message-global-headers" | "text/x-message-rfc822-headers"
            ):  # fmt: skip
                returned.append(_text(part))
    return Parts(
        fields=_joined((name.lower(), str(value)) for name, value in message.items()),
        text="\n\n".join(words)[:_LONGEST_TEXT],
        status=[fields_of(block) for block in _BLANK_LINE.split(status, _MOST_BLOCKS)[:_MOST_BLOCKS] if block.strip()],
        report=report,
        returned="\n\n".join(returned)[:_LONGEST_TEXT],
    )


def _leaves(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if not part.is_multipart():
            yield part


def _text(part: Message) -> str:
    payload = part.get_payload()
    if not isinstance(payload, str):
        return ""
    data = payload.encode("utf-8", "surrogateescape")
    match str(part.get("content-transfer-encoding", "")).strip().lower():
        case "base64":
            try:
                data = binascii.a2b_base64(data)
            except binascii.Error:
                return ""
        case "quoted-printable":
            data = quopri.decodestring(data)
    return data[:_LONGEST_TEXT].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def fields_of(block: str) -> dict[str, str]:
    """Name → value of a block of fields, up to the first empty line."""
    head = _BLANK_LINE.split(block.lstrip("\n"), 1)[0]
    unfolded = re.sub(r"\n[ \t]+", " ", head)
    pairs = [line.partition(":") for line in unfolded.split("\n")]
    return _joined((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)


def _joined(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: "\n".join(values) for name, values in found.items()}
