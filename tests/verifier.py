"""What is wrong with a message's raw bytes, by the rules of SMTP and MIME and by none of the project's code."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections import Counter
from collections.abc import Iterator

ONCE = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "list-id", "list-unsubscribe",
        "list-unsubscribe-post")  # fmt: skip
_QUOTED_LINE = re.compile(rb"(?:[!-<>-~]|[ \t](?=.)|=[0-9A-F]{2})*=?")
_ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=")
_HEADER = re.compile(rb"[!-9;-~]+: [^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")


def faults(data: bytes) -> list[str]:
    """Every fault, as a sentence; `data` as a server received it, without the terminator."""
    return [*_of_lines(data), *_of_headers(data), *_of_parts(data)]


def decoded(data: bytes) -> tuple[str, str]:
    """Text and HTML with the line ends that people write; only of a message without faults."""
    text, html = (_decoded(*_section(part)) for part in _parts(data))
    return text.decode().replace("\r\n", "\n"), html.decode().replace("\r\n", "\n")


def _of_lines(data: bytes) -> Iterator[str]:
    if re.search(rb"\r(?!\n)|(?<!\r)\n", data) or not data.endswith(b"\r\n"):
        yield "a line end that is not CRLF"
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data):
        yield "a control character"
    if max(map(len, data.split(b"\r\n"))) > 998:
        yield "a line of more than 998 octets"
    if re.search(rb"(?m)^\.", data):
        yield "a line that begins with a dot"


def _of_headers(data: bytes) -> Iterator[str]:
    section, _ = _section(data)
    if _HEADER.sub(b"", section):
        yield "a header section with other lines than headers"
    counts = Counter(name for name, _ in _headers(section))
    yield from (f"{name} occurs {counts[name]} times" for name in ONCE if counts[name] != 1)
    for name, value in _headers(section):
        words = _ENCODED_WORD.findall(value)
        if any(len(word) > 75 for word in words):
            yield f"an encoded word of more than 75 octets in {name}"
        if words and (name.startswith("list-un") or name in ("message-id", "date", "content-type")):
            yield f"an encoded word in {name}"
        if not value.isascii() and name != "to":
            yield f"{name} is not ASCII"


def _of_parts(data: bytes) -> Iterator[str]:
    parts = _parts(data)
    kinds = [dict(_headers(_section(part)[0])).get("content-type", b"").split(b";")[0] for part in parts]
    if kinds != [b"text/plain", b"text/html"]:
        yield f"its parts are {kinds}"
    for section, content in map(_section, parts):
        if max(map(len, content.split(b"\r\n"))) > 76:
            yield "a line of a part of more than 76 octets"
        try:
            _decoded(section, content).decode()
        except ValueError as error:  # also binascii.Error
            yield f"a part that cannot be decoded: {error}"


def _decoded(section: bytes, content: bytes) -> bytes:
    encoding = dict(_headers(section))["content-transfer-encoding"]
    if encoding == b"base64":
        return base64.b64decode(content.replace(b"\r\n", b""), validate=True)
    if encoding != b"quoted-printable":
        raise ValueError(f"encoding {encoding!r}")
    if not all(_QUOTED_LINE.fullmatch(line) for line in content.split(b"\r\n")):
        raise binascii.Error("not quoted-printable")
    return quopri.decodestring(content)


def _parts(data: bytes) -> list[bytes]:
    section, content = _section(data)
    found = re.search(rb'boundary="([^"]+)"', section)
    assert found is not None, "no boundary"
    first, *parts, last = (b"\r\n" + content).split(b"\r\n--" + found[1])
    assert (first, last) == (b"", b"--\r\n"), "something before, after or beside the parts"
    return [part.removeprefix(b"\r\n") for part in parts]


def _section(entity: bytes) -> tuple[bytes, bytes]:
    """Headers and content."""
    section, _, content = entity.partition(b"\r\n\r\n")
    return section + b"\r\n", content


def _headers(section: bytes) -> Iterator[tuple[str, bytes]]:
    for header in _HEADER.findall(section):
        name, _, value = header.partition(b": ")
        yield name.decode().lower(), value.replace(b"\r\n", b"").strip()
