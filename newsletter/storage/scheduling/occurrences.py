"""Occurrences: each time of a recurring schedule that came, recorded once, with the delivery that it made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import holds
from newsletter.storage.database.tables import deliveries, occurrences, receipts
from newsletter.storage.ledger.deliveries import Deliveries, Lease, NewDelivery

KEPT = timedelta(days=90)


class Turn(StrEnum):
    """What became of one time of a schedule."""

    BEGUN = "begun"
    """Nothing: the schedule was seen for the first time. Its times before this never come."""
    DELIVERY = "delivery"
    """A delivery was made."""
    NOTHING = "nothing"
    """No issue was waiting."""
    REFUSED = "refused"
    """The issue whose turn it was cannot be sent as it is."""
    MISSED = "missed"
    """No scheduler was running."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a schedule that came."""

    schedule: str
    at: datetime
    """UTC."""
    outcome: Turn
    note: str = ""
    """For an operator: why nothing is sent, or what a clock change moved."""
    delivery: str | None = None


class Occurrences:
    """Those of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self) -> dict[str, datetime]:
        """The newest of each schedule that was ever seen."""
        query = sa.select(occurrences.c.schedule, sa.func.max(occurrences.c.at)).group_by(occurrences.c.schedule)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def since(self, moment: datetime) -> list[Occurrence]:
        """Those of a time and later, in order."""
        query = sa.select(occurrences).where(occurrences.c.at >= moment)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(occurrences.c.at, occurrences.c.schedule)).all()
        return [Occurrence(row.schedule, row.at, Turn(row.outcome), row.note, row.delivery_id) for row in rows]

    def record(self, one: Occurrence, now: datetime, lease: Lease | None, order: NewDelivery | None = None) -> bool:
        """Record that a time came, with the delivery that it makes, both or none.

        False when it was recorded before, or when the lease has a newer holder. Raises NotFoundError for a list that
        does not exist any more.
        """
        with self._database.write() as connection:
            if lease is not None and not holds(connection, lease.name, lease.token):
                return False
            row = {"schedule": one.schedule, "at": one.at, "outcome": one.outcome.value, "note": one.note}
            if not connection.execute(self._database.insert_ignore(occurrences), row).rowcount:
                return False
            if order is not None:
                Deliveries(self._database).insert(connection, order, now)
                mine = occurrences.c.schedule == one.schedule, occurrences.c.at == one.at
                connection.execute(sa.update(occurrences).where(*mine).values(delivery_id=order.id))
            old = sa.delete(occurrences).where(occurrences.c.schedule == one.schedule)
            connection.execute(old.where(occurrences.c.at < min(now, one.at) - KEPT))
            return True

    def sent_issues(self) -> set[str]:
        """The slugs of all issues that have a delivery, in whatever state, or of which the journal has receipts."""
        with self._database.read() as connection:
            both = sa.union(sa.select(deliveries.c.issue), sa.select(receipts.c.issue))
            return set(connection.execute(both).scalars())
