"""Opt-outs of the journal, applied to a database that may not have them. Of two about the same, the newer one holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.feedback.unsubscribe import Wish
from newsletter.storage.audience.erasing import erase_subscriber
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.unsubscribe import add_opt_outs, change_consents, link_holder, new_opt_out
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import lists, subscribers, subscriptions, suppressions
from newsletter.storage.journal.files import OptOutLine

_UNSUBSCRIBED = Consent.UNSUBSCRIBED
_ERASED = SuppressionReason.ERASED.value
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Applied:
    """What opt-outs changed."""

    changes: int = 0
    erased: int = 0
    """How many subscribers lost their address: their traces are still to be scrubbed from the file."""


def apply_opt_outs(database: Database, connection: sa.Connection, found: Iterable[OptOutLine]) -> Applied:
    """Apply what is newer than the database's own word. The oldest first."""
    consents: dict[tuple[str, str], OptOutLine] = {}
    barred: dict[str, OptOutLine] = {}
    for one in found:
        named = _named(connection, one)
        if named.address_hash:
            consents |= {(named.address_hash, slug): named for slug in named.lists}
            if named.suppression is not None:
                barred[named.address_hash] = named
    erased = {address_hash for address_hash, one in barred.items() if one.suppression == _ERASED}
    changes = _apply_consents(database, connection, {key: one for key, one in consents.items() if key[0] not in erased})
    changed = {
        address_hash for address_hash, one in barred.items() if _suppress(database, connection, address_hash, one)
    }
    return Applied(changes + len(changed), len(changed & erased))


def _named(connection: sa.Connection, one: OptOutLine) -> OptOutLine:
    """With hash and lists, also where the database was away and only the link was known."""
    if one.address_hash or (holder := link_holder(connection, one.recipient)) is None:
        return one
    slugs = connection.execute(sa.select(lists.c.slug).where(lists.c.id.in_(holder.list_ids))).scalars()
    return replace(one, address_hash=holder.address_hash, lists=dict.fromkeys(slugs, _UNSUBSCRIBED.value))


def _apply_consents(database: Database, connection: sa.Connection, wanted: Mapping[tuple[str, str], OptOutLine]) -> int:
    list_ids = {one.slug: one.id for one in ListStore(database, connection).all()}
    keys = [key for key in wanted if key[1] in list_ids]
    ended: dict[tuple[str, datetime], dict[int, Consent]] = {}
    changes = 0
    for start in range(0, len(keys), _PAGE):
        page = keys[start : start + _PAGE]
        present = _present(connection, {address_hash for address_hash, _ in page})
        for address_hash, slug in page:
            row, one = present.get((address_hash, slug)), wanted[address_hash, slug]
            if _is_newer(row, consent := Consent(one.lists[slug]), one.at):
                changes += 1
                _set_consent(database, connection, list_ids[slug], one, consent, row)
                if row and one.recipient and consent is _UNSUBSCRIBED:
                    ended.setdefault((one.recipient, one.at), {})[list_ids[slug]] = Consent(row.consent)
    for (recipient, at), consents in ended.items():
        if holder := link_holder(connection, recipient):  # as their link would have done: it can be undone
            add_opt_outs(database, connection, [new_opt_out(holder, consents, at, how=Wish.ONE_CLICK.value)])
    return changes


def _present(connection: sa.Connection, hashes: set[str]) -> dict[tuple[str, str], Any]:
    query = (
        sa.select(subscribers.c.address_hash, lists.c.slug, subscriptions)
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscribers.c.address_hash.in_(sorted(hashes)))
    )
    return {(row.address_hash, row.slug): row for row in connection.execute(query)}


def _is_newer(row: Any, consent: Consent, at: datetime) -> bool:
    if consent is not _UNSUBSCRIBED:  # an undo of what the database still has
        return row is not None and row.consent == _UNSUBSCRIBED and row.changed_at < at
    # An import is no word of the subscriber: it may have come after an older copy that did not know them.
    return row is None or (row.consent != _UNSUBSCRIBED and (row.changed_at <= at or row.how == "import"))


def _set_consent(
    database: Database, connection: sa.Connection, list_id: int, one: OptOutLine, consent: Consent, row: Any
) -> None:
    if row is not None:
        change_consents(connection, row.subscriber_id, {list_id: consent}, how=one.how, now=one.at)
        return
    # They joined after the copy was made, and left again: an import must find that they did.
    blank = {"address": "", "address_hash": one.address_hash, "attributes": {}, "created_at": one.at,
             "updated_at": one.at}  # fmt: skip
    connection.execute(database.insert_ignore(subscribers), blank)
    person = sa.select(subscribers.c.id).where(subscribers.c.address_hash == one.address_hash).scalar_subquery()
    values = {"consent": consent.value, "changed_at": one.at, "how": one.how}
    connection.execute(sa.insert(subscriptions).values(subscriber_id=person, list_id=list_id, **values))


def _suppress(database: Database, connection: sa.Connection, address_hash: str, one: OptOutLine) -> bool:
    mine = suppressions.c.address_hash == address_hash
    row = connection.execute(sa.select(suppressions).where(mine)).first()
    if row is not None and (one.suppression == row.reason or row.created_at > one.at):
        return False
    if one.suppression == _ERASED:
        erase_subscriber(connection, address_hash, one.at)
    if one.suppression in ("", _ERASED):
        connection.execute(sa.delete(suppressions).where(mine))
    if one.suppression == "":
        return row is not None
    address = sa.select(subscribers.c.address).where(subscribers.c.address_hash == address_hash).scalar_subquery()
    values = {"reason": one.suppression, "created_at": one.at, "address": sa.func.coalesce(address, "")}
    added = database.insert_ignore(suppressions).values(address_hash=address_hash, **values)
    return connection.execute(added).rowcount == 1


def words_of(one: OptOutLine) -> list[tuple[str, str, str, datetime]]:
    """What an opt-out says, each with whom it is about and when."""
    said = [*one.lists.items(), *([("", one.suppression)] if one.suppression is not None else [])]
    return [(one.address_hash, about, word, one.at) for about, word in said]


def opt_outs_of(connection: sa.Connection) -> Iterator[OptOutLine]:
    """Every opt-out that the database has."""
    left = (
        sa.select(subscribers.c.address_hash, lists.c.slug, subscriptions.c.changed_at, subscriptions.c.how)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscriptions.c.consent == _UNSUBSCRIBED.value)
    )
    for row in connection.execute(left):
        yield OptOutLine(row.changed_at, row.how, "", row.address_hash, {row.slug: _UNSUBSCRIBED.value})
    for row in connection.execute(sa.select(suppressions)):
        yield OptOutLine(row.created_at, "ledger", "", row.address_hash, {}, row.reason)
