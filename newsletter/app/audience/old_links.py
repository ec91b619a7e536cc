"""Old links: unsubscribing by a link of the tool that a newsletter came from, by the id that its export brought.

Such an id can only unsubscribe, from everything, without an undo: nobody knows which list the old email belonged to.
"""

from collections.abc import Mapping
from datetime import datetime

from newsletter.app.audience.unsubscribe import CurrentLists
from newsletter.audience.consent import Consent
from newsletter.errors import LinkError
from newsletter.feedback.event import Event, EventKind
from newsletter.feedback.unsubscribe import Wish, lists_to_leave
from newsletter.storage.audience import unsubscribe as opt_outs
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.old_links import holder_of
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import NOT_OURS

LEAST = 16
"""Characters of an id that a link may hold: shorter ones, such as running numbers, anybody could try out."""


def lists_of_old_link(database: Database, old_id: str) -> CurrentLists:
    """What an old link would end; changes nothing. Raises LinkError for an id that no import brought."""
    with database.read() as connection:
        subscriber, _ = _holder(connection, old_id)
        to_leave = _to_leave(opt_outs.present_consents(connection, subscriber))
        return CurrentLists("", _names(database, connection, to_leave), is_out=not to_leave)


def unsubscribe_by_old_link(
    database: Database, journal: Journal, old_id: str, wish: Wish, now: datetime
) -> tuple[str, ...]:
    """Unsubscribe from every list; the names of those that ended. Raises LinkError, JournalError and StorageError."""
    with database.read() as connection:
        subscriber, address_hash = _holder(connection, old_id)
        to_leave = _to_leave(opt_outs.present_consents(connection, subscriber))
        slugs = [one.slug for one in ListStore(database, connection).with_ids(list(to_leave))]
    if slugs:
        left = dict.fromkeys(slugs, Consent.UNSUBSCRIBED.value)
        journal.opt_out(OptOutLine(now, wish.value, "", address_hash, left))

    def step(connection: Connection) -> tuple[str, ...]:
        ended = _to_leave(opt_outs.present_consents(connection, subscriber, lock=True))
        out = dict.fromkeys(ended, Consent.UNSUBSCRIBED)
        opt_outs.change_consents(connection, subscriber, out, how=wish.value, now=now)
        for list_id in ended:
            data = {"how": wish.value, "list": list_id, "by": "old link"}
            append_event(database, connection, Event(EventKind.UNSUBSCRIBED, now, subscriber=subscriber, data=data))
        return _names(database, connection, ended)

    return database.write_small(step)


def _holder(connection: Connection, old_id: str) -> tuple[int, str]:
    found = holder_of(connection, old_id) if len(old_id) >= LEAST else None
    if found is None:
        raise LinkError(NOT_OURS)
    return found


def _to_leave(present: Mapping[int, Consent]) -> dict[int, Consent]:
    return lists_to_leave(list(present), present)


def _names(database: Database, connection: Connection, list_ids: Mapping[int, Consent]) -> tuple[str, ...]:
    return tuple(one.name for one in ListStore(database, connection).with_ids(list(list_ids)))
