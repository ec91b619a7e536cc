"""Group: the common group of a sender, accepted messages and permits, in statements that check every row they change.

`record.py` reads each row and decides; nearly always that ends as is foreseen here, at a fraction of its cost. Where a
single row differs from what is foreseen, nothing of the group is written here, and `record.py` decides about all of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import PermitRequest, RecipientState, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted
from newsletter.delivery.ledger.settle import reply_text
from newsletter.storage.database.compiled import Among, Compiled, Given, can_change_many
from newsletter.storage.database.tables import Instant, attempts, deliveries, recipients, workers


class UnforeseenError(Exception):
    """A row, a delivery or the worker is not as foreseen; the transaction must be rolled back."""


class ReachedError(Exception):
    """Another delivery of the issue has reached an address; the transaction can only be rolled back."""


def is_plain(settlements: Sequence[Settlement]) -> bool:
    """Whether a group may be written here: the relay took all its messages."""
    return all(
        one.decision.state is RecipientState.ACCEPTED and isinstance(one.outcome, Accepted) for one in settlements
    )


def write_plain(
    connection: sa.Connection,
    worker: Worker,
    settlements: Sequence[Settlement],
    permits: Sequence[PermitRequest],
    now: datetime,
) -> None:
    """Write outcomes and permits, all of them granted.

    Raises UnforeseenError and ReachedError.
    """
    of = sorted({one.claim.delivery for one in settlements} | {one.claim.delivery for one in permits})
    states = {row.id: row.state for row in _LOCK.rows(connection, {"by": worker.id, "of": of})}
    needed = {one.claim.delivery for one in permits}
    if len(states) < len(of) or any(states[name] != DeliveryState.SENDING.value for name in needed):
        raise UnforeseenError
    told = [[one.claim.recipient, one.claim.epoch, reply_text(one)] for one in settlements]
    # Do not sort by id: two deliveries of one issue would wait for each other's addresses.
    asked = [
        [one.claim.recipient, one.claim.epoch, one.message_id, one.sha256]
        for one in sorted(permits, key=lambda one: one.claim.address_hash)
    ]
    values = {"told": told, "asked": asked, "by": worker.id, "now": now}
    try:
        if can_change_many(connection):
            written = tuple(_ALL.rows(connection, values)[0])
        else:
            written = tuple(change.change(connection, values) for change in _CHANGES)
    except sa.exc.IntegrityError as error:
        raise ReachedError from error
    if written != (len(told), len(told), len(asked), len(asked)):
        raise UnforeseenError


_TOLD: Mapping[str, Any] = {"of": recipients.c.id.type, "at": sa.Integer(), "said": sa.Text()}
_ASKED: Mapping[str, Any] = {
    "of": recipients.c.id.type, "at": sa.Integer(), "message": sa.Text(), "hash": recipients.c.sha256.type,
}  # fmt: skip
_WORKER = sa.bindparam("by", type_=sa.String())
_NOW = sa.bindparam("now", type_=Instant())


def _complete(told: Any) -> sa.Update:
    return (
        sa.update(attempts)
        .where(attempts.c.recipient_id == told.c.of, attempts.c.epoch == told.c.at)
        .where(attempts.c.worker == _WORKER, attempts.c.outcome == "")
        .values(outcome="accepted", reply=told.c.said, settled_at=_NOW)
    )


def _held(rows: Any, state: RecipientState) -> sa.Update:
    """A change of rows in a state that still belong to the claims: a later claim has a higher epoch."""
    return (
        sa.update(recipients)
        .where(recipients.c.id == rows.c.of, recipients.c.epoch == rows.c.at)
        # An expression, so that the rows are not looked for in the index of all that the worker holds.
        .where(recipients.c.worker + "" == _WORKER, recipients.c.state == state.value)
    )


def _accept(told: Any) -> sa.Update:
    return _held(told, RecipientState.PERMITTED).values(
        state=RecipientState.ACCEPTED.value,
        reason="",
        attempts=recipients.c.attempts + 1,
        eligible_at=sa.case((recipients.c.attempts == 0, _NOW), else_=recipients.c.eligible_at),
        reply=told.c.said,
        worker="",
        settled_at=_NOW,
    )


def _permit(asked: Any) -> sa.Update:
    return _held(asked, RecipientState.CLAIMED).values(
        state=RecipientState.PERMITTED.value, message_id=asked.c.message, sha256=asked.c.hash
    )


def _open(permitted: Any) -> Any:
    return sa.insert(attempts).from_select(
        ["recipient_id", "epoch", "worker", "permitted_at", "sha256"],
        sa.select(permitted.c.of, permitted.c.at, _WORKER, _NOW, permitted.c.hash),
    )


def _all(_: Among, given: Given) -> sa.Select[Any]:
    """All four changes in one statement; its row is how many rows each of them changed."""
    told, asked = given("told", _TOLD), given("asked", _ASKED)
    columns = recipients.c.id.label("of"), recipients.c.epoch.label("at"), recipients.c.sha256.label("hash")
    permitted = _permit(asked).returning(*columns).cte("permitted")
    changes = (
        _complete(told).returning(attempts.c.epoch).cte("completed"),
        _accept(told).returning(recipients.c.epoch).cte("accepted"),
        permitted,
        _open(permitted).returning(attempts.c.epoch).cte("opened"),
    )
    counts = (sa.select(sa.func.count()).select_from(change).scalar_subquery() for change in changes)
    return sa.select(*(count.label(f"n{number}") for number, count in enumerate(counts)))


# Locks in the order of `claims.py`. Do not lock more than the worker's key: its heartbeat is an update of the same row.
_REGISTERED = (
    sa.select(workers.c.id).where(workers.c.id == _WORKER).with_for_update(read=True, key_share=True).cte("registered")
)
_LOCK = Compiled(
    lambda among, _: (
        sa.select(deliveries.c.id, deliveries.c.state)
        .where(sa.exists().select_from(_REGISTERED), among(deliveries.c.id, "of"))
        .order_by(deliveries.c.id)
        .with_for_update(read=True, of=deliveries)
    )
)
_CHANGES = (
    Compiled(lambda _, given: _complete(given("told", _TOLD))),
    Compiled(lambda _, given: _accept(given("told", _TOLD))),
    Compiled(lambda _, given: _permit(given("asked", _ASKED))),
    Compiled(lambda _, given: _open(given("asked", _ASKED))),
)
_ALL = Compiled(_all)
