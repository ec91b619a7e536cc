"""Subscribers, their subscriptions with consent, and suppressions, one at a time. Whole files: `importing.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.subscriber import Subscriber, Subscription
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.expression import Condition
from newsletter.storage.audience.expression import matches
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import lists, recipients, subscribers, subscriptions, suppressions

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscriber with consent and suppression."""

    subscriber: Subscriber
    subscriptions: Sequence[Subscription]
    suppression: Suppression | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery that had a subscriber as a recipient."""

    delivery: str
    issue: str
    state: str
    at: datetime | None
    """When it was settled; None: not yet."""


class AudienceStore:
    """Subscribers, subscriptions and suppressions, inside one transaction."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self._connection = connection

    def lock_audience(self) -> None:
        """Block other transactions that add or erase subscribers until this one ends."""
        self._database.serialise(self._connection, "newsletter audience")
        # On SQLite a transaction that began without the write lock takes it with any writing statement.
        self._connection.execute(sa.update(subscribers).where(sa.false()).values(name=""))

    def find(self, address_hash: str) -> Subscriber | None:
        """Also an erased subscriber."""
        row = self._connection.execute(sa.select(subscribers).where(subscribers.c.address_hash == address_hash)).first()
        return None if row is None else _subscriber(row)

    def upsert(self, subscriber: Subscriber, now: datetime) -> int:
        """Insert a subscriber without an id, update one with an id; returns the id."""
        values = {
            "address": subscriber.address,
            "address_hash": subscriber.address_hash,
            "name": subscriber.name,
            "language": subscriber.language,
            "timezone": subscriber.timezone,
            "attributes": dict(subscriber.attributes),
            "updated_at": now,
        }
        if not subscriber.id:
            statement = sa.insert(subscribers).values(**values, created_at=now).returning(subscribers.c.id)
            return int(self._connection.execute(statement).scalar_one())
        self._connection.execute(sa.update(subscribers).where(subscribers.c.id == subscriber.id).values(**values))
        return subscriber.id

    def subscriptions_of(self, subscriber: int) -> list[Subscription]:
        """The subscriptions of one subscriber, ended ones too, in the order of the slugs."""
        query = (
            sa.select(lists.c.slug, subscriptions)
            .join(lists, lists.c.id == subscriptions.c.list_id)
            .where(subscriptions.c.subscriber_id == subscriber)
            .order_by(lists.c.slug)
        )
        return [_subscription(row) for row in self._connection.execute(query)]

    def set_consent(self, subscriber: int, list_id: int, consent: Consent, origin: Origin) -> None:
        """Insert or update one subscription. Whether its consent may change is decided before.

        With a confirmed one the series of the list begin.
        """
        begun = {"series_from": origin.at} if consent is Consent.CONFIRMED else {}
        change = ["consent", "changed_at", "how", "basis", *begun]
        statement = self._database.upsert(subscriptions, key=["subscriber_id", "list_id"], change=change)
        self._connection.execute(
            statement,
            {
                "subscriber_id": subscriber,
                "list_id": list_id,
                "consent": consent.value,
                "changed_at": origin.at,
                "how": origin.how,
                "basis": origin.basis,
                **begun,
            },
        )

    def suppression_of(self, address_hash: str) -> Suppression | None:
        """Whether and why an address is suppressed."""
        return self._suppressions([address_hash]).get(address_hash)

    def suppress(self, suppression: Suppression) -> bool:
        """Suppress an address. False when it was suppressed already; the first reason stays."""
        statement = self._database.insert_ignore(suppressions).values(
            address_hash=suppression.address_hash,
            address=suppression.address,
            reason=suppression.reason.value,
            note=suppression.note,
            created_at=suppression.since,
        )
        return self._connection.execute(statement).rowcount == 1

    def unsuppress(self, address_hash: str) -> bool:
        """End a suppression. False when there was none."""
        statement = sa.delete(suppressions).where(suppressions.c.address_hash == address_hash)
        return self._connection.execute(statement).rowcount == 1

    def sent_to(self, address_hash: str) -> list[Sent]:
        """Every delivery that had this subscriber as a recipient, the latest first."""
        columns = (recipients.c.delivery_id, recipients.c.issue, recipients.c.state, recipients.c.settled_at)
        query = (
            sa.select(*columns)
            .where(recipients.c.address_hash == address_hash)
            .order_by(recipients.c.eligible_at.desc(), recipients.c.id)
        )
        return [Sent(*row) for row in self._connection.execute(query)]

    def all(
        self, list_id: int | None = None, *, where: Condition | None = None, page: int = _PAGE
    ) -> Iterator[Standing]:
        """Every subscriber with an address (or those of one list, with that subscription alone), the oldest first.

        `where`: only those of a segment; they are read `page` at a time.
        """
        query = sa.select(subscribers).where(*self._chosen(where)).order_by(subscribers.c.id).limit(page)
        last = 0
        while rows := self._connection.execute(query.where(*_after(last, list_id))).all():
            # Separate queries: with joins, each page would sort the whole list.
            ties = self._subscriptions([row.id for row in rows], list_id)
            barred = self._suppressions([row.address_hash for row in rows])
            for row in rows:
                yield Standing(_subscriber(row), ties.get(row.id, ()), barred.get(row.address_hash))
            last = rows[-1].id

    def count(self, where: Condition) -> int:
        """How many subscribers with an address belong to a segment."""
        query = sa.select(sa.func.count()).select_from(subscribers).where(*self._chosen(where))
        return self._connection.execute(query).scalar_one()

    def counts_by_list(self, where: Condition) -> dict[str, int]:
        """List → how many subscribers of a segment have a confirmed subscription to it."""
        query = (
            sa.select(lists.c.slug, sa.func.count())
            .join(subscriptions, subscriptions.c.list_id == lists.c.id)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
            .where(subscriptions.c.consent == Consent.CONFIRMED.value, *self._chosen(where))
        )
        rows = self._connection.execute(query.group_by(lists.c.slug).order_by(lists.c.slug))
        return {slug: count for slug, count in rows}  # noqa: C416 (to the type checker a row is no pair)

    def _chosen(self, where: Condition | None) -> list[sa.ColumnElement[bool]]:
        return [subscribers.c.address != "", *([matches(self._database, where)] if where else [])]

    def suppressed_only(self) -> Iterator[Suppression]:
        """Every suppressed address that is no subscriber's, the oldest first."""
        known = sa.exists().where(
            subscribers.c.address_hash == suppressions.c.address_hash, subscribers.c.address != ""
        )
        query = (
            sa.select(suppressions)
            .where(suppressions.c.address != "", ~known)
            .order_by(suppressions.c.created_at, suppressions.c.address)
            .execution_options(yield_per=_PAGE)
        )
        return map(_suppression, self._connection.execute(query))

    def _subscriptions(self, ids: Sequence[int], list_id: int | None) -> dict[int, list[Subscription]]:
        query = (
            sa.select(subscriptions, lists.c.slug)
            .join(lists, lists.c.id == subscriptions.c.list_id)
            .where(subscriptions.c.subscriber_id.in_(ids))
            .order_by(lists.c.slug)
        )
        found: dict[int, list[Subscription]] = {}
        for row in self._connection.execute(query if list_id is None else query.where(lists.c.id == list_id)):
            found.setdefault(row.subscriber_id, []).append(_subscription(row))
        return found

    def _suppressions(self, hashes: Sequence[str]) -> dict[str, Suppression]:
        query = sa.select(suppressions).where(suppressions.c.address_hash.in_(hashes))
        return {row.address_hash: _suppression(row) for row in self._connection.execute(query)}


def _after(last: int, list_id: int | None) -> list[sa.ColumnElement[bool]]:
    if list_id is None:
        return [subscribers.c.id > last]
    subscribed = sa.exists().where(
        subscriptions.c.subscriber_id == subscribers.c.id,
        subscriptions.c.subscriber_id > last,  # without this PostgreSQL would merge from the first subscriber on
        subscriptions.c.list_id == list_id,
    )
    return [subscribers.c.id > last, subscribed]


def _subscription(row: sa.Row[*tuple[Any, ...]]) -> Subscription:
    return Subscription(row.slug, Consent(row.consent), row.changed_at, row.how, row.basis)


def _suppression(row: sa.Row[*tuple[Any, ...]]) -> Suppression:
    return Suppression(row.address_hash, row.address, SuppressionReason(row.reason), row.created_at, row.note)


def _subscriber(row: sa.Row[*tuple[Any, ...]]) -> Subscriber:
    return Subscriber(
        row.id,
        row.address,
        row.address_hash,
        row.name,
        row.language,
        row.timezone,
        dict(row.attributes),
        row.paused_until,
    )
