"""Freeze: the audience of a delivery becomes rows of the ledger, chunk by chunk, so that a kill loses nothing.

Each chunk is one transaction that also moves the cursor `frozen_to`; it locks the delivery's row, so that two processes
take turns and each goes on where the other one was. Ids are derived: the rows are the same either way.

The rows of a chunk are one INSERT … SELECT, which says what `plan` says of one candidate; a test compares them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import (
    IN_JOURNAL,
    Exclusion,
    choose_language,
    id_seed,
    own_values,
    why_unexpected,
)
from newsletter.delivery.ledger.providers import OTHER, PROVIDER_OF
from newsletter.language import best_match
from newsletter.storage.audience.lists import lists_of
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.compiled import Row
from newsletter.storage.database.database import MANY, Database
from newsletter.storage.database.tables import (
    MAY_HAVE_REACHED,
    Instant,
    deliveries,
    editions,
    receipts,
    recipients,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.storage.ledger.audience import CHUNK, Audience, audience_of, not_eligible
from newsletter.storage.ledger.deliveries import compare_and_set
from newsletter.storage.ledger.recheck import UNSURE
from newsletter.storage.ledger.reconcile import digest_of_rows


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
    if _begin(database, delivery, now) >= MANY:
        database.analyse(subscribers, subscriptions)
    while not should_stop() and _freeze_chunk(database, delivery, chunk):
        pass
    _complete(database, delivery)


def _begin(database: Database, delivery: str, now: datetime) -> int:
    """Fix the last subscriber: those who join from now on are not part of the audience. Returns it, once: 0 if it was
    fixed before.
    """
    with database.write() as connection:
        highest = sa.select(sa.func.coalesce(sa.func.max(subscribers.c.id), 0)).scalar_subquery()
        fixed = connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id == delivery, deliveries.c.state == DeliveryState.PREPARING.value)
            .where(deliveries.c.last_subscriber_id.is_(None))
            .values(last_subscriber_id=highest, started_at=now)
            .returning(deliveries.c.last_subscriber_id)
        )
        return fixed.scalar() or 0


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
        reached = audience.end_of_chunk(connection, after=row.frozen_to, up_to=row.last_subscriber_id, size=size)
        _write_rows(database, connection, row, audience, up_to=reached)
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


def _write_rows(database: Database, connection: sa.Connection, row: Row, audience: Audience, *, up_to: int) -> None:
    """The rows of the subscribers up to one."""
    languages = connection.execute(
        sa.select(editions.c.language).where(editions.c.delivery_id == row.id).order_by(editions.c.position)
    ).scalars().all()  # fmt: skip
    joined, where, led_by = audience.members(after=row.frozen_to, up_to=up_to)
    language = _language(database, connection, audience, led_by, languages, after=row.frozen_to, up_to=up_to)
    is_plain = database.is_texts(subscribers.c.attributes)
    domain = sa.func.lower(database.behind(subscribers.c.address, "@"))
    own = {name: subscribers.c[name] for name in ("name", "language", "timezone")}
    values = {
        "id": database.short_hash(sa.literal(id_seed(row.id)) + sa.cast(subscribers.c.id, sa.Text)),
        "delivery_id": sa.literal(row.id),
        "issue": sa.literal(row.issue),
        "again": sa.literal(row.again),
        "subscriber_id": subscribers.c.id,
        "address": subscribers.c.address,
        "address_hash": subscribers.c.address_hash,
        "provider": sa.func.coalesce(database.lookup(connection, "provider", PROVIDER_OF, domain), OTHER),
        "list_ids": _list_ids(database, audience, led_by),
        # What SQL cannot say stays empty, and is completed below.
        "language": sa.case((is_plain, language), else_=""),
        "values": sa.case(
            (is_plain, database.merged(subscribers.c.attributes, database.json_object(own))),
            else_=database.json_object({"attributes": subscribers.c.attributes, **own}),
        ),
        **_first_state(connection, row),
        "eligible_at": sa.literal(row.started_at, Instant),
        "next_at": sa.literal(row.started_at, Instant),
    }
    query = (
        sa.select(*(value.label(name) for name, value in values.items()))
        .select_from(joined.outerjoin(suppressions, suppressions.c.address_hash == subscribers.c.address_hash))
        .where(*where)
    )
    incomplete = sa.case((recipients.c.language == "", recipients.c.id))
    insert = sa.insert(recipients).from_select([*values], query).returning(incomplete)
    _complete_rows(connection, audience, languages, [id_ for id_ in connection.execute(insert).scalars() if id_])


def _list_ids(database: Database, audience: Audience, led_by: Sequence[sa.ColumnElement[int]]) -> sa.ColumnElement[Any]:
    pairs = zip(audience.list_ids, led_by, strict=True)
    ids = [sa.case((led.is_(None), ""), else_=f", {id_}") for id_, led in pairs]
    return database.as_json("[" + sa.func.substr(sum(ids[1:], ids[0]), 3) + "]")


def _language(
    database: Database, connection: sa.Connection, audience: Audience, led_by: Sequence[sa.ColumnElement[int]],
    languages: Sequence[str], *, after: int, up_to: int,
) -> sa.ColumnElement[str]:  # fmt: skip
    """As `choose_language`; empty for a subscriber's language that was changed since this read it."""
    spoken = sa.select(subscribers.c.language).where(subscribers.c.id > after, subscribers.c.id <= up_to).distinct()
    of_lists = [
        (led.is_not(None), sa.literal(match))
        for id_, led in zip(audience.list_ids, led_by, strict=True)
        if (match := best_match([audience.list_languages[id_]], languages))
    ]
    unmatched = "" if of_lists else languages[0]
    known = {one: best_match([one], languages) or unmatched for one in connection.execute(spoken).scalars()}
    own = database.lookup(connection, "own_language", known, subscribers.c.language)
    if of_lists:
        own = sa.case((own == "", sa.case(*of_lists, else_=languages[0])), else_=own)
    return sa.func.coalesce(own, "")


