"""Body: text or HTML in its transfer encoding (RFC 2045, section 6), encoded once for all recipients.

A body is static runs with slots between them; filling encodes only the values. The smaller encoding is chosen with the
markers in place of the values, so that it is the same for all recipients. No line of either encoding begins with a dot,
so that none must be doubled on the wire (RFC 5321, section 4.5.2), and no server that handles dots badly changes one.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from newsletter.compiler.edition import Slot
from newsletter.delivery.compose.headers import exact, write_headers
from newsletter.delivery.compose.wire import check_lines
from newsletter.errors import ComposeError

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SOFT_BREAK = b"=\r\n"
_QUOTED_LINE = 76
_SPACES = re.compile(rb"[ \t]{2,}|\t")
_SPACE_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_UNTIDY = re.compile(rb"(?m)^(?:\..*|.{77,})$")


@dataclass(frozen=True, slots=True)
class Cut:
    """A text of an edition, cut at its slots: `runs` is one longer than `slots`, which number the edition's."""

    runs: tuple[str, ...]
    slots: tuple[int, ...]

    def fill(self, values: Sequence[str]) -> str:
        """The text with one recipient's values, one for each slot of the edition."""
        return self.runs[0] + "".join(values[slot] + run for slot, run in zip(self.slots, self.runs[1:], strict=True))


def cut(text: str, slots: Sequence[Slot]) -> Cut:
    """Cut a text at the markers of these slots."""
    if not slots:
        return Cut((text,), ())
    numbers = {slot.marker: number for number, slot in enumerate(slots)}
    pieces = re.split("(" + "|".join(map(re.escape, numbers)) + ")", text)
    return Cut(tuple(pieces[::2]), tuple(numbers[marker] for marker in pieces[1::2]))


@dataclass(frozen=True, slots=True)
class QuotedBody:
    """A body in quoted-printable. A slot has lines of its own between soft line breaks, so its value wraps by itself
    and changes nothing around it.
    """

    head: bytes
    """Its headers and the empty line."""
    runs: tuple[bytes, ...]
    slots: tuple[int, ...]

    def fill(self, values: Sequence[str]) -> list[bytes]:
        """The pieces of the body with its headers; ends with CRLF."""
        quoted = {slot: _quote(values[slot]) for slot in self.slots}
        filled = chain.from_iterable((quoted[slot], run) for slot, run in zip(self.slots, self.runs[1:], strict=True))
        return [self.head, self.runs[0], *filled]

    def relaxed(self) -> "QuotedBody":
        """It in the canonicalisation that is signed. A value is filled in as it is: it has no two spaces in a row, none
        at its end, and its lines begin and end with it.
        """
        runs = tuple(map(_relax, self.runs))
        return self if runs == self.runs else replace(self, runs=runs)


@dataclass(frozen=True, slots=True)
class Base64Run:
    """A static run and its encodings.

    Base64 writes three octets as four characters, so the octets of a value decide where the groups of the run after it
    begin. `encoded[n]` is the run without its first `n` octets and without `rests[n]`, the octets at its end that fill
    no group.
    """

    octets: bytes
    encoded: tuple[bytes, ...]
    rests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Base64Body:
    """A body in base64: smaller where most characters are not ASCII. Lines around a slot are shorter than others."""

    head: bytes
    """Its headers and the empty line."""
    runs: tuple[Base64Run, ...]
    slots: tuple[int, ...]

    def fill(self, values: Sequence[str]) -> list[bytes]:
        """The pieces of the body with its headers; ends with CRLF."""
        pieces, open_group = [self.head], b""
        for run, value in zip(self.runs, [*(values[slot].encode() for slot in self.slots), b""], strict=True):
            missing = -len(open_group) % 3
            if missing > len(run.octets):
                open_group += run.octets + value
                continue
            pieces += _base64_lines(open_group + run.octets[:missing]), run.encoded[missing]
            open_group = run.rests[missing] + value
        return [*pieces, _base64_lines(open_group)]

    def relaxed(self) -> "Base64Body":
        """It in the canonicalisation that is signed: the same, having no spaces to change."""
        return self


