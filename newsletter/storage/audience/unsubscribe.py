"""Unsubscribing: the recipient of a personal link, their consents, and the events that record changes.

Called by `app/audience/unsubscribe.py`; a change and its event are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience.events import append_event, append_events
from newsletter.storage.audience.notices import find_notice
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import events, lists, receipts, recipients, subscribers, subscriptions
from newsletter.tokens import base32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRESENT_HASH = (
    sa.select(subscribers.c.address_hash).where(subscribers.c.id == recipients.c.subscriber_id).scalar_subquery()
)
_HOLDER = (
    recipients.c.id.label("recipient"),
    recipients.c.delivery_id.label("delivery"),
    recipients.c.subscriber_id.label("subscriber"),
    recipients.c.list_ids,
    recipients.c.language,
    # Of the subscriber, who may have another address by now: the journal must name them as an older copy cannot.
    sa.func.coalesce(_PRESENT_HASH, recipients.c.address_hash).label("address_hash"),
)


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """The recipient whose message held a personal link."""

    recipient: str
    delivery: str
    subscriber: int
    """0 where only a receipt names them, and they are no subscriber."""
    list_ids: tuple[int, ...]
    """The lists of the delivery through which they became a recipient."""
    language: str
    """Of the edition they received; empty where only a receipt names them."""
    address_hash: str


@dataclass(frozen=True, slots=True)
class OptOut:
    """One unsubscribe that changed something, for its undo."""

    id: str
    """Opaque, in the alphabet of a token's payload."""
    holder: LinkHolder
    at: datetime
    ended: Mapping[int, Consent]
    """List id → the consent that ended."""
    how: str
    """As in `Wish`."""


def link_holders(connection: sa.Connection, ids: Sequence[str]) -> dict[str, LinkHolder]:
    """The recipients of these ids, also once erased, and those that a notice or a receipt names; the others lack."""
    rows = connection.execute(sa.select(*_HOLDER).where(recipients.c.id.in_(ids)))
    found = {row.recipient: _holder(row) for row in rows}
    for one in set(ids) - found.keys():
        if holder := _holder_elsewhere(connection, one):
            found[one] = holder
    return found


def link_holder(connection: sa.Connection, recipient: str) -> LinkHolder | None:
    """As `link_holders`, of one; None if there is none."""
    return link_holders(connection, [recipient]).get(recipient)


def _holder_elsewhere(connection: sa.Connection, recipient: str) -> LinkHolder | None:
    notice = find_notice(connection, recipient)
    if notice is None or not notice.subscriber:
        return _receipt_holder(connection, recipient)
    return LinkHolder(recipient, "", notice.subscriber, notice.list_ids, notice.language, notice.address_hash)


def _receipt_holder(connection: sa.Connection, recipient: str) -> LinkHolder | None:
    query = (
        sa.select(receipts, subscribers.c.id)
        .outerjoin(subscribers, subscribers.c.address_hash == receipts.c.address_hash)
        .where(receipts.c.recipient_id == recipient)
    )
    if (row := connection.execute(query).first()) is None:
        return None
    named = connection.execute(sa.select(lists.c.id).where(lists.c.slug.in_(row.lists)).order_by(lists.c.id)).scalars()
    return LinkHolder(recipient, row.delivery_id, row.id or 0, tuple(named), "", row.address_hash)


def consents_of(connection: sa.Connection, who: Sequence[int], *, lock: bool = False) -> dict[int, dict[int, Consent]]:
    """Subscriber → list id → consent. `lock` keeps others from changing them until the transaction ends."""
    # Always in this order: two that lock the same rows in different orders would wait for each other.
    query = (
        sa.select(subscriptions.c.subscriber_id, subscriptions.c.list_id, subscriptions.c.consent)
        .where(subscriptions.c.subscriber_id.in_(who))
        .order_by(subscriptions.c.subscriber_id, subscriptions.c.list_id)
    )
    found: dict[int, dict[int, Consent]] = {one: {} for one in who}
    for subscriber, list_id, consent in connection.execute(query.with_for_update() if lock else query):
        found[subscriber][list_id] = Consent(consent)
    return found


def present_consents(connection: sa.Connection, subscriber: int, *, lock: bool = False) -> dict[int, Consent]:
    """As `consents_of`, of one."""
    return consents_of(connection, [subscriber], lock=lock)[subscriber]


_CHANGE = sa.update(subscriptions).where(
    subscriptions.c.subscriber_id == sa.bindparam("who"), subscriptions.c.list_id == sa.bindparam("list")
)


def change_consents(
    connection: sa.Connection, subscriber: int, consents: Mapping[int, Consent], *, how: str, now: datetime
) -> None:
    """Change some of a subscriber's subscriptions."""
    _change(connection, [_changed(subscriber, one, consent, how, now) for one, consent in consents.items()])