def _first_state(connection: sa.Connection, row: Row) -> Mapping[str, sa.ColumnElement[Any]]:
    """State and reason; also whether an earlier attempt may have arrived."""
    is_suppressed = sa.func.coalesce(suppressions.c.reason, "") != ""
    reached, in_journal = (sa.false(), sa.false()) if row.again else _earlier(connection, row)
    cases = [
        (is_suppressed, RecipientState.SUPPRESSED, suppressions.c.reason),
        (reached, RecipientState.EXCLUDED, sa.literal(Exclusion.ALREADY_RECEIVED.value)),
        (in_journal, RecipientState.UNKNOWN, sa.literal(IN_JOURNAL)),
    ]
    return {
        "state": sa.case(*((when, state.value) for when, state, _ in cases), else_=RecipientState.WAITING.value),
        "reason": sa.case(*((when, reason) for when, _, reason in cases), else_=""),
        "in_doubt": sa.case((is_suppressed, sa.false()), (reached, sa.false()), else_=in_journal),
    }


def _earlier(connection: sa.Connection, row: Row) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Whether the issue reached the address, or may have; whether only the journal has an attempt of it."""

    def is_any(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        # Do not say EXISTS: PostgreSQL may read all rows of the issue instead, anew for every chunk.
        return sa.select(sa.literal(1)).select_from(table).where(*where).limit(1).scalar_subquery().is_not(None)

    reached: sa.ColumnElement[bool] = sa.false()
    in_journal: sa.ColumnElement[bool] = sa.false()
    others = sa.select(deliveries.c.id).where(deliveries.c.issue == row.issue, deliveries.c.id != row.id)
    if connection.execute(others.limit(1)).first():
        other = [recipients.c.issue == row.issue, recipients.c.address_hash == subscribers.c.address_hash]
        reached = is_any(recipients, *other, recipients.c.delivery_id != row.id, MAY_HAVE_REACHED)
    if connection.execute(sa.select(receipts.c.epoch).limit(1)).first():
        mine = [receipts.c.issue == row.issue, receipts.c.address_hash == subscribers.c.address_hash]
        reached = sa.or_(reached, is_any(receipts, *mine, receipts.c.outcome == "accepted"))
        in_journal = is_any(receipts, *mine, receipts.c.outcome.in_(UNSURE))
    return reached, in_journal


def _complete_rows(
    connection: sa.Connection, audience: Audience, languages: Sequence[str], incomplete: Sequence[str]
) -> None:
    """Language and values of the rows that SQL could not make: of attributes that are no texts."""
    table = recipients
    query = sa.select(table.c.id, table.c.list_ids, table.c["values"].label("frozen")).where(table.c.id.in_(incomplete))
    made = []
    for row in connection.execute(query) if incomplete else ():
        values = row.frozen
        if isinstance(values.get("attributes"), dict):
            values = own_values(**values)
        wishes = [values["language"], *(audience.list_languages[id_] for id_ in row.list_ids)]
        made.append({"of": row.id, "values": values, "language": choose_language(wishes, languages)})
    if made:
        connection.execute(sa.update(table).where(table.c.id == sa.bindparam("of")), made)


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
    return audience_of(database, row.id, row.issue, lists_of(connection, row.id), row.segment)
