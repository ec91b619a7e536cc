"""Message: header and body as sent (RFC 5322), composed from an edition and one recipient's claim.

Before: `compiler/edition.py`, `ledger.py` (Claim). After: a transport. Bytes depend on nothing but the arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from newsletter.compiler.edition import Edition
from newsletter.delivery.ledger import Claim
from newsletter.delivery.urls import Urls
from newsletter.tokens import Signer


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages of a delivery share beside the edition: the list, our own pages, where bounces go."""

    list_slug: str
    """Of the list that gives the List-Id."""
    list_name: str
    urls: Urls
    signer: Signer
    bounces: str
    """The mailbox that return paths are made of: `bounces@example.org`."""
    mark: str = ""
    """Put before the subject of a proof: `[Proof]`. Empty for a delivery."""


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient's message: `data` are its bytes, CRLF line ends, not yet dot-stuffed, without terminator."""

    id: str
    """Message-ID without angle brackets."""
    data: bytes = field(repr=False)
    sha256: str
    """Hex SHA-256 of `data`; stored with the permit."""


def compose_message(edition: Edition, claim: Claim, letterhead: Letterhead) -> Message:
    """The message of one recipient: always the same bytes for the same edition, claim and letterhead.

    Raises ComposeError when a value of this recipient cannot stand in a header or in text; the others are unharmed.
    """
    raise NotImplementedError
