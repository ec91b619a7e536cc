"""Reconcile: a delivery's rows compared with each other and with their attempts. Reads all of them."""

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import digest
from newsletter.delivery.ledger.settle import ACCEPTED_BY_HAND, ACCEPTED_BY_RETURN
from newsletter.reporting.reconcile import Counts
from newsletter.storage.database.tables import attempts, recipients
from newsletter.storage.ledger.counters import count_states

_SHOWN = 1000
"""Rows that are named; one is enough to refuse the finish."""


def read_counts(connection: sa.Connection, delivery: str) -> Counts:
    """What the rows of a delivery add up to: about 20 seconds for a million."""
    return Counts(
        by_state=count_states(connection, delivery),
        digest=digest_of_rows(connection, delivery),
        twice=_names(connection, _accepted_twice(delivery)),
        disagreeing=_names(connection, _disagreeing(delivery)),
    )


def digest_of_rows(connection: sa.Connection, delivery: str) -> str:
    """SHA-256 over the rows' ids and address hashes in order of id, as it was stored when they were frozen."""
    # Ids are digits and lower-case letters, which every collation sorts alike.
    query = (
        sa.select(recipients.c.id, recipients.c.address_hash)
        .where(recipients.c.delivery_id == delivery)
        .order_by(recipients.c.id)
        .execution_options(yield_per=5000)
    )
    return digest(tuple(row) for row in connection.execute(query))


def _names(connection: sa.Connection, query: sa.Select[str]) -> tuple[str, ...]:
    return tuple(sorted(connection.execute(query.limit(_SHOWN)).scalars()))


def _accepted_twice(delivery: str) -> sa.Select[str]:
    """Two accepted attempts, or another delivery of the issue that reached the address, both without `again`.

    A message that an operator or the policy sent again may be accepted twice; `resent_ones` lists those.
    """
    accepted = (
        sa.select(sa.func.count())
        .where(attempts.c.recipient_id == recipients.c.id, attempts.c.outcome == "accepted")
        .scalar_subquery()
    )
    other = recipients.alias()
    elsewhere = sa.exists().where(
        other.c.issue == recipients.c.issue,
        other.c.address_hash == recipients.c.address_hash,
        other.c.id != recipients.c.id,
        other.c.state == RecipientState.ACCEPTED,
        other.c.again == sa.false(),
    )
    return sa.select(recipients.c.id).where(
        recipients.c.delivery_id == delivery,
        sa.or_(
            sa.and_(accepted > 1, recipients.c.in_doubt == sa.false()),
            sa.and_(
                recipients.c.state == RecipientState.ACCEPTED,
                recipients.c.again == sa.false(),
                elsewhere,
            ),
        ),
    )


def _disagreeing(delivery: str) -> sa.Select[str]:
    """Rows in a state that their attempts cannot have brought about."""

    def attempted(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.exists().where(attempts.c.recipient_id == recipients.c.id, *conditions)

    state = recipients.c.state
    this_epoch = attempts.c.epoch == recipients.c.epoch
    still_open = sa.and_(attempts.c.outcome == "", attempts.c.permitted_at.is_not(None))
    may_have_arrived = sa.or_(attempts.c.outcome == "unknown", still_open)
    by_hand = recipients.c.reason.in_((ACCEPTED_BY_HAND, ACCEPTED_BY_RETURN))
    wrong = sa.or_(
        sa.and_(state == "accepted", sa.not_(by_hand), sa.not_(attempted(attempts.c.outcome == "accepted"))),
        sa.and_(state == "permitted", sa.not_(attempted(this_epoch, still_open))),
        sa.and_(state == "unknown", sa.not_(recipients.c.in_doubt), sa.not_(attempted(may_have_arrived))),
        sa.and_(state == "deferred", sa.not_(attempted(attempts.c.outcome == "deferred"))),
        sa.and_(
            state.in_(["waiting", "claimed", "deferred", "rejected", "suppressed", "excluded"]),
            attempted(attempts.c.outcome == "accepted"),
        ),
        sa.and_(state.in_(["rejected", "suppressed", "excluded"]), attempted(may_have_arrived)),
    )
    return sa.select(recipients.c.id).where(recipients.c.delivery_id == delivery, wrong)
