"""Leaving: what a reader's personal links do to their subscriptions, and how one step is taken back.

Asked for by the public pages. A token of one purpose can do that one thing; every change is one transaction with its
event, so that saying it three times is the same as saying it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from newsletter.audience.consent import Consent
from newsletter.errors import LinkError
from newsletter.feedback.unsubscribe import Wish, lists_to_leave
from newsletter.storage.audience import unsubscribe as leaving
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Connection, Database
from newsletter.tokens import NOT_OURS, Purpose, Signer

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Membership:
    """Where the owner of an unsubscribe link stands; nothing in it says who they are."""

    language: str
    """Of the edition they got."""
    lists: tuple[str, ...]
    """Names of the lists that the link would leave; empty when they are out already."""


@dataclass(frozen=True, slots=True)
class Left:
    """What an unsubscribe came to."""

    recipient: str
    delivery: str
    language: str
    lists: tuple[str, ...]
    """Names of the lists that were left, now or by the same link before."""
    changed: bool
    """False when they were out already."""
    undo: str
    """A token that brings back exactly what this link ended; empty when it never ended anything."""


class Undone(StrEnum):
    """What an undo came to."""

    BACK = "back"
    """Subscribed again as before, now or by the same undo before."""
    STALE = "stale"
    """The subscription has changed since; nothing was touched."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What became of an undo, and in which language to say so."""

    language: str
    undone: Undone
    recipient: str
    delivery: str
    changed: bool


def membership(database: Database, signer: Signer, token: str) -> Membership:
    """What an unsubscribe link would do. Changes nothing. Raises LinkError unless it is such a link of ours."""
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)
    with database.read() as connection:
        holder = _known(leaving.link_holder(connection, recipient))
        present = leaving.present_consents(connection, holder.subscriber)
        to_leave = lists_to_leave(holder.list_ids, present)
        return Membership(holder.language, _names(database, connection, to_leave))


def _names(database: Database, connection: Connection, list_ids: Iterable[int]) -> tuple[str, ...]:
    return tuple(one.name for one in ListStore(database, connection).with_ids(list(list_ids)))


def leave(database: Database, signer: Signer, token: str, wish: Wish, now: datetime) -> Left:
    """Leave every list of the delivery that led to this person. Raises LinkError unless it is such a link of ours."""
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)
    with database.write() as connection:
        holder = _known(leaving.link_holder(connection, recipient))
        present = leaving.present_consents(connection, holder.subscriber, lock=True)
        ended = lists_to_leave(holder.list_ids, present)
        departure: leaving.OptOut | None
        if ended:
            out = dict.fromkeys(ended, Consent.UNSUBSCRIBED)
            leaving.change_consents(connection, holder.subscriber, out, how=wish.value, now=now)
            departure = leaving.add_opt_out(database, connection, holder, ended, how=wish.value, now=now)
        else:
            departure = leaving.last_opt_out(connection, holder)
        return Left(
            recipient=holder.recipient,
            delivery=holder.delivery,
            language=holder.language,
            lists=_names(database, connection, departure.ended if departure else holder.list_ids),
            changed=bool(ended),
            undo=signer.sign(Purpose.RESUBSCRIBE, departure.id) if departure else "",
        )


def language_of_undo(database: Database, signer: Signer, token: str) -> str:
    """The language of the person an undo belongs to. Changes nothing. Raises LinkError unless it is one of ours."""
    number = signer.verify(Purpose.RESUBSCRIBE, token)
    with database.read() as connection:
        return _known(leaving.departure(connection, number)).holder.language


def come_back(database: Database, signer: Signer, token: str, now: datetime) -> Returned:
    """Give back exactly the consents that one unsubscribe ended, as far as nobody has touched them since.

    Raises LinkError unless the token is an undo of ours.
    """
    number = signer.verify(Purpose.RESUBSCRIBE, token)
    with database.write() as connection:
        departure = _known(leaving.departure(connection, number))
        holder = departure.holder
        untouched = leaving.still_out(connection, departure)
        restored = {list_id: consent for list_id, consent in departure.ended.items() if list_id in untouched}
        if restored and leaving.has_address(connection, holder.subscriber):
            leaving.change_consents(connection, holder.subscriber, restored, how=Wish.PAGE.value, now=now)
            leaving.add_return(database, connection, departure, list(restored), how=Wish.PAGE.value, now=now)
            return Returned(holder.language, Undone.BACK, holder.recipient, holder.delivery, changed=True)
        present = leaving.present_consents(connection, holder.subscriber)
        as_before = all(present.get(list_id) is consent for list_id, consent in departure.ended.items())
        undone = Undone.BACK if as_before else Undone.STALE
        return Returned(holder.language, undone, holder.recipient, holder.delivery, changed=False)


def _known(found: _Found | None) -> _Found:
    if found is None:
        # A valid signature over a row we do not have: a database put back from an older copy.
        raise LinkError(NOT_OURS)
    return found
