"""Preferences: what a subscriber changes about themselves, by the id that stays when the address changes."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.subscriber import Subscriber
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import (
    MAY_HAVE_REACHED,
    lists,
    notices,
    receipts,
    recipients,
    signups,
    subscribers,
)


def subscriber_with(database: Database, connection: sa.Connection, id_: int) -> Subscriber | None:
    """The subscriber with this id, unless they were erased."""
    query = sa.select(subscribers.c.address_hash).where(subscribers.c.id == id_, subscribers.c.address != "")
    address_hash = connection.execute(query).scalar()
    return None if address_hash is None else AudienceStore(database, connection).find(address_hash)


def paused_until(connection: sa.Connection, id_: int, now: datetime) -> datetime | None:
    """Until when they get no issues; None: they get them."""
    query = sa.select(subscribers.c.paused_until).where(subscribers.c.id == id_, subscribers.c.paused_until > now)
    return connection.execute(query).scalar()


def set_pause(connection: sa.Connection, id_: int, until: datetime | None, now: datetime) -> None:
    """Pause until a moment, or end a pause."""
    values = {"paused_until": until, "updated_at": now}
    connection.execute(sa.update(subscribers).where(subscribers.c.id == id_).values(**values))


def set_address(
    database: Database, connection: sa.Connection, id_: int, address: str, address_hash: str, now: datetime
) -> None:
    """Give a subscriber another address. Every issue that may have reached the old one is on record for the new one."""
    before = connection.execute(sa.select(subscribers.c.address_hash).where(subscribers.c.id == id_)).scalar_one()
    values: dict[str, Any] = {"address": address, "address_hash": address_hash, "updated_at": now}
    connection.execute(sa.update(subscribers).where(subscribers.c.id == id_).values(**values))
    known = {"address_hash": address_hash}
    for row in connection.execute(sa.select(receipts).where(receipts.c.address_hash == before)).all():
        moved = row._asdict() | known | {"worker": f"moved-{row.worker}"[:32]}
        connection.execute(database.insert_ignore(receipts).values(**moved))
    slugs = {row.id: row.slug for row in connection.execute(sa.select(lists))}
    reached = sa.select(recipients).where(recipients.c.address_hash == before, MAY_HAVE_REACHED)
    for row in connection.execute(reached).all():
        led_by = [slugs[one] for one in row.list_ids if one in slugs]
        values = {
            "recipient_id": row.id, "epoch": row.epoch, "worker": "moved", "issue": row.issue,
            "delivery_id": row.delivery_id, "lists": led_by, "outcome": "accepted",
        }  # fmt: skip
        connection.execute(database.insert_ignore(receipts).values(**values, **known))
    connection.execute(sa.update(signups).where(signups.c.address_hash == before).values(address=address, **known))
    connection.execute(sa.update(notices).where(notices.c.subscriber_id == id_).values(**known))
