"""Workers: sending processes as the database knows them, and the claims of those that are gone."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import HELD, RecipientState, Recovered, Worker
from newsletter.storage.database.compiled import Row
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import recipients, workers
from newsletter.storage.ledger.deliveries import sweep_cancelled
from newsletter.storage.ledger.record import lock_states


def has_worker(database: Database, is_dead: Callable[[Worker], bool]) -> bool:
    """Whether the lease of any sending process is valid. Changes nothing."""
    with database.read() as connection:
        clock = database.lease_now(connection)
        rows = connection.execute(sa.select(workers)).all()
        return any(not is_gone(database, row, clock, is_dead) for row in rows)


def count_processes(database: Database, is_dead: Callable[[Worker], bool]) -> int:
    """How many sending processes have a valid lease, each once, however many workers it has registered."""
    with database.read() as connection:
        clock = database.lease_now(connection)
        rows = connection.execute(sa.select(workers)).all()
        return len({(row.host, row.boot, row.pid) for row in rows if not is_gone(database, row, clock, is_dead)})


def is_gone(database: Database, row: Row, clock: float, is_dead: Callable[[Worker], bool]) -> bool:
    """Whether a worker's lease is over, or its process known to be dead. `clock`: the database's lease clock."""
    # On a clock that starts with the machine, the lease of an earlier start says nothing.
    expired = row.lease_until < clock or bool(database.boot and row.boot != database.boot)
    return expired or is_dead(Worker(id=row.id, host=row.host, boot=row.boot, pid=row.pid))


def reclaim(connection: sa.Connection, names: Sequence[str], now: datetime) -> Recovered:
    """Remove workers. What they had only claimed waits again; what they were permitted to send may have arrived."""
    if not connection.execute(sa.delete(workers).where(workers.c.id.in_(names))).rowcount:
        return Recovered(waiting=0, unknown=0)
    theirs = recipients.c.worker.in_(names)
    held = sa.select(recipients.c.delivery_id).where(theirs, recipients.c.state.in_(HELD)).distinct()
    of = list(connection.execute(held).scalars())
    lock_states(connection, of)
    rows = sa.select(recipients.c.id).where(theirs, recipients.c.state.in_(HELD))
    connection.execute(rows.order_by(recipients.c.id).with_for_update())
    waiting = connection.execute(
        sa.update(recipients)
        .where(theirs, recipients.c.state == RecipientState.CLAIMED.value)
        .values(state=RecipientState.WAITING.value, worker="")
    ).rowcount
    unknown = connection.execute(
        sa.update(recipients)
        .where(theirs, recipients.c.state == RecipientState.PERMITTED.value)
        .values(
            state=RecipientState.UNKNOWN.value,
            reason="the sending process ended before the reply was recorded",
            attempts=recipients.c.attempts + 1,
            settled_at=now,
        )
    ).rowcount
    sweep_cancelled(connection, of, now)
    return Recovered(waiting=waiting, unknown=unknown)