def _changed(who: int, list_id: int, consent: Consent, how: str, now: datetime) -> dict[str, object]:
    return {"who": who, "list": list_id, "consent": consent.value, "how": how, "changed_at": now}


def _change(connection: sa.Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        connection.execute(_CHANGE, rows)


def new_opt_out(holder: LinkHolder, ended: Mapping[int, Consent], now: datetime, *, how: str) -> OptOut:
    """An unsubscribe that ends these consents; not written yet."""
    return OptOut(holder.recipient + _opaque(now), holder, now, ended, how)


def end_consents(connection: sa.Connection, found: Sequence[OptOut]) -> None:
    """End what each of these ends."""
    out = Consent.UNSUBSCRIBED
    rows = [_changed(one.holder.subscriber, list_id, out, one.how, one.at) for one in found for list_id in one.ended]
    _change(connection, rows)


def add_opt_outs(database: Database, connection: sa.Connection, found: Sequence[OptOut]) -> None:
    """Append the event of each."""
    events_of = []
    for one in found:
        data = {"how": one.how, "ended": {str(list_id): consent.value for list_id, consent in one.ended.items()}}
        events_of.append(_event(EventKind.UNSUBSCRIBED, one, one.at, data))
    append_events(database, connection, events_of)


def last_opt_out(connection: sa.Connection, holder: LinkHolder) -> OptOut | None:
    """The latest unsubscribe through this recipient's own link."""
    query = _OPT_OUTS.where(events.c.subscriber_id == holder.subscriber, events.c.recipient_id == holder.recipient)
    return _read(connection, query.order_by(events.c.id.desc()).limit(1))


def find_opt_out(connection: sa.Connection, opt_out: str) -> OptOut | None:
    """The unsubscribe with this id."""
    return _read(connection, _OPT_OUTS.where(events.c.key == _key(EventKind.UNSUBSCRIBED, opt_out)))


def still_unsubscribed(connection: sa.Connection, opt_out: OptOut) -> frozenset[int]:
    """The lists of an opt-out whose subscription has not changed since; locked until the transaction ends.

    None for an erased subscriber: erasing deletes the subscriptions.
    """
    query = sa.select(subscriptions.c.list_id).where(
        subscriptions.c.subscriber_id == opt_out.holder.subscriber,
        subscriptions.c.list_id.in_(opt_out.ended),
        subscriptions.c.consent == Consent.UNSUBSCRIBED.value,
        subscriptions.c.changed_at == opt_out.at,
    )
    return frozenset(connection.execute(query.order_by(subscriptions.c.list_id).with_for_update()).scalars())


def add_resubscription(
    database: Database, connection: sa.Connection, opt_out: OptOut, restored: Sequence[int], *, how: str, now: datetime
) -> None:
    """Append the event of an undo."""
    data = {"how": how, "restored": list(restored)}
    append_event(database, connection, _event(EventKind.RESUBSCRIBED, opt_out, now, data))


def has_address(connection: sa.Connection, subscriber: int) -> bool:
    """Whether the subscriber has an address; an erased one cannot be resubscribed by an undo."""
    query = sa.select(subscribers.c.id).where(subscribers.c.id == subscriber, subscribers.c.address != "")
    return connection.execute(query).first() is not None


def _event(kind: EventKind, opt_out: OptOut, now: datetime, data: Mapping[str, object]) -> Event:
    return Event(
        kind=kind,
        at=now,
        subscriber=opt_out.holder.subscriber,
        recipient=opt_out.holder.recipient,
        delivery=opt_out.holder.delivery,
        data=data,
        key=_key(kind, opt_out.id),
    )


def _key(kind: EventKind, opt_out: str) -> str:
    return f"{kind.value}:{opt_out}"


def _opaque(moment: datetime) -> str:
    """An instant in the alphabet of a token's payload."""
    return base32(((moment - _EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big"))


_OPT_OUTS = sa.select(events).where(events.c.kind == EventKind.UNSUBSCRIBED.value)


def _read(connection: sa.Connection, query: sa.Select[*tuple[Any, ...]]) -> OptOut | None:
    row = connection.execute(query).first()
    holder = link_holder(connection, row.recipient_id) if row is not None and row.recipient_id else None
    if row is None or holder is None:
        return None
    ended = {int(list_id): Consent(consent) for list_id, consent in row.data["ended"].items()}
    return OptOut(row.key.partition(":")[2], holder, row.at, ended, row.data["how"])


def _holder(row: sa.Row[*tuple[Any, ...]]) -> LinkHolder:
    return LinkHolder(
        row.recipient, row.delivery, row.subscriber, tuple(row.list_ids), row.language, row.address_hash
    )  # fmt: skip
