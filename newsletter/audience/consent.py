"""Consent: whether one subscriber agreed to one list, and what may change it. Decisions only; storage writes them."""

from __future__ import annotations

from enum import StrEnum


class Consent(StrEnum):
    """What a subscription says."""

    PENDING = "pending"
    """Asked for, not yet confirmed by the person."""
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class OptIn(StrEnum):
    """How a list lets people in."""

    SINGLE = "single"
    DOUBLE = "double"
    """Consent is confirmed only by a click in a mail sent to the address."""


def import_consent(present: Consent | None, wanted: Consent) -> Consent:
    """What an import may make of a subscription: it adds people, it never makes an existing consent better.

    Only the person themself can come back from unsubscribed, or turn pending into confirmed.
    """
    return wanted if present is None else present
