"""Headers: names and values written as bytes by ourselves (RFC 5322, RFC 2047). Used by compose.

Python's email package is not used to write: it turns long List-Unsubscribe URLs into encoded words, which ends
one-click, and in some versions a line end inside an encoded word into a header of its own.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newsletter.errors import ComposeError

MAX_LINE = 998
"""Octets in one line without its CRLF (RFC 5322, section 2.1.1)."""

_FOLD = 76  # a line with an encoded word may not be longer (RFC 2047, section 2); the others follow it
_ENCODED_WORD = 75
_OVERHEAD = len("=?utf-8?q?" + "?=")
_LONGEST_PLAIN = 60  # longer runs without a space are encoded, so that lines can always be folded

_FORBIDDEN = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_PLAIN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_INSIDE = re.compile(r"[^\x00-\x20\x7f-\xa0<>\u2028\u2029\ud800-\udfff]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = [chr(octet) if octet in _Q_SAFE else "_" if octet == 0x20 else f"={octet:02X}" for octet in range(256)]


@dataclass(frozen=True, slots=True)
class Header:
    """One header field. Its `pieces` are joined by one space, the only place where the line may be folded."""

    name: str
    pieces: tuple[str, ...]


def text(name: str, value: str) -> Header:
    """A header of free words, such as Subject. Raises ComposeError for control characters."""
    _refuse_controls(name, value)
    if value == "" or (_fits_plainly(value) and _PLAIN.fullmatch(value)):
        return Header(name, tuple(value.split(" ")))
    return Header(name, _encode(value, _first_room(name)))


def named(name: str, phrase: str, inside: str) -> Header:
    """`phrase <inside>`, such as From or List-Id; without a phrase only `inside` (RFC 5322, section 3.4).

    `inside` is never encoded; an address may hold UTF-8 (RFC 6532). Raises ComposeError when it is not allowed there.
    """
    _refuse_controls(name, phrase)
    if not _INSIDE.fullmatch(inside):
        raise ComposeError(f"{name}: a character in its angle brackets is not allowed there")
    if not phrase.strip():
        return Header(name, (f"<{inside}>",))
    return Header(name, (*_phrase(phrase, _first_room(name)), f"<{inside}>"))


def exact(name: str, *pieces: str) -> Header:
    """A header of given pieces of visible ASCII: URLs, msg-ids, dates, parameters. Never encoded."""
    for piece in pieces:
        if not _VISIBLE.fullmatch(piece):
            raise ComposeError(f"{name}: only visible ASCII is allowed here, without spaces")
    return Header(name, pieces)


def write_headers(headers: Sequence[Header]) -> bytes:
    """The header section, without the empty line after it. Raises ComposeError for a line that is too long."""
    return b"".join(_write(header) for header in headers)


def _write(header: Header) -> bytes:
    """Fold greedily, but never directly after the colon: a first line without a word upsets many programs."""
    assert _NAME.fullmatch(header.name), header.name
    lines = [f"{header.name}: {header.pieces[0]}".rstrip()]
    for piece in header.pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= _FOLD:
            lines[-1] += f" {piece}"
        else:
            lines.append(f" {piece}")
    written = [line.encode() for line in lines]
    if any(len(line) > MAX_LINE for line in written):
        raise ComposeError(f"{header.name}: a line would be longer than {MAX_LINE} octets")
    return b"\r\n".join(written) + b"\r\n"


def _refuse_controls(name: str, value: str) -> None:
    """Refuse what some program could take for a line end, also in an encoded word."""
    found = _FORBIDDEN.search(value)
    if found:
        raise ComposeError(
            f"{name}: the character U+{ord(found.group()):04X} is not allowed in a header",
            hint="Remove line breaks and control characters from the value it comes from",
        )


def _fits_plainly(value: str) -> bool:
    """Whether it needs no encoding: foldable, and not to be mistaken for an encoded word."""
    return "=?" not in value and max(map(len, value.split(" "))) <= _LONGEST_PLAIN


def _phrase(value: str, first_room: int) -> tuple[str, ...]:
    """A display name: atoms, a quoted string, or encoded words, which are not allowed inside quotes."""
    if _fits_plainly(value) and _ATOMS.fullmatch(value):
        return tuple(value.split(" "))
    if "=?" not in value and _PLAIN.fullmatch(value) and len(value) <= _LONGEST_PLAIN:
        return ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"',)
    return _encode(value, first_room)


def _first_room(name: str) -> int:
    """How long an encoded word may be on the line with the name."""
    return min(_ENCODED_WORD, _FOLD - len(name) - len(": "))


def _encode(value: str, first_room: int) -> tuple[str, ...]:
    """Encoded words (RFC 2047), in the shorter of the two encodings; each holds whole characters."""
    if len(_quote(value)) <= (len(value.encode()) + 2) // 3 * 4:
        chunks = _cut(value, first_room - _OVERHEAD, _ENCODED_WORD - _OVERHEAD, lambda part: len(_quote(part)))
        return tuple(f"=?utf-8?q?{_quote(chunk)}?=" for chunk in chunks)
    # Four characters of base64 hold three octets.
    first, rest = ((room - _OVERHEAD) // 4 * 3 for room in (first_room, _ENCODED_WORD))
    chunks = _cut(value, first, rest, lambda part: len(part.encode()))
    return tuple(f"=?utf-8?b?{base64.b64encode(chunk.encode()).decode()}?=" for chunk in chunks)


def _cut(value: str, first: int, rest: int, cost: Callable[[str], int]) -> list[str]:
    """Cut into chunks that cost no more than `first` (the first one) and `rest` (each other one)."""
    if cost(value) <= first:
        return [value]
    chunks, start, used, room = [], 0, 0, first
    for position, character in enumerate(value):
        price = cost(character)
        if used + price > room:
            chunks.append(value[start:position])
            start, used, room = position, 0, rest
        used += price
    return [*chunks, value[start:]]


def _quote(value: str) -> str:
    """The Q encoding, with the few safe characters that are allowed in a phrase too (RFC 2047, section 5)."""
    return "".join([_Q[octet] for octet in value.encode()])
