"""Suppression: an address never to be written to, whatever its subscriptions say, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuppressionReason(StrEnum):
    """Why an address is suppressed."""

    MANUAL = "manual"
    """By an operator."""
    INVALID_ADDRESS = "invalid_address"
    """A relay said that there is no such mailbox; the note has its words."""
    BOUNCED = "bounced"
    """What was sent to it came back: the mailbox does not exist, or took nothing for weeks."""
    COMPLAINT = "complaint"
    """The reader marked a message as unwanted at their provider."""
    ERASED = "erased"
    """The subscriber asked to be forgotten; only the keyed hash is left."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One suppressed address. `address` is empty once erased."""

    address_hash: str
    address: str
    reason: SuppressionReason
    since: datetime
    note: str = ""
