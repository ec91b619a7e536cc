"""Departures: who left, who is suppressed and who was erased, carried from one database into an older copy of it.

A backup does not know who left after it was made. Where the database it replaces can still be read, they stay out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.storage.audience.erasing import erase_subscriber
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.database.tables import lists, metadata, subscribers, subscriptions, suppressions

_PERSON = sa.select(subscribers.c.id).where(subscribers.c.address_hash == sa.bindparam("hash")).scalar_subquery()
_LIST = sa.select(lists.c.id).where(lists.c.slug == sa.bindparam("slug")).scalar_subquery()
_LEFT = {"consent": Consent.UNSUBSCRIBED.value, "changed_at": sa.bindparam("since"), "how": "restore"}
_LEAVE = (
    sa.update(subscriptions)
    .where(
        subscriptions.c.subscriber_id == _PERSON,
        subscriptions.c.list_id == _LIST,
        subscriptions.c.consent != Consent.UNSUBSCRIBED.value,
    )
    .values(**_LEFT)
)


@dataclass(frozen=True, slots=True)
class _Departures:
    """Everybody who must not be written to, known by address hash."""

    lists: Sequence[dict[str, Any]]
    """Those that somebody left: rows without their ids, which may mean others in the copy."""
    people: Sequence[dict[str, Any]]
    """Who left any of them: rows without their ids."""
    unsubscribed: Sequence[dict[str, Any]]
    """Address hash, slug of the list, since when."""
    suppressions: Sequence[dict[str, Any]]
    """Rows of the table, whole."""


def carry_over(database: Database, copy: Database) -> int:
    """Make departures so in a copy that may not know them yet; how many changes that were."""
    with database.read() as connection:
        departures = _read(connection)
    with copy.write() as connection:
        return _apply(copy, connection, departures)


def put_back(database: Database, copy: Path) -> int:
    """Replace everything by what stands in a copy of this schema, and carry over into it; how many changes that were.

    One transaction: others see the database before or after it, and a crash leaves it as it was. Whoever leaves
    meanwhile waits for its end, up to the patience of a transaction, and then leaves; not by a link in a mail of a
    delivery that the copy does not know, which belongs to nobody from then on.
    """
    with database.write_beside(copy) as connection:
        departures = _read(connection)
        database.take_rows(connection, tuple(metadata.tables.values()))
        return _apply(database, connection, departures)


def _read(connection: Connection) -> _Departures:
    is_over = subscriptions.c.consent == Consent.UNSUBSCRIBED.value
    left = (
        sa.select(subscribers.c.address_hash.label("hash"), lists.c.slug, subscriptions.c.changed_at.label("since"))
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(is_over)
    )
    lists_left = sa.exists().where(subscriptions.c.list_id == lists.c.id, is_over)
    people_who_left = sa.exists().where(subscriptions.c.subscriber_id == subscribers.c.id, is_over)
    queries = (
        sa.select(*_but_id(lists)).where(lists_left),
        sa.select(*_but_id(subscribers)).where(people_who_left),
        left,
        sa.select(suppressions),
    )
    return _Departures(*([dict(row) for row in connection.execute(query).mappings()] for query in queries))


def _but_id(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if column.name != "id"]


def _apply(database: Database, connection: Connection, departures: _Departures) -> int:
    changed = 0
    if departures.unsubscribed:
        changed += connection.execute(_LEAVE, departures.unsubscribed).rowcount
        # Who joined after the copy was made, and left again, is not in it; an import must find that they left.
        connection.execute(database.insert_ignore(lists), departures.lists)
        connection.execute(database.insert_ignore(subscribers), departures.people)
        never_there = database.insert_ignore(subscriptions).values(subscriber_id=_PERSON, list_id=_LIST, **_LEFT)
        changed += connection.execute(never_there, departures.unsubscribed).rowcount
    is_erased = suppressions.c.reason == SuppressionReason.ERASED.value
    known = set(connection.execute(sa.select(suppressions.c.address_hash).where(is_erased)).scalars())
    for row in departures.suppressions:
        if row["reason"] == SuppressionReason.ERASED.value and row["address_hash"] not in known:
            erase_subscriber(connection, row["address_hash"])
            connection.execute(sa.delete(suppressions).where(suppressions.c.address_hash == row["address_hash"]))
    if departures.suppressions:
        changed += connection.execute(database.insert_ignore(suppressions), departures.suppressions).rowcount
    return changed