Body: TypeAlias = QuotedBody | Base64Body


def encode_body(subtype: str, content: str, slots: Sequence[Slot]) -> Body:
    """`text/plain` or `text/html` with its slots, in the smaller encoding.

    Control characters are left out; line ends become CRLF, also the missing one at the end. Raises ComposeError for a
    lone surrogate.
    """
    lines = _CONTROLS.sub("", content).replace("\r\n", "\n").replace("\r", "\n")
    whole = lines if lines.endswith("\n") else lines + "\n"
    try:
        is_quoted = len(_quote(whole)) <= len(_octets(whole)) * 78 // 57  # 57 octets are a line of base64
    except UnicodeEncodeError as error:
        raise ComposeError(f"The {subtype} part holds half a character (a lone surrogate)") from error
    parts = cut(whole, slots)
    body: Body
    if is_quoted:
        runs = tuple(_quote_run(parts, number) for number in range(len(parts.runs)))
        body = QuotedBody(_head(subtype, "quoted-printable"), runs, parts.slots)
    else:
        body = Base64Body(_head(subtype, "base64"), tuple(map(_base64_run, parts.runs)), parts.slots)
    check_lines(b"".join(body.fill([""] * len(slots))))
    return body


def _head(subtype: str, encoding: str) -> bytes:
    headers = [
        exact("Content-Type", f"text/{subtype};", "charset=utf-8"),
        exact("Content-Transfer-Encoding", encoding),
    ]
    return write_headers(headers) + b"\r\n"


def _relax(lines: bytes) -> bytes:
    """Whole lines in the relaxed canonicalisation of DKIM (RFC 6376, section 3.4.4)."""
    return _SPACES.sub(b" ", _SPACE_AT_END.sub(b"", lines))


def _quote_run(parts: Cut, number: int) -> bytes:
    """One static run. It leaves and begins a line with a soft break at a slot, unless the line ends there anyway."""
    run = parts.runs[number]
    before = _SOFT_BREAK if number and not run.startswith("\n") else b""
    after = _SOFT_BREAK if number < len(parts.slots) and run and not run.endswith("\n") else b""
    return before + _quote(run) + after


def _quote(text: str) -> bytes:
    """Quoted-printable with room for a soft line break at its end; no line begins with a dot."""
    # The `x` keeps b2a_qp from treating the end of the text as the end of a line. Line ends are added last, because it
    # chooses those of its soft breaks by the first one in the text.
    quoted = binascii.b2a_qp(text.encode() + b"x", istext=True)[:-1]
    if len(quoted) < _QUOTED_LINE and quoted[:1] != b"." and b"\n" not in quoted:
        return quoted  # as most values are
    return _UNTIDY.sub(_tidied, quoted).replace(b"\n", b"\r\n")


def _tidied(match: re.Match[bytes]) -> bytes:
    return _tidy(match[0])


def _tidy(line: bytes) -> bytes:
    """Write a dot that begins the line as `=2E`, and break a line that became too long by the `=20` at its end."""
    if line.startswith(b"."):
        room = _QUOTED_LINE - len("=") - len("=2E")
        return b"=2E" + line[1:] if len(line) - 1 <= room else b"=2E=\n" + _tidy(line[1:])
    if len(line) > _QUOTED_LINE:
        return line[:-3] + b"=\n" + line[-3:]
    return line


def _base64_run(run: str) -> Base64Run:
    octets = _octets(run)
    ends = [max(first, len(octets) - (len(octets) - first) % 3) for first in range(3)]
    encoded = tuple(_base64_lines(octets[first:end]) for first, end in enumerate(ends))
    return Base64Run(octets, encoded, tuple(octets[end:] for end in ends))


def _octets(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _base64_lines(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")
