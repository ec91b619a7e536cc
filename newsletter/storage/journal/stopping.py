"""Stopping everything that could send, at once: what an older copy of a database needs before anybody uses it."""

from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import end_leases
from newsletter.storage.database.metadata import add_to_count, count_of
from newsletter.storage.database.tables import deliveries, workers
from newsletter.storage.ledger.workers import PERMITS, reclaim_uncounted

_BECOMES = {
    DeliveryState.SCHEDULED: DeliveryState.MISSED,
    DeliveryState.PREPARING: DeliveryState.PAUSED,
    DeliveryState.SENDING: DeliveryState.PAUSED,
}
_STANDING = [state.value for state in DeliveryState if state.waits_for_a_person]
"""Stopped before; whoever resumes one should know, too."""

ADDED = "permits added"
"""The property that counts those of a database's permits that were none: what stops added."""
MARGIN = 1_000_000
"""How much further the copy counts than anybody saw. Another machine may have seen a little more than the one that
noticed; it must not stop once more what a person has resumed since."""


def stop_everything(
    database: Database, connection: sa.Connection, reason: str, now: datetime, *, permits_seen: int
) -> list[str]:
    """Pause what is sending, take scheduled deliveries off the clock, end leases; the ids of what was stopped.

    Workers are reclaimed: what they had claimed waits again, what they were permitted to send is unknown. One that
    lives must register anew, under another name: in the copy the numbers of its claims are given once more. The count
    of permits is raised beyond `permits_seen`, so that the copy is not found to be old again.
    """
    why = f"{reason} ({now:%Y-%m-%d %H:%M} UTC)"
    stopped: list[str] = []
    registered = connection.execute(sa.select(workers.c.id).order_by(workers.c.id).with_for_update()).scalars().all()
    _, permits = reclaim_uncounted(connection, registered, now)
    told = deliveries.c.reason
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.state.in_(_STANDING))
        .values(reason=sa.case((told == "", why), else_=told + f"; {why}"))
    )
    for before, after in _BECOMES.items():
        rows = connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.state == before.value)
            .values(state=after.value, reason=why)
            .returning(deliveries.c.id)
        )
        stopped += rows.scalars()
    added = max(permits_seen - count_of(connection, PERMITS) - permits, 0) + MARGIN
    add_to_count(database, connection, PERMITS, permits + added)
    add_to_count(database, connection, ADDED, added)
    # A scheduler changes far less often than permits are granted: no token has ever been as high.
    end_leases(database, connection, beyond=count_of(connection, PERMITS))
    return sorted(stopped)
