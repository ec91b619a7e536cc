"""Audit: whether the ledger still knows who got a message, asked before a delivery that was sent from before goes on.

A database file that was copied over another one, whose log stayed beside it, is a mixture: the count of permits may be
today's and the rows yesterday's. What the rows have forgotten would be sent again; reconciling them shows it.
"""

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.reporting.reconcile import Counts, reconcile
from newsletter.storage.database.database import Database
from newsletter.storage.database.metadata import count_of
from newsletter.storage.database.tables import attempts, recipients
from newsletter.storage.journal.stopping import ADDED
from newsletter.storage.ledger.deliveries import read_delivery
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.workers import PERMITS_GRANTED

_BEGUN = [
    state.value
    for state in RecipientState
    if state not in (RecipientState.WAITING, RecipientState.SUPPRESSED, RecipientState.EXCLUDED)
]


def audit(database: Database, delivery: str) -> tuple[str, ...]:
    """Why the ledger cannot be trusted to know who got the messages of a delivery; nothing when it is whole.

    Attempts are counted for all deliveries, and the rows of one that was sent from are read: seconds for a million, in
    a transaction that keeps nobody waiting. That somebody got it twice is known, and no reason to stop: `finish` tells.
    """
    with database.read() as connection:
        return audit_of(connection, delivery)


def audit_of(connection: sa.Connection, delivery: str, counts: Counts | None = None) -> tuple[str, ...]:
    """As `audit`, inside a transaction. `counts`: those of the delivery, where they are read already."""
    lost = tuple(lost_attempts(connection))
    is_begun = sa.exists().where(recipients.c.delivery_id == delivery, recipients.c.state.in_(_BEGUN))
    if not connection.execute(sa.select(is_begun)).scalar_one():
        return lost
    trusted = replace(counts or read_counts(connection, delivery), twice=())
    return (*lost, *reconcile(read_delivery(connection, delivery), trusted))


def lost_attempts(connection: sa.Connection) -> Iterator[str]:
    """That the ledger holds fewer attempts, or more, than permits were granted; nothing when it holds as many."""
    permitted = sa.select(sa.func.count()).select_from(attempts).where(attempts.c.permitted_at.is_not(None))
    known = connection.execute(permitted).scalar_one()
    granted = connection.execute(sa.select(PERMITS_GRANTED)).scalar_one() - count_of(connection, ADDED)
    if known != granted:
        yield f"{granted} messages were permitted, but the ledger holds {known}: parts of two databases are mixed up"
