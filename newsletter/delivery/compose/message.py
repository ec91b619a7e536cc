"""Message: header and body as sent (RFC 5322), and what all messages of a delivery share.

Before: `compiler/edition.py`, `ledger.py` (Claim). After: `mould.py`, which composes messages; then a transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.compiler.edition import Edition, Filled
from newsletter.delivery.compose.urls import Urls
from newsletter.delivery.ledger.ledger import Claim
from newsletter.expression import Values
from newsletter.tokens import Signer

if TYPE_CHECKING:
    from newsletter.delivery.compose.dkim import DkimSigner  # its library is loaded only where messages are signed


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What all messages of a delivery share besides the edition."""

    lists: Mapping[str, str]
    """Slug → name of the delivery's lists, in the order they were named. None for a notice without an opt-out:
    it has no header field of a list."""
    urls: Urls
    signer: Signer
    bounces: str
    """The mailbox of return paths: `bounces@example.org`."""
    is_plain: bool = False
    """Whether it is the return path as it is, without a token of the recipient's own."""
    mark: str = ""
    """Put before the subject of a proof: `[Proof]`. Empty for a delivery."""
    is_notice: bool = False
    """Whether the message answers what one person did (RFC 3834), and so is no bulk email."""
    dkim: DkimSigner | None = None
    """Signs every message, if the configuration says so."""


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient's message. `data`: the bytes on the wire, without the terminator; no line begins with a dot."""

    id: str
    """Message-ID without angle brackets."""
    data: bytes = field(repr=False)
    sha256: str
    """Hex SHA-256 of `data`; stored with the permit."""
    is_updated: bool = False
    """Whether an older composer stored the edition: its bytes of this message may have been others."""


def fill_for(edition: Edition, claim: Claim, urls: Urls) -> Filled:
    """An edition with one recipient's own data and links."""
    unsubscribe, view = urls.unsubscribe(claim.recipient), urls.view(claim.recipient)
    return edition.fill(merge_values(claim.values, claim.address, unsubscribe=unsubscribe, view=view))


def merge_values(values: Mapping[str, object], address: str, *, unsubscribe: str, view: str) -> Values:
    """The values of an edition's merge fields; the last two are this recipient's own links."""
    return {"subscriber": {**values, "email": address}, "link": {"unsubscribe": unsubscribe, "view": view}}
