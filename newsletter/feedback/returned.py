"""Returned: an email that came back, what it is and about whose message. Before: bytes; after: `consequences.py`.

Anybody may write to the mailbox of bounces. So nothing counts but the tokens that we put into each message: into its
return path, its Message-ID and its unsubscribe link. Addresses that the email names are never looked at. Whoever was
forwarded a message has the last two, so they can do no more than the unsubscribe link.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.errors import LinkError
from newsletter.feedback.found import Found, ReturnKind
from newsletter.feedback.sources.arf import read_complaint
from newsletter.feedback.sources.dsn import read_bounce
from newsletter.feedback.sources.parts import MAX_BYTES, Parts, read_parts
from newsletter.tokens import Purpose, Signer


@dataclass(frozen=True, slots=True)
class Returned:
    """An email that came back."""

    found: Found
    recipient: str
    """Id of the recipient, or the notice, whose message it is about; empty when no token names one."""
    named_by: Purpose | None
    """The token that names it."""
    digest: str
    """SHA-256 of what is read of it: the same email counts once."""


def read_returned(data: bytes, signer: Signer) -> Returned:
    """What an email is, and about whose message."""
    data = data[:MAX_BYTES]
    digest, parts = hashlib.sha256(data).hexdigest(), read_parts(data)
    if parts is None:
        return Returned(Found(ReturnKind.UNMATCHED, "unreadable"), "", None, digest)
    recipient, token = named_by(parts, signer)
    found = read_complaint(parts) or read_bounce(parts)
    if not recipient and found.kind is not ReturnKind.IGNORED:
        found = Found(ReturnKind.UNMATCHED, found.about)
    return Returned(found, recipient, token, digest)


_TOKENS = (
    (Purpose.RETURN_PATH, re.compile(r"\+([a-z2-7]{29,64})@", re.IGNORECASE)),
    (Purpose.MESSAGE_ID, re.compile(r"\b([a-z2-7]{1,40}\.[a-z2-7]{28})@", re.IGNORECASE)),
    (Purpose.UNSUBSCRIBE, re.compile(r"/u/([a-z2-7]{29,80})\b", re.IGNORECASE)),
)
_MOST_TOKENS = 20
"""Tried of one text."""


def named_by(parts: Parts, signer: Signer) -> tuple[str, Purpose | None]:
    """The id that a token of ours names, and which token; empty without one. The return path decides before the others,
    and of them that in the address which the email was sent to.
    """
    outer = "\n".join(value for name, value in parts.fields.items() if name not in ("from", "subject"))
    report = "\n".join((parts.report or {}).values())
    for purpose, shape in _TOKENS:
        for text in (outer, report, parts.returned, parts.text):
            for token in _some(shape, text):
                try:
                    return signer.verify(purpose, token.replace(".", "")), purpose
                except LinkError:
                    continue
    return "", None


def _some(shape: re.Pattern[str], text: str) -> Iterator[str]:
    for number, found in enumerate(shape.finditer(text)):
        if number >= _MOST_TOKENS:
            return
        yield found[1]
