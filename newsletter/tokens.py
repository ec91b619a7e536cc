"""Tokens: short signed strings for links and return paths, one purpose each. The ground; used by delivery and web.

A token is `<payload><key id><tag>` in the base32 alphabet a-z2-7, so that it survives upper-casing in an email address
and needs no escaping in a URL. The tag is a 130-bit keyed BLAKE2b over purpose, key id and payload.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.errors import LinkError

_KEY_ID = 2
_TAG = 26
_SHAPE = re.compile(r"[a-z2-7]+")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + two for one in _ALPHABET for two in _ALPHABET]
_SHIFTS = range((_TAG - 2) * 5, -1, -10)

NOT_OURS = "This link is damaged or is not one of ours"
"""The same for every invalid link, whatever the reason, so that it reveals nothing."""


class Purpose(StrEnum):
    """What a token may do, and nothing else."""

    VIEW = "view"
    UNSUBSCRIBE = "unsubscribe"
    RESUBSCRIBE = "resubscribe"
    ADDRESS = "address"
    CONFIRM = "confirm"
    FORM = "form"
    """Only says when we showed a form, and with which words."""
    OWN = "own"
    """The subscriber's own page; only ever mailed to them afresh."""
    RETURN_PATH = "return-path"
    MESSAGE_ID = "message-id"


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key. `id` is two base32 characters; `secret` is at least 32 random bytes and never shown."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, secret=***)"


class Signer:
    """Makes and verifies tokens. The first key signs; all of them verify, so that links in old emails keep working."""

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            raise ValueError("a signer needs at least one key")
        self._keys = {key.id: key for key in keys}
        self._current = keys[0]

    @property
    def keys(self) -> Sequence[Key]:
        """The newest first."""
        return tuple(self._keys.values())

    def sign(self, purpose: Purpose, payload: str) -> str:
        """The token for `payload` (base32 characters only, such as a recipient's id)."""
        if not _SHAPE.fullmatch(payload):
            raise ValueError("a token's payload is made of a-z and 2-7 only")
        return payload + self._current.id + _tag(self._current, purpose, payload)

    def verify(self, purpose: Purpose, token: str) -> str:
        """The payload of a token of ours, whatever its case. Raises LinkError for anything else, in constant time."""
        if not token.isascii():  # lower() makes an ASCII letter of U+212A, the sign of the kelvin
            raise LinkError(NOT_OURS)
        token = token.lower()
        payload, key_id, tag = token[: -_TAG - _KEY_ID], token[-_TAG - _KEY_ID : -_TAG], token[-_TAG:]
        key = self._keys.get(key_id)
        if key is None or not _SHAPE.fullmatch(token) or not payload:
            raise LinkError(NOT_OURS)
        if not hmac.compare_digest(tag, _tag(key, purpose, payload)):
            raise LinkError(NOT_OURS)
        return payload


def base32(data: bytes) -> str:
    """Lower-case base32 without padding: letters and digits that survive any email system."""
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def short_hash(text: str) -> str:
    """The first 80 bits of a text's SHA-256, as 16 characters; `Database.short_hash` makes the same in SQL."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10])
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(70, -1, -10)])


def keyed_hash(secret: bytes, value: str) -> str:
    """A 26-character keyed hash (130 bits) of a value: what stays of an address when it is erased.

    In base32; a message has four of them, and the standard library would take most of their time to write them.
    """
    digest = hashlib.blake2b(value.encode(), key=secret[:64], digest_size=17).digest()
    bits = int.from_bytes(digest, "big") >> 17 * 8 - _TAG * 5
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def _tag(key: Key, purpose: Purpose, payload: str) -> str:
    return keyed_hash(key.secret, f"{purpose.value}\x00{key.id}\x00{payload}")
