"""The ledger in the database: claims, permits and outcomes, each in one durable transaction.

Implements the Protocol in `delivery/ledger/ledger.py`. Every transaction takes its locks in the same order (worker,
delivery, recipient rows by id, their attempts), so that no two senders wait for each other; on SQLite a writing
transaction is alone anyway.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import (
    HELD,
    Claim,
    PermitRequest,
    RecipientState,
    Recovered,
    Remaining,
    Settlement,
    Worker,
)
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database.compiled import Compiled, Row
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import attempts, deliveries, delivery_lists, lists, recipients, workers
from newsletter.storage.ledger.counters import count_states
from newsletter.storage.ledger.deliveries import compare_and_set, find_delivery, with_address
from newsletter.storage.ledger.group import ReachedError, UnforeseenError, is_plain, write_plain
from newsletter.storage.ledger.pace import outside
from newsletter.storage.ledger.recheck import recheck_rows
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.record import (
    complete_attempts,
    grant,
    is_held,
    is_known,
    lock_rows,
    lock_states,
    lock_worker,
    open_attempts,
    write_settlements,
)
from newsletter.storage.ledger.workers import is_gone, reclaim

_DUE = (RecipientState.DEFERRED, RecipientState.WAITING)
"""What may be claimed, retries first."""
_MOST_REFUSED = 1000
"""Rows that a claim reads once all of its first few were refused. Permits and heartbeats wait for it meanwhile."""
_OPEN = [RecipientState.WAITING.value, RecipientState.DEFERRED.value, *HELD]
"""States in which something is still to be done."""


class StoredLedger:
    """The ledger of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, worker: Worker, lease: float, now: datetime) -> None:
        """Add a worker whose lease is valid for `lease` seconds from now on the database's clock."""
        with self._database.write() as connection:
            connection.execute(
                sa.insert(workers).values(
                    id=worker.id, host=worker.host, boot=worker.boot, pid=worker.pid, registered_at=now,
                    lease_until=self._database.lease_now(connection) + lease,
                )
            )  # fmt: skip

    def renew(self, worker: Worker, lease: float) -> bool:
        """Heartbeat. False when the worker was already reclaimed: it must stop at once, without a final dot."""
        with self._database.write() as connection:
            until = self._database.lease_now(connection) + lease
            statement = sa.update(workers).where(workers.c.id == worker.id).values(lease_until=until)
            return connection.execute(statement).rowcount == 1

    def deregister(self, worker: Worker, now: datetime) -> None:
        """Remove a worker that ends; what it still had claimed goes back to waiting."""
        with self._database.write() as connection:
            if lock_worker(connection, worker.id):
                reclaim(connection, [worker.id], now)

    def recover(self, now: datetime, is_dead: Callable[[Worker], bool]) -> Recovered:
        """Reclaim from workers whose lease ran out, and at once from those that are known to be dead."""
        with self._database.write() as connection:
            clock = self._database.lease_now(connection)
            rows = connection.execute(self._database.skip_locked(sa.select(workers).order_by(workers.c.id))).all()
            gone = [row.id for row in rows if is_gone(self._database, row, clock, is_dead)]
            return reclaim(connection, gone, now)

    def claim(
        self, delivery: str, worker: Worker, limit: int, now: datetime, without: frozenset[str] = frozenset()
    ) -> list[Claim]:
        """Take up to `limit` due recipients of a delivery that is sending; none if the worker was reclaimed.

        None, too, when very many are refused: they are recorded, and the next claim goes on after them.
        `without`: shares whose recipients are left waiting.
        """
        for size in (limit, max(limit, _MOST_REFUSED)):
            with self._database.write() as connection:
                if not lock_worker(connection, worker.id):
                    return []
                if lock_states(connection, [delivery]).get(delivery) is not DeliveryState.SENDING:
                    return []
                due = _due(connection, delivery, size, now, without)
                refused = recheck_rows(connection, due)
                _write_refused(connection, refused, now)
                chosen = [row for row in due if row.id not in refused]
                if chosen or not due:
                    return _take(connection, chosen[:limit], worker, now)
        return []

    def record(
        self, worker: Worker, settlements: Sequence[Settlement], permits: Sequence[PermitRequest], now: datetime
    ) -> list[bool]:
        """Commit outcomes first, then permits, in one transaction; for each permit whether it was granted.

        A claim that is newer than its row, or whose row is gone, is left to the journal.
        """
        try:
            if is_plain(settlements):
                with self._database.write() as connection:
                    write_plain(connection, worker, settlements, permits, now)
                return [True] * len(permits)
        except (UnforeseenError, ReachedError):
            pass
        try:
            return self._record(worker, settlements, permits, now, one_by_one=False)
        except ReachedError:  # so rare that a savepoint for every group would cost more than beginning again
            return self._record(worker, settlements, permits, now, one_by_one=True)

    def _record(
        self,
        worker: Worker,
        settlements: Sequence[Settlement],
        permits: Sequence[PermitRequest],
        now: datetime,
        *,
        one_by_one: bool,
    ) -> list[bool]:
        claims = [one.claim for one in settlements] + [one.claim for one in permits]
        with self._database.write() as connection:
            is_registered = lock_worker(connection, worker.id)
            states = lock_states(connection, {claim.delivery for claim in claims})
            rows = lock_rows(connection, {claim.recipient for claim in claims})
            settlements = [one for one in settlements if is_known(rows.get(one.claim.recipient), one.claim)]
            complete_attempts(connection, self._database.insert_ignore(attempts), settlements, rows, worker, now)
            write_settlements(connection, settlements, rows, worker, states, now)
            wanted = [
                is_registered
                and states.get(one.claim.delivery) is DeliveryState.SENDING
                and is_held(rows.get(one.claim.recipient), one.claim, worker, RecipientState.CLAIMED)
                for one in permits
            ]
            asked = [request for request, is_wanted in zip(permits, wanted, strict=True) if is_wanted]
            granted = grant(connection, asked, rows, one_by_one=one_by_one)
            open_attempts(connection, [one for one in asked if one.claim.recipient in granted], worker, now)
        return [is_wanted and one.claim.recipient in granted for one, is_wanted in zip(permits, wanted, strict=True)]

    def remaining(self, delivery: str, worker: Worker, without: frozenset[str] = frozenset()) -> Remaining:
        """What is left to do of a delivery, seen by one worker; apart from these shares, but for what is held."""
        mine = recipients.c.delivery_id == delivery
        earliest = sa.select(sa.func.min(recipients.c.next_at)).where(mine, *outside(without))
        held = sa.select(sa.func.count()).where(mine, recipients.c.state.in_(HELD), recipients.c.worker != worker.id)
        with self._database.read() as connection:
            return Remaining(
                waiting=connection.execute(earliest.where(recipients.c.state == RecipientState.WAITING)).scalar(),
                deferred=connection.execute(earliest.where(recipients.c.state == RecipientState.DEFERRED)).scalar(),
                held=connection.execute(held).scalar_one(),
            )

    def finish(self, delivery: str, now: datetime) -> bool:
        """Reconcile a delivery and mark it finished if nothing is left to do. False if something is.

        The rows are read before the delivery is locked: a delivery that went on meanwhile is not finished yet.
        """
        is_open = sa.exists().where(recipients.c.delivery_id == delivery, recipients.c.state.in_(_OPEN))
        with self._database.read() as connection:
            found = find_delivery(connection, delivery)
            if found is None or connection.execute(sa.select(is_open)).scalar_one():
                return False
            counts = read_counts(connection, delivery)
            problems = reconcile(found, counts)
        change: dict[str, object]
        if problems:
            change = {"state": DeliveryState.HALTED.value, "reason": "; ".join(problems)}
        else:
            change = {"state": DeliveryState.FINISHED.value, "finished_at": now, "reason": ""}
        with self._database.write() as connection:
            locked = sa.select(deliveries.c.frozen_count).where(deliveries.c.id == delivery).with_for_update()
            has_grown = connection.execute(locked).scalar_one() != found.frozen_count  # a step of a series
            if has_grown or count_states(connection, delivery) != counts.by_state:
                return False
            return compare_and_set(connection, delivery, DeliveryState.SENDING, change) and not problems

    def halt(self, delivery: str, reason: str) -> None:
        """Stop a delivery until an operator resumes it."""
        with self._database.write() as connection:
            change = {"state": DeliveryState.HALTED.value, "reason": reason}
            compare_and_set(connection, delivery, DeliveryState.SENDING, change)

    def resumed_after(self, delivery: str) -> str:
        """The reasons of the halts after which an operator resumed a delivery, one a line."""
        query = sa.select(deliveries.c.resumed_after).where(deliveries.c.id == delivery)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none() or ""

    def sending(self) -> list[str]:
        """The deliveries that are sending (and not paused, halted, cancelled), the oldest first."""
        query = (
            sa.select(deliveries.c.id)
            .where(deliveries.c.state == DeliveryState.SENDING.value)
            .order_by(deliveries.c.started_at, deliveries.c.id)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _due(connection: sa.Connection, delivery: str, limit: int, now: datetime, without: frozenset[str]) -> list[Row]:
    query, found = _due_rows(without), list[Row]()
    for state in _DUE:
        if len(found) < limit:
            asked = {"delivery": delivery, "state": state.value, "now": now, "limit": limit - len(found)}
            found += query.rows(connection, asked)
    return found


def _write_refused(connection: sa.Connection, refused: dict[str, tuple[RecipientState, str]], now: datetime) -> None:
    changes = ({"of": id_, "to": state.value, "why": why} for id_, (state, why) in refused.items())
    _REFUSE.each(connection, changes, {"now": now})


def _take(connection: sa.Connection, rows: Sequence[Row], worker: Worker, now: datetime) -> list[Claim]:
    """Record the claims: a new epoch each, and the date of the message at the first one."""
    if not rows:
        return []
    dated = now.replace(microsecond=0)
    _TAKE.change(connection, {"of": [row.id for row in rows], "by": worker.id, "dated": dated})
    slugs = {row.id: row.slug for row in _SLUGS.rows(connection, {"of": rows[0].delivery_id})}
    return [
        Claim(
            recipient=row.id,
            address_hash=row.address_hash,
            delivery=row.delivery_id,
            issue=row.issue,
            epoch=row.epoch + 1,
            address=row.address,
            language=row.language,
            dated_at=row.dated_at or dated,
            attempts=row.attempts,
            eligible_at=row.eligible_at,
            values=with_address(row.values, row.address),
            sha256=row.sha256,
            lists=tuple(slugs[id_] for id_ in row.list_ids),
            provider=row.provider,
        )
        for row in rows
    ]


# Kept, because making a statement takes longer than its execution.
@lru_cache(maxsize=16)
def _due_rows(without: frozenset[str]) -> Compiled:
    names = (
        "id", "delivery_id", "issue", "again", "subscriber_id", "address", "address_hash", "provider", "list_ids",
        "language", "values", "in_doubt", "epoch", "attempts", "eligible_at", "dated_at", "sha256",
    )  # fmt: skip
    return Compiled(
        sa.select(*(recipients.c[name] for name in names))
        .where(recipients.c.delivery_id == sa.bindparam("delivery"), recipients.c.state == sa.bindparam("state"))
        .where(recipients.c.next_at <= sa.bindparam("now"), *outside(without))
        .order_by(recipients.c.next_at)
        .limit(sa.bindparam("limit"))
        .with_for_update(skip_locked=True)
    )


_TAKE = Compiled(
    lambda among, _: (
        sa.update(recipients)
        .where(among(recipients.c.id, "of"))
        .values(
            state=RecipientState.CLAIMED.value,
            reason="",
            epoch=recipients.c.epoch + 1,
            worker=sa.bindparam("by"),
            dated_at=sa.func.coalesce(recipients.c.dated_at, sa.bindparam("dated", type_=recipients.c.dated_at.type)),
        )
    )
)
_SLUGS = Compiled(
    sa.select(lists.c.id, lists.c.slug)
    .join(delivery_lists, delivery_lists.c.list_id == lists.c.id)
    .where(delivery_lists.c.delivery_id == sa.bindparam("of"))
)
_REFUSE = Compiled(
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("of"))
    .values(state=sa.bindparam("to"), reason=sa.bindparam("why"), settled_at=sa.bindparam("now"))
)
