"""Events: appended inside the transaction that they tell of, the same thing told twice kept once."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from newsletter.delivery.event import Event, EventKind
from newsletter.storage.engine import Database
from newsletter.storage.tables import events


def append_event(database: Database, connection: sa.Connection, event: Event) -> bool:
    """Append one event. False when an event of the same key was there already."""
    statement = database.insert_ignore(events).values(
        kind=event.kind.value,
        at=event.at,
        key=event.key,
        subscriber_id=event.subscriber,
        recipient_id=event.recipient,
        delivery_id=event.delivery,
        data=dict(event.data),
    )
    return connection.execute(statement).rowcount == 1


def events_of(connection: sa.Connection, subscriber: int) -> Sequence[Event]:
    """Everything that happened to one subscriber, the oldest first."""
    query = sa.select(events).where(events.c.subscriber_id == subscriber).order_by(events.c.at, events.c.id)
    return [
        Event(
            kind=EventKind(row.kind),
            at=row.at,
            subscriber=row.subscriber_id,
            recipient=row.recipient_id,
            delivery=row.delivery_id,
            data=row.data,
            key=row.key,
        )
        for row in connection.execute(query)
    ]
