"""Counts: a delivery's rows counted and compared with each other, for the equation and for reports."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import HELD, Recipient, RecipientState
from newsletter.delivery.ledger.plan import digest
from newsletter.reporting.report import Counts
from newsletter.storage.database.tables import attempts, recipients
from newsletter.storage.ledger.deliveries import list_slugs, recipient_of

ACCEPTED_BY_HAND = "resolved"
"""The reason of an accepted row whose attempt stayed unknown: a person said so."""

_DOT = ("unknown", "accepted")
"""Outcomes of attempts that arrived, or may have."""
_SHOWN = 1000
"""Offending rows that are named; one is enough to refuse the finish."""


def read_counts(connection: sa.Connection, delivery: str) -> Counts:
    """Count the rows of a delivery. Reads all of them: seconds for a million."""
    return Counts(
        counts=count_states(connection, delivery),
        digest=digest_of_rows(connection, delivery),
        twice=_names(connection, _accepted_twice(delivery)),
        disagreeing=_names(connection, _disagreeing(delivery)),
    )


def count_states(connection: sa.Connection, delivery: str) -> dict[RecipientState, int]:
    """How many rows of a delivery are in which state. Reads an index alone: a tenth of the time of the books."""
    state = recipients.c.state
    query = sa.select(state, sa.func.count()).where(recipients.c.delivery_id == delivery).group_by(state)
    return {RecipientState(name): count for name, count in connection.execute(query)}


def read_languages(connection: sa.Connection, delivery: str) -> dict[str, int]:
    """How many recipients get an edition in which language; who is sent nothing gets none."""
    nothing = [RecipientState.SUPPRESSED.value, RecipientState.EXCLUDED.value]
    query = (
        sa.select(recipients.c.language, sa.func.count())
        .where(recipients.c.delivery_id == delivery, recipients.c.state.not_in(nothing))
        .group_by(recipients.c.language)
        .order_by(sa.func.count().desc(), recipients.c.language)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def read_next(connection: sa.Connection, delivery: str) -> datetime | None:
    """When the next recipient of a delivery may be sent to; None when nobody is left, or somebody is being sent to."""
    mine, state = recipients.c.delivery_id == delivery, recipients.c.state
    held = sa.select(sa.exists().where(mine, state.in_(HELD)))
    if connection.execute(held).scalar_one():
        return None
    still = state.in_([RecipientState.WAITING, RecipientState.DEFERRED])
    return connection.execute(sa.select(sa.func.min(recipients.c.next_at)).where(mine, still)).scalar()


def read_reasons(connection: sa.Connection, delivery: str) -> dict[RecipientState, dict[str, int]]:
    """For each state that has reasons: how many rows say which, the most frequent first."""
    state, reason = recipients.c.state, recipients.c.reason
    query = (
        sa.select(state, reason, sa.func.count())
        .where(recipients.c.delivery_id == delivery, reason != "")
        .group_by(state, reason)
        .order_by(sa.func.count().desc(), state, reason)
    )
    found: dict[RecipientState, dict[str, int]] = {}
    for name, why, count in connection.execute(query):
        found.setdefault(RecipientState(name), {})[why] = count
    return found


def unknown_ones(connection: sa.Connection, delivery: str) -> list[Recipient]:
    """The recipients whose message may or may not have arrived."""
    return _those(connection, delivery, recipients.c.state == RecipientState.UNKNOWN)


def resent_ones(connection: sa.Connection, delivery: str) -> list[Recipient]:
    """The recipients whose message was sent once more although an earlier attempt arrived, or may have."""
    later = attempts.alias()
    tried_again = sa.and_(later.c.recipient_id == attempts.c.recipient_id, later.c.epoch > attempts.c.epoch)
    still_open = sa.and_(attempts.c.outcome == "", attempts.c.permitted_at.is_not(None))
    was_resent = (
        sa.exists()
        .select_from(attempts.join(later, tried_again))
        .where(
            attempts.c.recipient_id == recipients.c.id,
            # These outcomes say that there was a dot, also where the permit went with a database that was replaced.
            sa.or_(attempts.c.outcome.in_(_DOT), still_open),
            sa.or_(later.c.outcome.in_(_DOT), later.c.permitted_at.is_not(None)),
        )
    )
    return _those(connection, delivery, was_resent)


def _those(connection: sa.Connection, delivery: str, condition: sa.ColumnElement[bool]) -> list[Recipient]:
    query = sa.select(recipients).where(recipients.c.delivery_id == delivery, condition).order_by(recipients.c.id)
    slugs = list_slugs(connection, delivery)
    return [recipient_of(row, slugs) for row in connection.execute(query)]


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
    """Two accepted attempts, or another delivery of the issue that reached the address though neither said `again`.

    Where somebody had it sent again because it might have been lost, both may be accepted: those are listed as such.
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
    by_hand = recipients.c.reason == ACCEPTED_BY_HAND
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
