"""Freeze: the audience of a delivery becomes rows of the ledger, chunk by chunk, so that a kill loses nothing.

Each chunk is one transaction that also moves the cursor `frozen_to`; it locks the delivery's row, so that two processes
take turns and each goes on where the other one was. Ids are derived: the rows are the same either way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.segment import parse_segment
from newsletter.audience.subscriber import MailingList
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, NotEligible, PlannedRecipient, plan, why_unexpected
from newsletter.storage.audience.expression import matches
from newsletter.storage.audience.lists import ListStore, lists_of
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.compiled import Row
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import (
    deliveries,
    editions,
    recipients,
    subscribers,
    subscriptions,
)
from newsletter.storage.ledger.deliveries import compare_and_set
from newsletter.storage.ledger.recheck import reached_among, receipts_among, suppressed_among
from newsletter.storage.ledger.reconcile import digest_of_rows

CHUNK = 1000

PAUSED = sa.func.coalesce(subscribers.c.paused_until > sa.func.current_timestamp(), sa.false())
"""Of a subscriber's row: they asked for no issues for some time, by the database's clock."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a delivery is for: what its candidates are selected by."""

    delivery: str
    """Empty for one that does not exist (yet)."""
    issue: str
    list_ids: tuple[int, ...]
    """In the order they were named."""
    list_languages: Mapping[int, str]
    where: sa.ColumnElement[bool] | None = None
    """What narrows it: a segment."""


@dataclass(frozen=True, slots=True)
class AudiencePreview:
    """An audience as it would be frozen now."""

    lists: tuple[MailingList, ...]
    candidates: Iterator[Candidate]
    """Once, in order of their ids, read page by page as they are asked for."""
    not_eligible: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Page:
    """Some of an audience, in order of their ids."""

    candidates: Sequence[Candidate]
    last: int | None
    """The id behind which the next page begins; None for the last page."""


