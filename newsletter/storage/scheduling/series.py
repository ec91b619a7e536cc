"""Series: the steps that run, each with a delivery that takes on the subscribers whose moment has come.

A moment is the confirmation of the list and the waits since. What a step was sent to is known by the ledger, by its
issue and address, as with any delivery; here is only who is next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, Exclusion, PlannedRecipient, plan
from newsletter.errors import NotFoundError
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.compiled import Row
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import holds
from newsletter.storage.database.tables import (
    deliveries,
    editions,
    lists,
    recipients,
    series_steps,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.storage.ledger.deliveries import Deliveries, Lease, NewDelivery, compare_and_set
from newsletter.storage.ledger.recheck import reached_among, receipts_among, suppressed_among
from newsletter.storage.ledger.reconcile import digest_of_rows

LATEST = timedelta(days=60)
"""After a moment: who could not get the step until then, because they paused or nothing ran, does not get it."""
_PAGE = 500
_TAKES_ON = (DeliveryState.FINISHED, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step that is to run from now on."""

    wait: timedelta
    """From the confirmation to its moment."""
    order: NewDelivery
    """Its delivery, if it has none with the same content that goes on."""


@dataclass(frozen=True, slots=True)
class RunningStep:
    """A step that runs."""

    series: str
    issue: str
    list: str
    list_id: int
    wait: timedelta
    since: datetime
    """Whose moment came before this does not get it."""
    delivery: str
    hash: str
    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits for a step."""

    count: int
    next: datetime | None
    """The earliest moment."""


class SeriesStore:
    """The running series of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def running(self, series: str = "") -> list[RunningStep]:
        """The steps that run (of one series), in order."""
        query = (
            sa.select(
                series_steps, lists.c.slug.label("list"), deliveries.c.hash, deliveries.c.state, deliveries.c.reason
            )
            .join(lists, lists.c.id == series_steps.c.list_id)
            .join(deliveries, deliveries.c.id == series_steps.c.delivery_id)
            .order_by(series_steps.c.series, series_steps.c.position)
        )
        if series:
            query = query.where(series_steps.c.series == series)
        with self._database.read() as connection:
            return [
                RunningStep(
                    row.series, row.issue, row.list, row.list_id, timedelta(seconds=row.wait), row.since,
                    row.delivery_id, row.hash, DeliveryState(row.state), row.reason,
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def start(self, series: str, steps: Sequence[NewStep], now: datetime) -> None:
        """Let these steps of a series run, and no others. One that runs already goes on as it was, with its new wait;
        with other content it gets a delivery of its own. Raises NotFoundError for a list that does not exist.
        """
        before = {one.issue: one for one in self.running(series)}
        with self._database.write() as connection:
            connection.execute(sa.delete(series_steps).where(series_steps.c.series == series))
            for position, step in enumerate(steps):
                order, known = step.order, before.get(step.order.issue)
                list_id = ListStore(self._database, connection).named(order.lists[0]).id
                delivery = known.delivery if known and known.list_id == list_id else ""
                if not (known and delivery and known.hash == order.hash and known.state is not DeliveryState.CANCELLED):
                    Deliveries(self._database).insert_empty(connection, order, now)
                    delivery = order.id
                row = {
                    "issue": order.issue, "series": series, "position": position, "list_id": list_id,
                    "wait": int(step.wait.total_seconds()), "delivery_id": delivery,
                    "since": known.since if known and known.list_id == list_id else now,
                }  # fmt: skip
                connection.execute(sa.insert(series_steps), row)

    def stop(self, series: str) -> None:
        """Let a series take on nobody any more. Raises NotFoundError when it does not run."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(series_steps).where(series_steps.c.series == series))
            if not gone.rowcount:
                raise NotFoundError(f"The series {series!r} is not running", hint="`newsletter series list` shows all")

    def sent(self, issue: str) -> dict[RecipientState, int]:
        """The recipients of a step by state, in all its deliveries."""
        query = (
            sa.select(recipients.c.state, sa.func.count())
            .where(recipients.c.delivery_id.in_(sa.select(deliveries.c.id).where(deliveries.c.issue == issue)))
            .group_by(recipients.c.state)
        )
        with self._database.read() as connection:
            return {RecipientState(state): count for state, count in connection.execute(query)}

    def waiting(self, step: RunningStep, now: datetime) -> Waiting:
        """Whose moment is still to come, or has come just now; those who paused are among them."""
        query = sa.select(sa.func.count(), sa.func.min(subscriptions.c.series_from)).select_from(_JOINED)
        with self._database.read() as connection:
            count, first = connection.execute(query.where(*_in_line(step, now))).one()
        return Waiting(count, None if first is None else first + step.wait)

    def is_due(self, step: RunningStep, now: datetime) -> bool:
        """Whether anybody's moment has come."""
        query = sa.select(sa.literal(1)).select_from(_JOINED).where(*_in_line(step, now), *_due(step, now)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def take_on(self, step: RunningStep, now: datetime, lease: Lease | None = None, *, page: int = _PAGE) -> int:
        """Give the delivery of a step the subscribers whose moment has come; how many. None when the lease has a newer
        holder, and while the delivery is stopped."""
        total, after = 0, 0
        while True:
            query = sa.select(subscribers).select_from(_JOINED).where(*_in_line(step, now), *_due(step, now))
            query = query.where(subscribers.c.id > after).order_by(subscribers.c.id).limit(page)
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return total
            with self._database.write() as connection:
                if lease is not None and not holds(connection, lease.name, lease.token):
                    return total
                AudienceStore(self._database, connection).lock_audience()
                # Again, now that nobody else writes: they may have left, or be taken on.
                rows = connection.execute(query.where(subscribers.c.id <= rows[-1].id)).all()
                taken = self._write(connection, step, rows, now)
            if taken is None:
                return total
            total += taken
            if not rows:
                return total
            after = rows[-1].id

    def _write(self, connection: sa.Connection, step: RunningStep, rows: Sequence[Row], now: datetime) -> int | None:
        """Add rows to the ledger; how many. None for a delivery that is stopped, or whose step runs no more."""
        own = sa.select(deliveries.c.state).where(deliveries.c.id == step.delivery).with_for_update()
        runs = sa.select(series_steps.c.issue).where(series_steps.c.delivery_id == step.delivery)
        state = DeliveryState(connection.execute(own).scalar_one())
        if state not in _TAKES_ON or connection.execute(runs).first() is None:
            return None
        own_rows = (
            sa.select(recipients.c.subscriber_id, recipients.c.id)
            .join_from(recipients, subscribers)
            .where(recipients.c.delivery_id == step.delivery, recipients.c.subscriber_id.in_([row.id for row in rows]))
        )
        back = {row.subscriber_id: row.id for row in connection.execute(own_rows.where(_NEVER_SENT))}
        # The others are there under an address that they have changed.
        there = {row.subscriber_id for row in connection.execute(own_rows)} - back.keys()
        planned = self._planned(connection, step, [row for row in rows if row.id not in there])
        if not planned:
            return 0
        new = [one for one in planned if one.candidate.subscriber not in back]
        common = {"delivery_id": step.delivery, "issue": step.issue, "again": False, "eligible_at": now, "next_at": now}
        if new:
            connection.execute(sa.insert(recipients), [_row(one) | common for one in new])
        for one in planned:
            if id_ := back.get(one.candidate.subscriber):
                change = _row(one) | common | {"id": id_, "settled_at": None}
                connection.execute(sa.update(recipients).where(recipients.c.id == id_).values(change))
        change = {
            "state": DeliveryState.SENDING.value,
            "frozen_count": deliveries.c.frozen_count + len(new),
            "frozen_digest": digest_of_rows(connection, step.delivery),
        }
        assert compare_and_set(connection, step.delivery, state, change), "its row is locked"
        return len(planned)

    def _planned(
        self, connection: sa.Connection, step: RunningStep, rows: Sequence[Row]
    ) -> list[PlannedRecipient]:  # fmt: skip
        hashes = [row.address_hash for row in rows]
        suppressed = suppressed_among(connection, hashes)
        received = reached_among(connection, step.issue, step.delivery, hashes)
        sent = receipts_among(connection, step.issue, hashes)
        written = sa.select(editions.c.language).where(editions.c.delivery_id == step.delivery)
        languages = connection.execute(written.order_by(editions.c.position)).scalars().all()
        language = connection.execute(sa.select(lists.c.language).where(lists.c.id == step.list_id)).scalar_one()
        candidates = (
            Candidate(
                row.id, row.address, row.address_hash, row.name, row.language, row.timezone, row.attributes,
                (step.list_id,), (language,), suppressed.get(row.address_hash, ""),
                already_received=row.address_hash in received or sent.get(row.address_hash, False),
                in_journal=row.address_hash in sent,
            )
            for row in rows
        )  # fmt: skip
        return [plan(one, delivery=step.delivery, languages=languages, again=False) for one in candidates]


_NEVER_SENT = sa.and_(
    recipients.c.state == RecipientState.EXCLUDED.value,
    recipients.c.reason.in_([Exclusion.UNSUBSCRIBED.value, Exclusion.NO_PERMISSION.value, Exclusion.PAUSED.value]),
    recipients.c.epoch == 0,
    recipients.c.subscriber_id == subscribers.c.id,
    recipients.c.address == subscribers.c.address,
)
"""Of a recipient's row: they left or paused after they were taken on, before a sender took them: they may come back."""
_JOINED = subscriptions.join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)


def _in_line(step: RunningStep, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Of a subscription and its subscriber: they have not got the step, and its moment has not passed them by."""
    since = max(step.since, now - LATEST) - step.wait
    had = sa.exists().where(
        recipients.c.address_hash == subscribers.c.address_hash, recipients.c.issue == step.issue, ~_NEVER_SENT
    )  # fmt: skip
    return (
        subscriptions.c.list_id == step.list_id,
        subscriptions.c.series_from > since,
        subscriptions.c.consent == Consent.CONFIRMED.value,
        subscribers.c.address != "",
        ~had,
        ~sa.exists().where(suppressions.c.address_hash == subscribers.c.address_hash),
    )


def _due(step: RunningStep, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Their moment has come, and they have not paused."""
    paused = sa.func.coalesce(subscribers.c.paused_until > now, sa.false())
    return subscriptions.c.series_from <= now - step.wait, sa.not_(paused)


def _row(planned: PlannedRecipient) -> dict[str, object]:
    one = planned.candidate
    return {
        "id": planned.id, "subscriber_id": one.subscriber, "address": one.address, "address_hash": one.address_hash,
        "provider": planned.provider, "list_ids": list(one.list_ids), "language": planned.language,
        "values": dict(planned.values), "state": planned.state.value, "reason": planned.reason,
        "in_doubt": planned.state is RecipientState.UNKNOWN,
    }  # fmt: skip
