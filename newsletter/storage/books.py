"""Books: a delivery's rows counted and compared with each other, for the equation and for reports."""

from __future__ import annotations

import sqlalchemy as sa

from newsletter.delivery.ledger import RecipientState
from newsletter.delivery.plan import digest
from newsletter.reporting.report import Books
from newsletter.storage.tables import attempts, recipients

ACCEPTED_BY_HAND = "resolved"
"""The reason of an accepted row whose attempt stayed unknown: a person said so."""

_SHOWN = 1000
"""Offending rows that are named; one is enough to refuse the finish."""


def read_books(connection: sa.Connection, delivery: str) -> Books:
    """Count the rows of a delivery. Reads all of them: seconds for a million."""
    mine = recipients.c.delivery_id == delivery
    by_state = sa.select(recipients.c.state, sa.func.count()).where(mine).group_by(recipients.c.state)
    return Books(
        counts={RecipientState(state): count for state, count in connection.execute(by_state)},
        digest=digest_of_rows(connection, delivery),
        twice=_names(connection, _accepted_twice(delivery)),
        disagreeing=_names(connection, _disagreeing(delivery)),
    )


def digest_of_rows(connection: sa.Connection, delivery: str) -> str:
    """The digest of the rows that a delivery has."""
    # Ids are digits and lower-case letters, which every collation sorts alike.
    query = (
        sa.select(recipients.c.id, recipients.c.address_hash)
        .where(recipients.c.delivery_id == delivery)
        .order_by(recipients.c.id)
        .execution_options(yield_per=5000)
    )
    return digest((row.id, row.address_hash) for row in connection.execute(query))


def _names(connection: sa.Connection, query: sa.Select[str]) -> tuple[str, ...]:
    return tuple(sorted(connection.execute(query.limit(_SHOWN)).scalars()))


def _accepted_twice(delivery: str) -> sa.Select[str]:
    """Two accepted attempts, or another delivery of the issue that reached the address though neither said `again`."""
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
            accepted > 1,
            sa.and_(
                recipients.c.state == RecipientState.ACCEPTED,
                recipients.c.again == sa.false(),
                recipients.c.address_hash != "",
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
    by_hand = recipients.c.reason == ACCEPTED_BY_HAND
    wrong = sa.or_(
        sa.and_(state == "accepted", sa.not_(by_hand), sa.not_(attempted(attempts.c.outcome == "accepted"))),
        sa.and_(state == "permitted", sa.not_(attempted(this_epoch, still_open))),
        sa.and_(state == "unknown", sa.not_(attempted(sa.or_(attempts.c.outcome == "unknown", still_open)))),
        sa.and_(state == "deferred", sa.not_(attempted(attempts.c.outcome == "deferred"))),
        sa.and_(
            state.in_(["waiting", "claimed", "deferred", "rejected", "suppressed", "excluded"]),
            attempted(attempts.c.outcome == "accepted"),
        ),
    )
    return sa.select(recipients.c.id).where(recipients.c.delivery_id == delivery, wrong)