def freeze(
    database: Database,
    delivery: str,
    now: datetime,
    *,
    chunk: int = CHUNK,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write the audience of a delivery that is preparing into the ledger, then let it send.

    Returns when it is no longer preparing: all is written, or it was stopped. Also returns between two chunks when
    `should_stop` says so; the next call goes on from there.
    """
    _begin(database, delivery, now)
    while not should_stop() and _freeze_chunk(database, delivery, chunk):
        pass
    _complete(database, delivery)


def preview_audience(database: Database, issue: str, list_slugs: Sequence[str], segment: str = "") -> AudiencePreview:
    """Who would be in the audience of a delivery, were it frozen now. Writes nothing. Raises NotFoundError."""
    with database.read() as connection:
        chosen = ListStore(database, connection).all_named(list_slugs)
        audience = _audience(database, "", issue, chosen, segment)
        return AudiencePreview(tuple(chosen), _pages(database, audience), not_eligible(connection, audience))


def _pages(database: Database, audience: Audience) -> Iterator[Candidate]:
    last: int | None = 0
    while last is not None:
        with database.read() as connection:
            page = _page(connection, audience, after=last, up_to=None, limit=CHUNK)
        yield from page.candidates
        last = page.last


def _begin(database: Database, delivery: str, now: datetime) -> None:
    """Fix the last subscriber: those who join from now on are not part of the audience."""
    with database.write() as connection:
        highest = sa.select(sa.func.coalesce(sa.func.max(subscribers.c.id), 0)).scalar_subquery()
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery, deliveries.c.state == DeliveryState.PREPARING.value)
            .where(deliveries.c.last_subscriber_id.is_(None))
            .values(last_subscriber_id=highest, started_at=now)
        )


def _freeze_chunk(database: Database, delivery: str, size: int) -> bool:
    """Freeze the next subscribers in order of their ids; whether there may be more."""
    with database.write() as connection:
        AudienceStore(
            database, connection
        ).lock_audience()  # do not drop: an address erased now would be written a moment later
        row = _lock_preparing(connection, delivery)
        if row is None or row.frozen_to >= row.last_subscriber_id:
            return False
        audience = _stored_audience(database, connection, row)
        page = _page(connection, audience, after=row.frozen_to, up_to=row.last_subscriber_id, limit=size)
        languages = connection.execute(
            sa.select(editions.c.language).where(editions.c.delivery_id == delivery).order_by(editions.c.position)
        ).scalars().all()  # fmt: skip
        planned = [plan(one, delivery=delivery, languages=languages, again=row.again) for one in page.candidates]
        if planned:
            common = {"delivery_id": delivery, "issue": row.issue, "again": row.again}
            due = {"eligible_at": row.started_at, "next_at": row.started_at}
            connection.execute(sa.insert(recipients), [_row(one) | common | due for one in planned])
        reached = row.last_subscriber_id if page.last is None else page.last
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery, deliveries.c.frozen_to == row.frozen_to)
            .values(frozen_to=reached)
        )
        return bool(reached < row.last_subscriber_id)


def _lock_preparing(connection: sa.Connection, delivery: str) -> Row | None:
    """The delivery's row, while it is preparing and its last subscriber is fixed."""
    mine = sa.select(deliveries).where(deliveries.c.id == delivery, deliveries.c.state == DeliveryState.PREPARING.value)
    return connection.execute(mine.where(deliveries.c.last_subscriber_id.is_not(None)).with_for_update()).one_or_none()


def _row(planned: PlannedRecipient) -> dict[str, object]:
    return {
        "id": planned.id,
        "subscriber_id": planned.candidate.subscriber,
        "address": planned.candidate.address,
        "address_hash": planned.candidate.address_hash,
        "provider": planned.provider,
        "list_ids": list(planned.candidate.list_ids),
        "language": planned.language,
        "values": dict(planned.values),
        "state": planned.state.value,
        "reason": planned.reason,
        "in_doubt": planned.state is RecipientState.UNKNOWN,
    }


def _complete(database: Database, delivery: str) -> None:
    """Store count, digest and who is not eligible, and let the delivery send, all in one."""
    with database.write() as connection:
        row = _lock_preparing(connection, delivery)
        if row is None or row.frozen_to < row.last_subscriber_id:
            return
        audience = _stored_audience(database, connection, row)
        count = sa.select(sa.func.count()).select_from(recipients).where(recipients.c.delivery_id == delivery)
        frozen = connection.execute(count).scalar_one()
        reason = why_unexpected(row.expected, frozen)
        values = {
            "state": (DeliveryState.PAUSED if reason else DeliveryState.SENDING).value,
            "reason": reason,
            "frozen_count": frozen,
            "frozen_digest": digest_of_rows(connection, delivery),
            "not_eligible": not_eligible(connection, audience, up_to=row.last_subscriber_id),
        }
        compare_and_set(connection, delivery, DeliveryState.PREPARING, values)


def _stored_audience(database: Database, connection: sa.Connection, row: Row) -> Audience:
    """The audience that a stored delivery is for, from its row."""
    return _audience(database, row.id, row.issue, lists_of(connection, row.id), row.segment)


def _audience(database: Database, delivery: str, issue: str, chosen: Sequence[MailingList], segment: str) -> Audience:
    languages = {one.id: one.language for one in chosen}
    where = matches(database, parse_segment(segment)) if segment else None
    return Audience(delivery, issue, tuple(one.id for one in chosen), languages, where)


def _page(connection: sa.Connection, audience: Audience, *, after: int, up_to: int | None, limit: int) -> _Page:
    """The next subscribers with a confirmed subscription to one of the lists."""
    confirmed = _confirmed(connection, audience, after=after, up_to=up_to, limit=limit)
    last = confirmed[-1].id if len(confirmed) == limit else None
    led_by = _lists_by_subscriber(connection, audience, [row.id for row in confirmed])
    # On a server each statement sees what was committed before it: a subscriber may have left since the first one.
    return _Page(_candidates(connection, audience, [row for row in confirmed if row.id in led_by], led_by), last)


def _confirmed(
    connection: sa.Connection, audience: Audience, *, after: int, up_to: int | None, limit: int
) -> Sequence[Row]:
    confirmed = sa.exists().where(
        # Do not say IN (SELECT …): a list of all subscribers would be made anew for every chunk.
        subscriptions.c.subscriber_id == subscribers.c.id,
        subscriptions.c.subscriber_id > after,  # PostgreSQL merges the two, and would begin with the first subscriber
        subscriptions.c.list_id.in_(audience.list_ids),
        subscriptions.c.consent == Consent.CONFIRMED.value,
    )
    mine = subscribers.c.id > after, subscribers.c.address != "", sa.not_(PAUSED)
    query = sa.select(subscribers).where(*mine, confirmed)
    if up_to is not None:
        query = query.where(subscribers.c.id <= up_to)
    if audience.where is not None:
        query = query.where(audience.where)
    return connection.execute(query.order_by(subscribers.c.id).limit(limit)).all()


def _candidates(
    connection: sa.Connection, audience: Audience, rows: Sequence[Row], led_by: Mapping[int, tuple[int, ...]]
) -> list[Candidate]:
    hashes = [row.address_hash for row in rows]
    suppressed = suppressed_among(connection, hashes)
    received = reached_among(connection, audience.issue, audience.delivery, hashes)
    sent = receipts_among(connection, audience.issue, hashes)
    return [
        Candidate(
            subscriber=row.id,
            address=row.address,
            address_hash=row.address_hash,
            name=row.name,
            language=row.language,
            timezone=row.timezone,
            attributes=row.attributes,
            list_ids=led_by[row.id],
            list_languages=tuple(audience.list_languages[id_] for id_ in led_by[row.id]),
            suppression=suppressed.get(row.address_hash, ""),
            already_received=row.address_hash in received or sent.get(row.address_hash, False),
            in_journal=row.address_hash in sent,
        )
        for row in rows
    ]


def _lists_by_subscriber(
    connection: sa.Connection, audience: Audience, chosen: Sequence[int]
) -> dict[int, tuple[int, ...]]:
    query = sa.select(subscriptions.c.subscriber_id, subscriptions.c.list_id).where(
        subscriptions.c.subscriber_id.in_(chosen),
        subscriptions.c.list_id.in_(audience.list_ids),
        subscriptions.c.consent == Consent.CONFIRMED.value,
    )
    found: dict[int, set[int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.subscriber_id, set()).add(row.list_id)
    return {one: tuple(id_ for id_ in audience.list_ids if id_ in ids) for one, ids in found.items()}


def not_eligible(connection: sa.Connection, audience: Audience, *, up_to: int | None = None) -> dict[str, int]:
    """Subscribers of the lists who are no candidates, counted by reason; pending on any list counts as pending."""
    counted = {
        NotEligible.PAUSED: _at_best(audience, Consent.CONFIRMED, better=[]).where(
            sa.exists().where(subscribers.c.id == subscriptions.c.subscriber_id, PAUSED)
        ),
        NotEligible.PENDING: _at_best(audience, Consent.PENDING, better=[Consent.CONFIRMED]),
        NotEligible.UNSUBSCRIBED: _at_best(audience, Consent.UNSUBSCRIBED, better=[Consent.CONFIRMED, Consent.PENDING]),
    }
    found = {}
    for reason, query in counted.items():
        chosen = query if up_to is None else query.where(subscriptions.c.subscriber_id <= up_to)
        count = connection.execute(sa.select(sa.func.count()).select_from(chosen.distinct().subquery())).scalar_one()
        if count:
            found[reason.value] = count
    return found


def _at_best(audience: Audience, consent: Consent, *, better: Sequence[Consent]) -> sa.Select[int]:
    """Subscribers with this consent to one of the lists, and a better one to none of them."""
    other = subscriptions.alias()
    # Do not say NOT IN: PostgreSQL reads its list anew for every row once it is too long for memory.
    is_better = sa.exists().where(
        other.c.subscriber_id == subscriptions.c.subscriber_id,
        other.c.list_id.in_(audience.list_ids),
        other.c.consent.in_([one.value for one in better]),
    )
    return sa.select(subscriptions.c.subscriber_id).where(
        subscriptions.c.list_id.in_(audience.list_ids), subscriptions.c.consent == consent.value, ~is_better
    )
