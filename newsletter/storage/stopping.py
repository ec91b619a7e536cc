"""Stopping everything that could send, at once: what a restored database must do before anybody uses it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.storage.engine import Database
from newsletter.storage.tables import deliveries, leases, workers

_BECOMES = {
    DeliveryState.SCHEDULED: DeliveryState.MISSED,
    DeliveryState.PREPARING: DeliveryState.PAUSED,
    DeliveryState.SENDING: DeliveryState.PAUSED,
}


def stop_everything(database: Database, reason: str, now: datetime) -> list[str]:
    """Pause what is sending, take scheduled deliveries off the clock, forget leases; the ids of what was stopped.

    Workers of the past are made dead, so that the next start recovers their rows: claimed ones wait again, permitted
    ones are unknown.
    """
    stopped: list[str] = []
    with database.write() as connection:
        for before, after in _BECOMES.items():
            rows = connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.state == before.value)
                .values(state=after.value, reason=f"{reason} ({now:%Y-%m-%d %H:%M} UTC)")
                .returning(deliveries.c.id)
            )
            stopped += rows.scalars()
        connection.execute(sa.delete(leases))
        connection.execute(sa.update(workers).values(lease_until=0, boot="before the restore"))
    return sorted(stopped)
