"""Departures: who left, who is suppressed and who was erased, carried from one database into an older copy of it.

A backup does not know who left after it was made. Where the database it replaces can still be read, they stay out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.storage.engine import Connection, Database
from newsletter.storage.erasing import erase_person
from newsletter.storage.tables import lists, metadata, subscribers, subscriptions, suppressions

_LEAVE = (
    sa.update(subscriptions)
    .where(
        subscriptions.c.subscriber_id
        == sa.select(subscribers.c.id).where(subscribers.c.address_hash == sa.bindparam("hash")).scalar_subquery(),
        subscriptions.c.list_id == sa.select(lists.c.id).where(lists.c.slug == sa.bindparam("slug")).scalar_subquery(),
        subscriptions.c.consent != Consent.UNSUBSCRIBED.value,
    )
    .values(consent=Consent.UNSUBSCRIBED.value, changed_at=sa.bindparam("since"), how="restore")
)


@dataclass(frozen=True, slots=True)
class _Departures:
    """Everybody who must not be written to, known by address hash."""

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

    One transaction: others see the database before or after it, a crash leaves it as it was, and whoever leaves
    meanwhile waits for its end and then leaves.
    """
    with database.write_beside(copy) as connection:
        departures = _read(connection)
        database.take_rows(connection, tuple(metadata.tables.values()))
        return _apply(database, connection, departures)


def _read(connection: Connection) -> _Departures:
    left = (
        sa.select(subscribers.c.address_hash.label("hash"), lists.c.slug, subscriptions.c.changed_at.label("since"))
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscriptions.c.consent == Consent.UNSUBSCRIBED.value)
    )
    unsubscribed, suppressed = (
        [dict(row) for row in connection.execute(query).mappings()] for query in (left, sa.select(suppressions))
    )
    return _Departures(unsubscribed, suppressed)


def _apply(database: Database, connection: Connection, departures: _Departures) -> int:
    changed = 0
    if departures.unsubscribed:
        changed += connection.execute(_LEAVE, departures.unsubscribed).rowcount
    is_erased = suppressions.c.reason == SuppressionReason.ERASED.value
    known = set(connection.execute(sa.select(suppressions.c.address_hash).where(is_erased)).scalars())
    for row in departures.suppressions:
        if row["reason"] == SuppressionReason.ERASED.value and row["address_hash"] not in known:
            erase_person(connection, row["address_hash"])
            connection.execute(sa.delete(suppressions).where(suppressions.c.address_hash == row["address_hash"]))
    if departures.suppressions:
        changed += connection.execute(database.insert_ignore(suppressions), departures.suppressions).rowcount
    return changed
