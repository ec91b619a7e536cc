"""Unsubscribing by the personal links of a message, and the undo.

Called by the public pages. A token has one purpose. Every change is one transaction with its event, so three clicks do
the same as one.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from newsletter.audience.consent import Consent
from newsletter.audience.subscriber import MailingList
from newsletter.errors import JournalError, LinkError, StorageError
from newsletter.feedback.event import Event, EventKind
from newsletter.feedback.unsubscribe import LeavingReason, Wish, lists_to_leave
from newsletter.storage.audience import unsubscribe as opt_outs
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import NOT_OURS, Purpose, Signer

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class CurrentLists:
    """What an unsubscribe link would end; nothing that identifies the subscriber."""

    language: str
    """Of the edition they received."""
    lists: tuple[str, ...]
    """Names of the lists that the link unsubscribes from; none while the database is away."""
    is_out: bool
    """Whether that is done already."""


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The result of an unsubscribe."""

    recipient: str
    delivery: str
    language: str
    lists: tuple[str, ...]
    """Names of the lists that were unsubscribed from, now or by the same link before."""
    changed: bool
    """False when they were unsubscribed already."""
    undo: str
    """A token that restores exactly what this link ended; empty when it never ended anything."""


class Undone(StrEnum):
    """Whether an undo was carried out."""

    BACK = "back"
    """Subscribed as before, by this undo or an earlier one."""
    STALE = "stale"
    """The subscription has changed since; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Resubscribed:
    """The result of an undo, and the language of the page that shows it."""

    language: str
    undone: Undone
    recipient: str
    delivery: str
    changed: bool


def current_lists(database: Database, signer: Signer, token: str) -> CurrentLists:
    """What an unsubscribe link would do; changes nothing. Raises LinkError for any other token.

    While the database is away its lists have no names.
    """
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)
    try:
        with database.read() as connection:
            holder = _known(opt_outs.link_holder(connection, recipient))
            present = opt_outs.present_consents(connection, holder.subscriber)
            to_leave = lists_to_leave(holder.list_ids, present)
            return CurrentLists(holder.language, _names(database, connection, to_leave), is_out=not to_leave)
    except StorageError:
        return CurrentLists("", (), is_out=False)


def _names(database: Database, connection: Connection, list_ids: Iterable[int]) -> tuple[str, ...]:
    return tuple(one.name for one in ListStore(database, connection).with_ids(list(list_ids)))


async def unsubscribe(
    database: Database, journal: Journal, signer: Signer, token: str, wish: Wish, now: datetime
) -> Unsubscribed:
    """Unsubscribe from every list through which they received the delivery. Raises LinkError for any other token.

    The journal has it before the database, and while that is away in its place. Raises JournalError when it cannot be
    written; StorageError for a database that is away, where the journal is on no disk that lasts.
    """
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)
    try:
        asked = database.write_together(_Leave(database, journal), OptOutLine(now, wish.value, recipient))
        left = await asyncio.wrap_future(asked)
    except JournalError:
        raise
    except StorageError:
        if not journal.is_durable:
            raise
        await asyncio.to_thread(journal.opt_out, OptOutLine(now, wish.value, recipient), is_away=True)
        return Unsubscribed(recipient, "", "", (), changed=True, undo="")
    holder, opt_out = left.holder, left.opt_out
    # Only a recipient in the ledger has an undo.
    undo = signer.sign(Purpose.RESUBSCRIBE, opt_out.id) if opt_out and holder.language else ""
    return Unsubscribed(recipient, holder.delivery, holder.language, left.lists, left.changed, undo)


@dataclass(frozen=True, slots=True)
class _Left:
    holder: opt_outs.LinkHolder
    opt_out: opt_outs.OptOut | None
    """None: this link never ended anything."""
    lists: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class _Leave:
    """Unsubscribes those who ask at the same time, by the same few statements and one append to the journal."""

    database: Database
    journal: Journal

    def __call__(self, connection: Connection, asked: Sequence[OptOutLine]) -> list[_Left]:
        database, holders = self.database, opt_outs.link_holders(connection, [one.recipient for one in asked])
        of = [_known(holders.get(one.recipient)) for one in asked]
        present = opt_outs.consents_of(connection, sorted({one.subscriber for one in of}), lock=True)
        named = {one.id: one for one in ListStore(database, connection).with_ids(_list_ids(of))}
        ended: list[opt_outs.OptOut | None] = []
        for one, holder in zip(asked, of, strict=True):
            to_leave = lists_to_leave(holder.list_ids, present[holder.subscriber])
            ended.append(opt_outs.new_opt_out(holder, to_leave, one.at, how=one.how) if to_leave else None)
            present[holder.subscriber] |= dict.fromkeys(to_leave, Consent.UNSUBSCRIBED)
        new = [opt_out for opt_out in ended if opt_out]
        self.journal.opt_out(*(_line(one.at, one.how, one.holder, one.ended, named) for one in new))
        opt_outs.end_consents(connection, new)
        opt_outs.add_opt_outs(database, connection, new)
        answers = []
        for one, holder, now_ended in zip(asked, of, ended, strict=True):
            if not holder.subscriber:  # only a receipt names them
                line = _line(one.at, one.how, holder, holder.list_ids, named)
                self.journal.opt_out(line, may_repeat=True)
                self.journal.apply(connection, line)
            opt_out = now_ended or opt_outs.last_opt_out(connection, holder)
            shown = opt_out.ended if opt_out else holder.list_ids
            names = tuple(named[each].name for each in shown if each in named)
            answers.append(_Left(holder, opt_out, names, changed=now_ended is not None))
        return answers


def _list_ids(holders: Iterable[opt_outs.LinkHolder]) -> list[int]:
    return sorted({list_id for one in holders for list_id in one.list_ids})


def _line(
    at: datetime, how: str, holder: opt_outs.LinkHolder, list_ids: Iterable[int], named: Mapping[int, MailingList]
) -> OptOutLine:
    slugs = [named[one].slug for one in list_ids if one in named]
    out = dict.fromkeys(slugs, Consent.UNSUBSCRIBED.value)
    return OptOutLine(at, how, holder.recipient, holder.address_hash, out)


def give_reason(database: Database, signer: Signer, token: str, reason: LeavingReason, now: datetime) -> str:
    """Record why they unsubscribed by this link, once; the language of the edition. Raises LinkError."""
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)

    def step(connection: Connection) -> str:
        holder = _known(opt_outs.link_holder(connection, recipient))
        if opt_outs.last_opt_out(connection, holder) is not None:
            append_event(
                database,
                connection,
                Event(
                    EventKind.REASON,
                    now,
                    subscriber=holder.subscriber,
                    recipient=recipient,
                    delivery=holder.delivery or None,
                    data={"reason": reason.value},
                    key=f"{EventKind.REASON}:{recipient}",
                ),
            )
        return holder.language

    return database.write_small(step)


def language_of_undo(database: Database, signer: Signer, token: str) -> str:
    """The language of the undo's recipient; changes nothing. Raises LinkError for any other token."""
    number = signer.verify(Purpose.RESUBSCRIBE, token)
    with database.read() as connection:
        return _known(opt_outs.find_opt_out(connection, number)).holder.language


