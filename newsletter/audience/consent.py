"""Consent: whether one subscriber agreed to one list, and what may change it. Decisions only; storage writes them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Consent(StrEnum):
    """The state of a subscription."""

    PENDING = "pending"
    """Asked for, not yet confirmed by the subscriber."""
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class OptIn(StrEnum):
    """How new subscribers of a list are confirmed."""

    SINGLE = "single"
    DOUBLE = "double"
    """New subscriptions are pending until confirmed. No email asks for that yet: an operator records it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a consent comes from, kept as evidence."""

    how: str
    """`import`, `command`, `one-click`, `page`, `restore`."""
    at: datetime
    basis: str = ""
    """What the subscriber agreed to and where, in the operator's words."""


def first_consent(opt_in: OptIn) -> Consent:
    """The consent of a new subscription that an operator makes, unless the operator names another."""
    return Consent.CONFIRMED if opt_in is OptIn.SINGLE else Consent.PENDING


def added_consent(present: Consent | None, wanted: Consent, *, on_their_word: bool) -> Consent:
    """The consent after an operator added a subscriber who may be on the list already.

    It stays as it was unless the operator records how the subscriber asked for it (`on_their_word`).
    """
    return wanted if on_their_word or present is None else present
