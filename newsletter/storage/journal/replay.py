"""Replay: what receipts say, compared with a database and written into it.

A receipt is of a permit that was committed. One without its attempt shows an older copy: everything that could send is
stopped, and the receipts bar their issue for their addresses.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import HELD, MAY_HAVE_ARRIVED, RecipientState
from newsletter.delivery.ledger.plan import IN_JOURNAL
from newsletter.delivery.ledger.settle import ABORTED, LIMITED, REFUSED
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import end_leases
from newsletter.storage.database.tables import (
    attempts,
    deliveries,
    occurrences,
    receipts,
    recipients,
    series_steps,
    workers,
)
from newsletter.storage.journal.compare import pages
from newsletter.storage.journal.files import KEPT_DAYS, Receipt
from newsletter.storage.ledger.deliveries import sweep_cancelled
from newsletter.storage.ledger.recheck import UNSURE
from newsletter.storage.ledger.workers import reclaim

_PAGE = 500
_ACCEPTED = RecipientState.ACCEPTED.value
_UNKNOWN = RecipientState.UNKNOWN.value
_OPEN = [RecipientState.WAITING.value, RecipientState.DEFERRED.value, *HELD]
_BECOMES = {
    DeliveryState.SCHEDULED: DeliveryState.MISSED,
    DeliveryState.PREPARING: DeliveryState.PAUSED,
    DeliveryState.SENDING: DeliveryState.PAUSED,
}
_STANDING = [state.value for state in DeliveryState if state.waits_for_a_person]
"""Stopped before: nothing changes but the reason, which an operator reads before they resume one."""


def bar(database: Database, connection: sa.Connection, missing: Iterable[Receipt]) -> None:
    """Let these receipts bar their issue for their addresses. Where the outcome is not known, that is listed: the row
    of the copy becomes unknown, and so does that of any later delivery of the issue."""
    for page in pages(missing):
        rows = [
            {
                "recipient_id": one.recipient,
                "epoch": one.epoch,
                "worker": one.worker,
                "issue": one.issue,
                "delivery_id": one.delivery,
                "address_hash": one.address_hash,
                "lists": list(one.lists),
                "outcome": one.outcome,
            }
            for one in page
        ]
        connection.execute(database.insert_ignore(receipts), rows)
        unsure = [one.recipient for one in page if one.outcome in UNSURE]
        connection.execute(_DOUBT.where(recipients.c.id.in_(unsure)))


def replayed_into(connection: sa.Connection) -> tuple[Receipt, ...]:
    """The receipts that bar their issue."""
    names = ("issue", "delivery_id", "recipient_id", "epoch", "worker", "address_hash", "lists", "outcome")
    return tuple(Receipt(*row) for row in connection.execute(sa.select(*(receipts.c[name] for name in names))))


_other = recipients.alias()
_DOUBT = (
    sa.update(recipients)
    .where(recipients.c.state.in_(_OPEN))
    # Where another delivery of the issue has reached them, the claim finds that.
    .where(
        ~sa.exists().where(
            _other.c.issue == recipients.c.issue,
            _other.c.address_hash == recipients.c.address_hash,
            _other.c.id != recipients.c.id,
            sa.or_(_other.c.state.in_([state.value for state in MAY_HAVE_ARRIVED]), _other.c.in_doubt),
        )
    )
    .values(state=_UNKNOWN, reason=IN_JOURNAL, in_doubt=True, worker="")
)


def complete(connection: sa.Connection, late: Iterable[Receipt], now: datetime) -> None:
    """Give unknown rows the outcomes that their dead senders could not record any more."""
    running = sa.select(deliveries.c.id).where(deliveries.c.state.not_in(_OVER))
    names = set()
    for one in late:
        state = _AFTER.get(one.outcome)
        mine = recipients.c.id == one.recipient, recipients.c.epoch == one.epoch, recipients.c.state == _UNKNOWN
        values = {"state": state, "reason": one.reply, "reply": one.reply, "next_at": now, "settled_at": now}
        change = sa.update(recipients).where(*mine).values(values)
        if one.outcome != _ACCEPTED:  # it is sent again, or ends without a message: not in a delivery that is over
            change = change.where(~recipients.c.in_doubt, recipients.c.delivery_id.in_(running))
        if state and connection.execute(change).rowcount:
            told = {"outcome": one.outcome, "reply": one.reply, "settled_at": now}
            attempt = attempts.c.recipient_id == one.recipient, attempts.c.epoch == one.epoch
            connection.execute(sa.update(attempts).where(*attempt, attempts.c.worker == one.worker).values(told))
            names.add(one.delivery)
    sweep_cancelled(connection, sorted(names), now)


_OVER = [state.value for state in DeliveryState if state.is_over]
_AFTER = {
    _ACCEPTED: _ACCEPTED,
    "deferred": RecipientState.DEFERRED.value,
    "rejected": RecipientState.REJECTED.value,
    **dict.fromkeys((ABORTED, REFUSED, LIMITED), RecipientState.WAITING.value),
}
"""What becomes of an unknown row, by the outcome of its attempt."""


def stop_everything(database: Database, connection: sa.Connection, why: str, now: datetime) -> tuple[str, ...]:
    """Pause what is sending, take scheduled deliveries off the clock, end leases; the ids of what was stopped.

    Workers are reclaimed: what they had claimed waits again, what they were permitted to send is unknown. One that
    lives must register anew, under another name: in the copy the numbers of its claims are given once more.
    """
    reason = f"{why} ({now:%Y-%m-%d %H:%M} UTC)"
    registered = connection.execute(sa.select(workers.c.id).order_by(workers.c.id).with_for_update()).scalars().all()
    reclaim(connection, registered, now)
    told = deliveries.c.reason
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.state.in_(_STANDING))
        .values(reason=sa.case((told == "", reason), else_=told + f"; {reason}"))
    )
    stopped: list[str] = []
    for before, after in _BECOMES.items():
        moved = sa.update(deliveries).where(deliveries.c.state == before.value)
        rows = connection.execute(moved.values(state=after.value, reason=reason).returning(deliveries.c.id))
        stopped += rows.scalars()
    # A step of a series takes on nobody while its delivery is paused.
    steps = deliveries.c.id.in_(sa.select(series_steps.c.delivery_id))
    idle = sa.update(deliveries).where(steps, deliveries.c.state == DeliveryState.FINISHED.value)
    rows = connection.execute(idle.values(state=DeliveryState.PAUSED.value, reason=reason).returning(deliveries.c.id))
    stopped += rows.scalars()
    # In the copy a time of a schedule may not have come yet that did come: each begins anew, from now on.
    connection.execute(sa.delete(occurrences))
    # Schedulers change far less often than once a second: no token has ever been as high.
    end_leases(database, connection, beyond=int(now.timestamp()))
    return tuple(sorted(stopped))


def receipts_of(database: Database, connection: sa.Connection, now: datetime) -> Iterator[list[Receipt]]:
    """What the ledger knows of the permits of the last 90 days, as receipts, delivery by delivery."""
    slugs = {one.id: one.slug for one in ListStore(database, connection).all()}
    query = (
        sa.select(recipients, attempts.c.epoch.label("number"), attempts.c.worker.label("by"), attempts.c.outcome)
        .join(attempts, attempts.c.recipient_id == recipients.c.id)
        .where(attempts.c.permitted_at > now - timedelta(days=KEPT_DAYS))
        .order_by(recipients.c.delivery_id, recipients.c.id, attempts.c.epoch)
    )
    rows = connection.execute(query.execution_options(yield_per=_PAGE))
    for _, of_delivery in groupby(rows, key=lambda row: row.delivery_id):
        yield [
            Receipt(
                row.issue, row.delivery_id, row.id, row.number, row.by, row.address_hash,
                tuple(slugs[one] for one in row.list_ids if one in slugs),
                # What an operator found out is known, too.
                _ACCEPTED if row.state == _ACCEPTED and row.number == row.epoch else row.outcome,
            )
            for row in of_delivery
        ]  # fmt: skip