def resubscribe(database: Database, journal: Journal, signer: Signer, token: str, now: datetime) -> Resubscribed:
    """Restore the consents that one unsubscribe ended and that have not changed since. Raises LinkError."""
    number = signer.verify(Purpose.RESUBSCRIBE, token)

    def step(connection: Connection) -> Resubscribed:
        opt_out = _known(opt_outs.find_opt_out(connection, number))
        holder = opt_out.holder
        untouched = opt_outs.still_unsubscribed(connection, opt_out)
        restored = {list_id: consent for list_id, consent in opt_out.ended.items() if list_id in untouched}
        if restored and opt_outs.has_address(connection, holder.subscriber):
            opt_outs.change_consents(connection, holder.subscriber, restored, how=Wish.PAGE.value, now=now)
            opt_outs.add_resubscription(database, connection, opt_out, list(restored), how=Wish.PAGE.value, now=now)
            items = ListStore(database, connection).with_ids(list(restored))
            back = {one.slug: restored[one.id].value for one in items}
            journal.opt_out(OptOutLine(now, Wish.PAGE.value, holder.recipient, holder.address_hash, back))
            return Resubscribed(holder.language, Undone.BACK, holder.recipient, holder.delivery, changed=True)
        present = opt_outs.present_consents(connection, holder.subscriber)
        as_before = all(present.get(list_id) is consent for list_id, consent in opt_out.ended.items())
        undone = Undone.BACK if as_before else Undone.STALE
        return Resubscribed(holder.language, undone, holder.recipient, holder.delivery, changed=False)

    return database.write_small(step)


def _known(found: _Found | None) -> _Found:
    if found is None:
        # A valid signature for what neither the database nor a receipt names.
        raise LinkError(NOT_OURS)
    return found
