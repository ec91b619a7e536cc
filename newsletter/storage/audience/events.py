"""Events: appended in the transaction that they record; an event with the key of an earlier one is dropped."""

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from newsletter.feedback.event import Event, EventKind
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import events


def append_event(database: Database, connection: sa.Connection, event: Event) -> bool:
    """False when there is an event with this key already."""
    return connection.execute(database.insert_ignore(events), _row(event)).rowcount == 1


def append_events(database: Database, connection: sa.Connection, found: Sequence[Event]) -> None:
    """Append those whose key no other event has."""
    if found:
        connection.execute(database.insert_ignore(events), [_row(event) for event in found])


def _row(event: Event) -> dict[str, object]:
    return {
        "kind": event.kind.value,
        "at": event.at,
        "key": event.key,
        "subscriber_id": event.subscriber,
        "recipient_id": event.recipient,
        "delivery_id": event.delivery,
        "data": dict(event.data),
    }


def reasons_given(connection: sa.Connection, delivery: str) -> dict[str, int]:
    """How many of those who unsubscribed by an email of this delivery gave which reason, the most frequent first."""
    query = sa.select(events.c.data).where(events.c.kind == EventKind.REASON.value, events.c.delivery_id == delivery)
    return dict(Counter(data["reason"] for data in connection.execute(query).scalars()).most_common())
