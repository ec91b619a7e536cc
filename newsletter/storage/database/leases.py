"""Leases: which of several processes may do what only one should do, such as starting deliveries.

The scheduler takes one. Its fencing token goes with every change it makes, and `holds` refuses those of a holder that
has been replaced meanwhile. Time is the database's lease clock, so a wrong wall clock does no harm.
"""

import sqlalchemy as sa

from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import leases

SCHEDULER = "scheduler"
"""The lease of the one scheduler that may start deliveries."""
QUEUE = "queue"
"""The lease of the one worker that keeps jobs queued."""


def take_lease(database: Database, name: str, holder: str, seconds: float) -> int | None:
    """Take or renew a lease for `seconds` from now. Returns its fencing token, or None while another process holds it.

    The token grows whenever the holder changes, also when a copy of the database is restored. A lease from before the
    last start of the machine is over.
    """
    with database.write() as connection:
        now = database.lease_now(connection)
        _make_known(database, connection, name)
        statement = (
            sa.update(leases)
            .where(leases.c.name == name)
            .where(
                sa.or_(leases.c.holder == holder, leases.c.lease_until <= now, leases.c.boot != database.boot),
            )
            .values(
                holder=holder,
                token=leases.c.token + sa.case((leases.c.holder == holder, 0), else_=1),
                lease_until=now + seconds,
                boot=database.boot,
            )
            .returning(leases.c.token)
        )
        return connection.execute(statement).scalar_one_or_none()


def release_lease(database: Database, name: str, holder: str) -> None:
    """End a lease, so that another process need not wait for it. Does nothing when another process holds it."""
    with database.write() as connection:
        connection.execute(
            sa.update(leases).where(leases.c.name == name, leases.c.holder == holder).values(holder="", lease_until=0.0)
        )


def end_leases(database: Database, connection: sa.Connection, *, beyond: int) -> None:
    """End the scheduler's lease in a copy that takes the database's place; tokens go on from `beyond`, at least.

    `beyond` must exceed every token that the database may have given after the copy was made.
    """
    _make_known(database, connection, SCHEDULER)
    token = sa.case((leases.c.token < beyond, beyond), else_=leases.c.token + 1)
    connection.execute(sa.update(leases).values(holder="", lease_until=0.0, token=token))


def is_held(database: Database, name: str) -> bool:
    """Whether anybody holds a lease now. Changes nothing."""
    with database.read() as connection:
        until, boot = leases.c.lease_until, leases.c.boot
        mine = leases.c.name == name, until > database.lease_now(connection), boot == database.boot
        return connection.execute(sa.select(leases.c.name).where(*mine)).first() is not None


def holds(connection: sa.Connection, name: str, token: int) -> bool:
    """Whether this fencing token is still the newest, and stays so until the transaction of `connection` ends.

    Do not ask in another transaction than the change that the lease guards: it may have a new holder by then.
    """
    query = sa.select(leases.c.token).where(leases.c.name == name, leases.c.token == token)
    return connection.execute(query.with_for_update(read=True)).first() is not None


def _make_known(database: Database, connection: sa.Connection, name: str) -> None:
    blank = {"name": name, "holder": "", "token": 0, "lease_until": 0.0, "boot": database.boot}
    connection.execute(database.insert_ignore(leases), blank)
