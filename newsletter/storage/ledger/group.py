"""Group: the common group of a sender, accepted messages and permits, in statements that check every row they change.

`record.py` reads each row and decides; nearly always that ends as is foreseen here, at a fraction of its cost. Where a
single row differs from what is foreseen, nothing of the group is written here, and `record.py` decides about all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import PermitRequest, RecipientState, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted
from newsletter.delivery.ledger.settle import reply_text
from newsletter.storage.database.compiled import Compiled, has_arrays
from newsletter.storage.database.tables import Instant, attempts, deliveries, recipients, workers

_Of: TypeAlias = Callable[[str], Any]
"""Where a statement gets what differs from row to row: a parameter, or a column of an array."""


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
    told = [{"of": one.claim.recipient, "at": one.claim.epoch, "said": reply_text(one)} for one in settlements]
    # Do not sort by id: two deliveries of one issue would wait for each other's addresses.
    asked = [
        {"of": one.claim.recipient, "at": one.claim.epoch, "message": one.message_id, "hash": one.sha256}
        for one in sorted(permits, key=lambda one: one.claim.address_hash)
    ]
    common = {"by": worker.id, "now": now}
    write = _write_arrays if has_arrays(connection) else _write_one_by_one
    try:
        written = write(connection, told, asked, common)
    except sa.exc.IntegrityError as error:
        raise ReachedError from error
    if written != (len(told), len(told), len(asked), len(asked)):
        raise UnforeseenError


_Rows: TypeAlias = Sequence[Mapping[str, object]]


def _write_one_by_one(
    connection: sa.Connection, told: _Rows, asked: _Rows, common: Mapping[str, object]
) -> tuple[int, ...]:
    steps = (_COMPLETE, told), (_ACCEPT, told), (_PERMIT, asked), (_OPEN, asked)
    return tuple(statement.each(connection, rows, common) for statement, rows in steps)


def _write_arrays(
    connection: sa.Connection, told: _Rows, asked: _Rows, common: Mapping[str, object]
) -> tuple[int, ...]:
    arrays = {f"told_{name}": [one[name] for one in told] for name in _TOLD}
    arrays |= {f"asked_{name}": [one[name] for one in asked] for name in _ASKED}
    return tuple(_ALL.rows(connection, {**arrays, **common})[0])


_TOLD: Mapping[str, Any] = {"of": recipients.c.id.type, "at": sa.Integer(), "said": sa.Text()}
_ASKED: Mapping[str, Any] = {
    "of": recipients.c.id.type, "at": sa.Integer(), "message": sa.Text(), "hash": recipients.c.sha256.type,
}  # fmt: skip
_WORKER = sa.bindparam("by", type_=sa.String())
_NOW = sa.bindparam("now", type_=Instant())


def _complete(of: _Of) -> sa.Update:
    return (
        sa.update(attempts)
        .where(attempts.c.recipient_id == of("of"), attempts.c.epoch == of("at"))
        .where(attempts.c.worker == _WORKER, attempts.c.outcome == "")
        .values(outcome="accepted", reply=of("said"), settled_at=_NOW)
    )


def _held(of: _Of, state: RecipientState) -> sa.Update:
    """A change of rows in a state that still belong to the claims: a later claim has a higher epoch."""
    return (
        sa.update(recipients)
        .where(recipients.c.id == of("of"), recipients.c.epoch == of("at"))
        .where(recipients.c.worker == _WORKER, recipients.c.state == state.value)
    )


def _accept(of: _Of) -> sa.Update:
    return _held(of, RecipientState.PERMITTED).values(
        state=RecipientState.ACCEPTED.value,
        reason="",
        attempts=recipients.c.attempts + 1,
        eligible_at=sa.case((recipients.c.attempts == 0, _NOW), else_=recipients.c.eligible_at),
        reply=of("said"),
        worker="",
        settled_at=_NOW,
    )


def _permit(of: _Of) -> sa.Update:
    return _held(of, RecipientState.CLAIMED).values(
        state=RecipientState.PERMITTED.value, message_id=of("message"), sha256=of("hash")
    )


def _arrays() -> sa.Select[Any]:
    """All four changes in one statement. It gives what `_write_one_by_one` gives."""
    told, asked = _unnested("told", _TOLD), _unnested("asked", _ASKED)
    permitted = (
        _permit(lambda name: asked.c[name])
        .returning(recipients.c.id, recipients.c.epoch, recipients.c.sha256)
        .cte("permitted")
    )
    opened = sa.insert(attempts).from_select(
        ["recipient_id", "epoch", "worker", "permitted_at", "sha256"],
        sa.select(permitted.c.id, permitted.c.epoch, _WORKER, _NOW, permitted.c.sha256),
    )
    changes = (
        _complete(lambda name: told.c[name]).returning(attempts.c.epoch).cte("completed"),
        _accept(lambda name: told.c[name]).returning(recipients.c.epoch).cte("accepted"),
        permitted,
        opened.returning(attempts.c.epoch).cte("opened"),
    )
    counts = (sa.select(sa.func.count()).select_from(change).scalar_subquery() for change in changes)
    return sa.select(*(count.label(f"n{number}") for number, count in enumerate(counts)))


def _unnested(name: str, columns: Mapping[str, Any]) -> Any:
    arrays = (sa.bindparam(f"{name}_{column}", type_=sa.ARRAY(type_)) for column, type_ in columns.items())
    table = sa.func.unnest(*arrays).table_valued(*(sa.column(column, type_) for column, type_ in columns.items()))
    return table.render_derived(name=name)


# Locks in the order of `claims.py`. Do not lock more than the worker's key: its heartbeat is an update of the same row.
_REGISTERED = (
    sa.select(workers.c.id).where(workers.c.id == _WORKER).with_for_update(read=True, key_share=True).cte("registered")
)
_LOCK = Compiled(
    lambda among: (
        sa.select(deliveries.c.id, deliveries.c.state)
        .where(sa.exists().select_from(_REGISTERED), among(deliveries.c.id, "of"))
        .order_by(deliveries.c.id)
        .with_for_update(read=True, of=deliveries)
    )
)
_COMPLETE, _ACCEPT, _PERMIT = (Compiled(make(sa.bindparam)) for make in (_complete, _accept, _permit))
_OPEN = Compiled(
    sa.insert(attempts).values(
        recipient_id=sa.bindparam("of"),
        epoch=sa.bindparam("at"),
        worker=_WORKER,
        permitted_at=_NOW,
        sha256=sa.bindparam("hash"),
    )
)
_ALL = Compiled(_arrays())
