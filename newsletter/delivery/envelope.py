"""Envelope: what the relay is told outside the message: return path and recipient (RFC 5321)."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.delivery.ledger import Claim
from newsletter.delivery.message import Letterhead
from newsletter.tokens import Signer


@dataclass(frozen=True, slots=True)
class Envelope:
    """`return_path` is one of its own per recipient (VERP), so that a bounce names its recipient."""

    return_path: str
    recipient: str
    needs_smtputf8: bool = False
    """The recipient's local part is not ASCII; a relay without SMTPUTF8 cannot take it (5.6.7)."""


def address_envelope(claim: Claim, letterhead: Letterhead) -> Envelope:
    """The envelope of one recipient. Raises ComposeError when the frozen address is not one (erased meanwhile)."""
    raise NotImplementedError


def read_return_path(address: str, signer: Signer) -> str:
    """The recipient whose message came back to this address. Raises LinkError when it is no return path of ours."""
    raise NotImplementedError
