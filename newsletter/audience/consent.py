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
    """New subscriptions are pending until confirmed: by the link in an email, or by an operator who records it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a consent comes from, kept as evidence."""

    how: str
    """`import`, `command`, `form`, `one-click`, `page`, `restore`."""
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


class Request(StrEnum):
    """What a sign-up by a form leads to."""

    KNOWN = "known"
    """They are subscribed already."""
    SUBSCRIBE = "subscribe"
    ASK = "ask"
    """The address's owner must confirm first."""


def request_of(present: Consent | None, opt_in: OptIn) -> Request:
    """What a form's request for one list leads to. Anybody may have filled it in: a form never ends an unsubscribe."""
    if present is Consent.CONFIRMED:
        return Request.KNOWN
    return Request.SUBSCRIBE if present is None and opt_in is OptIn.SINGLE else Request.ASK
