"""Record: outcomes and permits written to the rows of the ledger, inside one transaction of `claims.py`."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import (
    MAY_HAVE_ARRIVED,
    Claim,
    Decision,
    PermitRequest,
    RecipientState,
    Settlement,
    Worker,
)
from newsletter.delivery.ledger.settle import LockedRow, outcome_name, reply_text, settle
from newsletter.storage.database.compiled import Compiled, Row
from newsletter.storage.database.tables import attempts, deliveries, recipients, workers
from newsletter.storage.ledger.deliveries import REOPENED, compare_and_set
from newsletter.storage.ledger.group import ReachedError


def lock_worker(connection: sa.Connection, worker: str) -> bool:
    """Keep a worker from being reclaimed until the transaction ends; False when it was reclaimed already."""
    return bool(_WORKER.rows(connection, {"of": worker}))


def lock_states(connection: sa.Connection, names: Iterable[str]) -> dict[str, DeliveryState]:
    """The states of these deliveries, which stay so until the transaction ends."""
    return {row.id: DeliveryState(row.state) for row in _STATES.rows(connection, {"of": sorted(names)})}


def lock_rows(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Row]:
    """These rows by id, locked until the transaction ends."""
    return {row.id: row for row in _ROWS.rows(connection, {"of": sorted(ids)})}


def is_held(row: Row | None, claim: Claim, worker: Worker, state: RecipientState) -> bool:
    """Whether a row is in this state and still belongs to this claim; a later claim has a higher epoch."""
    return row is not None and (row.state, row.epoch, row.worker) == (state.value, claim.epoch, worker.id)


def is_known(row: Row | None, claim: Claim) -> bool:
    """Whether a row has had a claim; else the journal knows more of it."""
    return row is not None and row.epoch >= claim.epoch


def write_settlements(
    connection: sa.Connection,
    settlements: Sequence[Settlement],
    rows: dict[str, Row],
    worker: Worker,
    states: dict[str, DeliveryState],
    now: datetime,
) -> None:
    """Record what settlements make of their rows. A finished delivery goes on when one is to be sent after all: its
    sender was taken for dead, its outcome for unknown, and it says late that it wrote no dot.
    """
    plain: list[dict[str, object]] = []
    reopened: set[str] = set()
    for settlement in settlements:
        row = rows[settlement.claim.recipient]
        locked = LockedRow(
            RecipientState(row.state),
            row.epoch,
            row.worker,
            cancelled=states.get(settlement.claim.delivery) is DeliveryState.CANCELLED,
            in_doubt=row.in_doubt,
        )
        change = settle(locked, settlement, worker.id)
        if change is None:
            continue
        values = _values(row, settlement, change, now)
        if change.state in (RecipientState.ACCEPTED, RecipientState.UNKNOWN) and not _may_have_reached(row):
            # Late evidence may find that another delivery has reached the address meanwhile (`uq_recipients_once`):
            # then it stays on the attempt alone.
            _try(connection, _UPDATE, values)
        else:
            plain.append(values)
            if change.next_at is not None and states.get(settlement.claim.delivery) is DeliveryState.FINISHED:
                reopened.add(settlement.claim.delivery)
    _UPDATE.each(connection, plain)
    for delivery in sorted(reopened):
        compare_and_set(connection, delivery, DeliveryState.FINISHED, REOPENED)


def _may_have_reached(row: Row) -> bool:
    return row.in_doubt or row.state in MAY_HAVE_ARRIVED


def _values(row: Row, settlement: Settlement, change: Decision, now: datetime) -> dict[str, object]:
    goes_on = change.next_at is not None
    return {
        "of": row.id,
        "state": change.state.value,
        "reason": change.reason,
        "attempts": row.attempts + change.counts,
        # Not from the start of the delivery: it may have been paused, or have waited for days, before this attempt.
        "eligible_at": now if change.counts and not row.attempts else row.eligible_at,
        "next_at": change.next_at or row.next_at,
        "message_id": settlement.message_id or row.message_id,
        # What certainly did not arrive may be other bytes next time, unless an earlier attempt may have arrived.
        "sha256": settlement.claim.sha256 if goes_on else row.sha256 or settlement.sha256,
        "in_doubt": change.in_doubt,
        "reply": reply_text(settlement) or row.reply,
        "worker": "",
        "settled_at": now,
    }


def complete_attempts(
    connection: sa.Connection,
    insert_ignore: sa.Insert,
    settlements: Sequence[Settlement],
    rows: dict[str, Row],
    worker: Worker,
    now: datetime,
) -> None:
    """Write an outcome on each of the worker's attempts, once; a refusal before the permit makes its attempt's row."""
    judged, completed = [], []
    for one in settlements:
        row = rows[one.claim.recipient]
        if one.outcome is not None and not is_held(row, one.claim, worker, RecipientState.PERMITTED):
            judged.append({"recipient_id": row.id, "epoch": one.claim.epoch, "worker": worker.id})
        outcome = {"outcome": outcome_name(one), "reply": reply_text(one), "settled_at": now}
        completed.append({"of": row.id, "at": one.claim.epoch, "by": worker.id, **outcome})
    if judged:
        connection.execute(insert_ignore, judged)
    _COMPLETE.each(connection, completed)


def grant(
    connection: sa.Connection, asked: Sequence[PermitRequest], rows: dict[str, Row], *, one_by_one: bool
) -> set[str]:
    """Move these rows to permitted; the ids of those that are.

    One whose address another delivery of the issue has reached stays as it is, or (unless `one_by_one`) raises
    ReachedError.
    """
    changes: list[dict[str, object]] = [
        {
            "of": one.claim.recipient,
            "state": RecipientState.PERMITTED.value,
            "message_id": one.message_id,
            "sha256": one.sha256,
        }
        # Do not sort by id: two deliveries of one issue would wait for each other's addresses.
        for one in sorted(asked, key=lambda one: str(rows[one.claim.recipient].address_hash))
    ]
    if one_by_one:
        return {str(change["of"]) for change in changes if _try(connection, _PERMIT, change)}
    try:
        _PERMIT.each(connection, changes)
    except sa.exc.IntegrityError as error:
        raise ReachedError from error
    return {str(change["of"]) for change in changes}


def open_attempts(connection: sa.Connection, granted: Sequence[PermitRequest], worker: Worker, now: datetime) -> None:
    """Write an attempt without an outcome for every permit that was granted."""
    _OPEN.each(
        connection,
        ({"of": one.claim.recipient, "at": one.claim.epoch, "hash": one.sha256} for one in granted),
        {"by": worker.id, "now": now},
    )


def _try(connection: sa.Connection, statement: Compiled, change: dict[str, object]) -> bool:
    """Make a change; False when `uq_recipients_once` forbids it."""
    try:
        with connection.begin_nested():
            statement.change(connection, change)
    except sa.exc.IntegrityError:
        return False
    return True


def _values_of(*names: str) -> dict[str, sa.BindParameter[object]]:
    return {name: sa.bindparam(name) for name in names}


# Do not lock more than the worker's key: its heartbeat and its count of permits are updates of the same row.
_WORKER = Compiled(
    sa.select(workers.c.id).where(workers.c.id == sa.bindparam("of")).with_for_update(read=True, key_share=True)
)
_STATES = Compiled(
    lambda among, _: (
        sa.select(deliveries.c.id, deliveries.c.state)
        .where(among(deliveries.c.id, "of"))
        .order_by(deliveries.c.id)
        .with_for_update(read=True)
    )
)
_ROWS = Compiled(
    lambda among, _: (
        sa.select(*(column for column in recipients.c if column.name not in ("values", "list_ids", "address")))
        .where(among(recipients.c.id, "of"))
        .order_by(recipients.c.id)
        .with_for_update()
    )
)
_COMPLETE = Compiled(
    sa.update(attempts)
    .where(attempts.c.recipient_id == sa.bindparam("of"), attempts.c.epoch == sa.bindparam("at"))
    .where(attempts.c.worker == sa.bindparam("by"), attempts.c.outcome == "")
    .values(_values_of("outcome", "reply", "settled_at"))
)
_CHANGE = sa.update(recipients).where(recipients.c.id == sa.bindparam("of"))
_PERMIT = Compiled(_CHANGE.values(_values_of("state", "message_id", "sha256")))
_UPDATE = Compiled(_CHANGE.values(_values_of(
    "state", "reason", "attempts", "eligible_at", "next_at", "message_id", "sha256", "in_doubt", "reply", "worker",
    "settled_at",
)))  # fmt: skip
_OPEN = Compiled(
    sa.insert(attempts).values(
        recipient_id=sa.bindparam("of"),
        epoch=sa.bindparam("at"),
        worker=sa.bindparam("by"),
        permitted_at=sa.bindparam("now"),
        sha256=sa.bindparam("hash"),
    )
)
