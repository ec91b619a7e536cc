"""Events: appended in the transaction that they record; an event with the key of an earlier one is dropped."""

from collections import Counter

import sqlalchemy as sa

from newsletter.feedback.event import Event, EventKind
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import events


def append_event(database: Database, connection: sa.Connection, event: Event) -> bool:
    """False when there is an event with this key already."""
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


def reasons_given(connection: sa.Connection, delivery: str) -> dict[str, int]:
    """How many of those who unsubscribed by an email of this delivery gave which reason, the most frequent first."""
    query = sa.select(events.c.data).where(events.c.kind == EventKind.REASON.value, events.c.delivery_id == delivery)
    return dict(Counter(data["reason"] for data in connection.execute(query).scalars()).most_common())
