"""Departures: who left, who is suppressed and who was erased, carried from one database into an older copy of it.

A backup does not know who left after it was made. Where the database it replaces can still be read, they stay out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.storage.engine import Database
from newsletter.storage.erasing import erase_person
from newsletter.storage.tables import lists, subscribers, subscriptions, suppressions


@dataclass(frozen=True, slots=True)
class Departures:
    """Everybody who must not be written to, known by address hash."""

    unsubscribed: tuple[tuple[str, str, datetime], ...]
    """Address hash, slug of the list, since when."""
    suppressions: tuple[dict[str, Any], ...]
    """Rows of the table, whole."""


def read_departures(database: Database) -> Departures:
    """Everybody who left a list or is suppressed, as one database knows it."""
    left = (
        sa.select(subscribers.c.address_hash, lists.c.slug, subscriptions.c.changed_at)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscriptions.c.consent == Consent.UNSUBSCRIBED.value)
    )
    with database.read() as connection:
        return Departures(
            unsubscribed=tuple((row.address_hash, row.slug, row.changed_at) for row in connection.execute(left)),
            suppressions=tuple(dict(row) for row in connection.execute(sa.select(suppressions)).mappings()),
        )


def carry_over(database: Database, departures: Departures) -> int:
    """Make them so in another database, which may not know it yet; how many changes that were."""
    changed = 0
    with database.write() as connection:
        for address_hash, slug, since in departures.unsubscribed:
            theirs = sa.select(subscribers.c.id).where(subscribers.c.address_hash == address_hash).scalar_subquery()
            of = sa.select(lists.c.id).where(lists.c.slug == slug).scalar_subquery()
            changed += connection.execute(
                sa.update(subscriptions)
                .where(subscriptions.c.subscriber_id == theirs, subscriptions.c.list_id == of)
                .where(subscriptions.c.consent != Consent.UNSUBSCRIBED.value)
                .values(consent=Consent.UNSUBSCRIBED.value, changed_at=since, how="restore")
            ).rowcount
        for row in departures.suppressions:
            changed += connection.execute(database.insert_ignore(suppressions).values(**row)).rowcount
            if row["reason"] == SuppressionReason.ERASED.value:
                erase_person(connection, row["address_hash"])
    return changed
