"""Envelope: what SMTP carries outside the message: return path and recipient (RFC 5321)."""

from dataclasses import dataclass
from functools import lru_cache

from newsletter.audience.address import MAX_LOCAL, Address, parse_address
from newsletter.delivery.compose.message import MessageContext
from newsletter.delivery.ledger.ledger import Claim
from newsletter.errors import AddressError, ComposeError, ConfigError
from newsletter.tokens import Purpose, Signer

_SHORT = "Use a short mailbox such as bounces@example.org"


@dataclass(frozen=True, slots=True)
class Envelope:
    """`return_path` differs per recipient (VERP), so that a bounce names its recipient; unless it is to be plain."""

    return_path: str
    recipient: str
    needs_smtputf8: bool = False
    """The recipient's local part is not ASCII; a relay without SMTPUTF8 cannot take it (5.6.7)."""


def address_envelope(claim: Claim, message_context: MessageContext) -> Envelope:
    """The envelope of one recipient. Raises ComposeError when the frozen address is not one (erased meanwhile)."""
    try:
        recipient = parse_address(claim.address)
    except AddressError as error:
        raise ComposeError(f"The recipient's address cannot be used: {error}") from error
    return Envelope(
        return_path=return_path_of(claim.recipient, message_context),
        recipient=recipient.text,
        needs_smtputf8=recipient.needs_smtputf8,
    )


def return_path_of(recipient: str, context: MessageContext) -> str:
    """Where one recipient's message returns to. Raises ConfigError when the mailbox cannot be used so."""
    return context.bounces if context.is_plain else return_path(context.bounces, recipient, context.signer)


def return_path(bounces: str, recipient: str, signer: Signer) -> str:
    """`mailbox+token@domain`. Raises ConfigError when the mailbox cannot carry a token."""
    mailbox = _mailbox(bounces)
    local = f"{mailbox.local}+{signer.sign(Purpose.RETURN_PATH, recipient)}"
    if len(local) > MAX_LOCAL or not local.isascii():
        raise ConfigError(
            f"[bounces] address: {mailbox.local!r} is too long to carry a token, or not ASCII", hint=_SHORT
        )
    return f"{local}@{mailbox.domain}"


@lru_cache(maxsize=8)
def _mailbox(bounces: str) -> Address:
    try:
        return parse_address(bounces)
    except AddressError as error:
        raise ConfigError(f"[bounces] address: {error}", hint=_SHORT) from error
