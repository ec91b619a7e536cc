"""Resolve: unknown recipients become accepted or waiting, as an operator or `sending.unknown` decides."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.settle import ACCEPTED_BY_HAND, HELD_FOR_BYTES
from newsletter.errors import StateError
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import deliveries, recipients
from newsletter.storage.ledger.deliveries import REOPENED, compare_and_set, find_delivery


def accept_unknown(database: Database, delivery: str, now: datetime, *, only: Collection[str] = ()) -> int:
    """Record that unknown messages arrived. `only`: ids or address hashes; empty: all of them."""
    with database.write() as connection:
        _lock_delivery(connection, delivery)
        statement = sa.update(recipients).where(*_unknown(delivery, only))
        change = {"state": RecipientState.ACCEPTED.value, "reason": ACCEPTED_BY_HAND, "settled_at": now}
        return connection.execute(statement.values(**change)).rowcount


def resend_unknown(database: Database, delivery: str, now: datetime, *, only: Collection[str] = ()) -> int:
    """Let unknown messages be sent again, the same bytes under the same Message-ID; a finished delivery reopens.

    One that was held because its bytes would differ goes out with the new ones: the operator was shown that.
    """
    moved = _resend(database, delivery, _unknown(delivery, only), now, _BY_HAND)
    if moved is None:
        raise StateError(
            f"Delivery {delivery} was cancelled; it sends nothing",
            hint="Its unknown messages can be resolved as accepted",
        )
    return moved


def named_ones(database: Database, delivery: str, keys: Collection[str]) -> dict[str, tuple[str, RecipientState]]:
    """Which recipients of a delivery these ids or address hashes mean: key → id and state."""
    mine = sa.select(recipients.c.id, recipients.c.address_hash, recipients.c.state).where(
        recipients.c.delivery_id == delivery, _one_of(keys)
    )
    with database.read() as connection:
        rows = connection.execute(mine).all()
    return {key: (row.id, RecipientState(row.state)) for row in rows for key in (row.id, row.address_hash)}


def resend_by_policy(
    database: Database, delivery: str, now: datetime, *, patience: timedelta, expiry: timedelta
) -> int:
    """For `sending.unknown = "resend"`: let unknown messages be sent again after `patience`, until they expire.

    Each once: what is unknown a second time waits for an operator. Those whose bytes would differ stay unknown, and
    those of a cancelled delivery.
    """
    conditions = [
        recipients.c.delivery_id == delivery,
        _FOR_THE_POLICY,
        recipients.c.settled_at < now - patience,
        recipients.c.eligible_at > now - expiry,
    ]
    with database.read() as connection:  # do not lock: it runs every second, mostly without anything to do
        if not connection.execute(sa.select(sa.exists().where(*conditions))).scalar_one():
            return 0
    return _resend(database, delivery, conditions, now, _BY_POLICY) or 0


_FOR_THE_POLICY = sa.and_(
    recipients.c.state == RecipientState.UNKNOWN.value,
    recipients.c.in_doubt == sa.false(),
    recipients.c.reason.not_in(HELD_FOR_BYTES),
)
_BY_HAND = "sent again by an operator"
_BY_POLICY = 'sent again by sending.unknown = "resend"'


def _resend(
    database: Database, delivery: str, conditions: Collection[sa.ColumnElement[bool]], now: datetime, reason: str
) -> int | None:
    """How many were moved; None when the delivery is cancelled or gone."""
    with database.write() as connection:
        _lock_delivery(connection, delivery)
        noun = find_delivery(connection, delivery)
        if noun is None or noun.state is DeliveryState.CANCELLED:
            return None
        moved = connection.execute(
            sa.update(recipients)
            .where(*conditions)
            .values(
                state=RecipientState.WAITING.value,
                in_doubt=True,
                sha256=sa.case((recipients.c.reason.in_(HELD_FOR_BYTES), ""), else_=recipients.c.sha256),
                reason=reason,
                next_at=now,
                eligible_at=now if reason == _BY_HAND else recipients.c.eligible_at,
            )
        ).rowcount
        if moved and noun.state is DeliveryState.FINISHED:
            compare_and_set(connection, delivery, DeliveryState.FINISHED, REOPENED)
        return moved


def _lock_delivery(connection: sa.Connection, delivery: str) -> None:
    """Keep senders from writing to rows of a delivery until the transaction ends.

    Do not drop it: senders lock rows by id, an update of many locks them as it finds them, and the two would deadlock.
    """
    connection.execute(sa.select(deliveries.c.id).where(deliveries.c.id == delivery).with_for_update())


def _unknown(delivery: str, only: Collection[str]) -> list[sa.ColumnElement[bool]]:
    conditions = [recipients.c.delivery_id == delivery, recipients.c.state == RecipientState.UNKNOWN.value]
    if only:
        conditions.append(_one_of(only))
    return conditions


def _one_of(keys: Collection[str]) -> sa.ColumnElement[bool]:
    chosen = sorted(keys)
    return sa.or_(recipients.c.id.in_(chosen), recipients.c.address_hash.in_(chosen))


def with_unknown(database: Database) -> list[str]:
    """The deliveries that may still send and have unknown recipients that `resend_by_policy` may send to again."""
    over = [DeliveryState.CANCELLED.value, DeliveryState.HALTED.value, DeliveryState.PAUSED.value]
    query = (
        sa.select(deliveries.c.id)
        .where(deliveries.c.state.not_in(over))
        .where(sa.exists().where(recipients.c.delivery_id == deliveries.c.id, _FOR_THE_POLICY))
    )
    with database.read() as connection:
        return list(connection.execute(query).scalars())
