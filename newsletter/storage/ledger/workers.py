"""Workers: sending processes as the database knows them; who is at work, and what is left of one that is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import HELD, RecipientState, Recovered, Worker
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import recipients, workers
from newsletter.storage.ledger.deliveries import sweep_cancelled
from newsletter.storage.ledger.record import Row, lock_states


def has_worker(database: Database, is_dead: Callable[[Worker], bool]) -> bool:
    """Whether any sending process is still believed to be at work. Changes nothing."""
    with database.read() as connection:
        clock = database.lease_now(connection)
        everybody = connection.execute(sa.select(workers)).all()
        return any(not is_gone(database, row, clock, is_dead) for row in everybody)


def is_gone(database: Database, row: Row, clock: float, is_dead: Callable[[Worker], bool]) -> bool:
    """Whether a worker's row is of one that nobody need wait for. `clock`: the database's lease clock."""
    # On a clock that starts with the machine, the lease of an earlier start says nothing.
    expired = row.lease_until < clock or bool(database.boot and row.boot != database.boot)
    return expired or is_dead(Worker(id=row.id, host=row.host, boot=row.boot, pid=row.pid))


def reclaim(connection: sa.Connection, worker: str, now: datetime) -> Recovered:
    """Forget a worker. What it had only claimed waits again; what it was permitted to send may have arrived."""
    connection.execute(sa.delete(workers).where(workers.c.id == worker))
    mine = recipients.c.worker == worker
    of = list(
        connection.execute(
            sa.select(recipients.c.delivery_id).where(mine, recipients.c.state.in_(HELD)).distinct()
        ).scalars()
    )
    lock_states(connection, of)
    held = sa.select(recipients.c.id).where(mine, recipients.c.state.in_(HELD))
    connection.execute(held.order_by(recipients.c.id).with_for_update())
    waiting = connection.execute(
        sa.update(recipients)
        .where(mine, recipients.c.state == RecipientState.CLAIMED.value)
        .values(state=RecipientState.WAITING.value, worker="")
    ).rowcount
    unknown = connection.execute(
        sa.update(recipients)
        .where(mine, recipients.c.state == RecipientState.PERMITTED.value)
        .values(
            state=RecipientState.UNKNOWN.value,
            reason="the sending process ended before the reply was recorded",
            attempts=recipients.c.attempts + 1,
            settled_at=now,
        )
    ).rowcount
    sweep_cancelled(connection, of, now)
    return Recovered(waiting=waiting, unknown=unknown)


def reclaim_all(connection: sa.Connection, now: datetime) -> None:
    """Forget every worker, as in a copy that takes the database's place.

    One that lives must enter anew, under another name: in the copy the numbers of its claims are given once more.
    """
    for worker in connection.execute(sa.select(workers.c.id).order_by(workers.c.id)).scalars().all():
        reclaim(connection, worker, now)
