"""Consent: whether one subscriber agreed to one list, and what may change it. Decisions only; storage writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    """Newcomers are pending until they have confirmed by themselves. No mail asks them yet: an operator records it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a consent comes from, kept beside it as evidence."""

    how: str
    """What brought it about: `import`, `command`, `one-click`, `page`."""
    at: datetime
    basis: str = ""
    """What the person agreed to and where, in the operator's words."""


def first_consent(opt_in: OptIn) -> Consent:
    """What somebody who is put on a list by an operator says, unless the operator says otherwise."""
    return Consent.CONFIRMED if opt_in is OptIn.SINGLE else Consent.PENDING


def import_consent(present: Consent | None, wanted: Consent) -> Consent:
    """What an import may make of a subscription: it adds people, it never makes an existing consent better.

    Only the person themself can come back from unsubscribed, or turn pending into confirmed.
    """
    return wanted if present is None else present


def added_consent(present: Consent | None, wanted: Consent, *, on_their_word: bool) -> Consent:
    """What a subscription says after an operator added its person.

    Like an import, unless the operator records how the person themself asked for it (`on_their_word`).
    """
    return wanted if on_their_word else import_consent(present, wanted)
