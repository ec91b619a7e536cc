"""People: subscribers, their subscriptions with consent, and suppressions. Whole files of them: `importing.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.subscriber import Subscriber, Subscription
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import lists, recipients, subscribers, subscriptions, suppressions

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery that a person was a recipient of."""

    delivery: str
    issue: str
    state: str
    at: datetime | None
    """When the outcome was known; None: not yet."""


class AudienceStore:
    """Everything that is kept of people, inside one transaction."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self._connection = connection

    def lock_audience(self) -> None:
        """Keep others from adding or erasing people until the transaction ends: what is looked up stays true."""
        self._database.serialise(self._connection, "newsletter people")
        # On SQLite a transaction that began without the one lock takes it with any writing statement.
        self._connection.execute(sa.update(subscribers).where(sa.false()).values(name=""))

    def find(self, address_hash: str) -> Subscriber | None:
        """The subscriber with this address, also an erased one."""
        row = self._connection.execute(sa.select(subscribers).where(subscribers.c.address_hash == address_hash)).first()
        return None if row is None else _subscriber(row)

    def upsert(self, person: Subscriber, now: datetime) -> int:
        """Write what is known of somebody, and add them if they have no id yet; their id."""
        values = {
            "address": person.address,
            "address_hash": person.address_hash,
            "name": person.name,
            "language": person.language,
            "timezone": person.timezone,
            "attributes": dict(person.attributes),
            "updated_at": now,
        }
        if not person.id:
            statement = sa.insert(subscribers).values(**values, created_at=now).returning(subscribers.c.id)
            return int(self._connection.execute(statement).scalar_one())
        self._connection.execute(sa.update(subscribers).where(subscribers.c.id == person.id).values(**values))
        return person.id

    def subscriptions_of(self, subscriber: int) -> list[Subscription]:
        """What one person is and was subscribed to, in the order of the slugs."""
        query = (
            sa.select(lists.c.slug, subscriptions)
            .join(lists, lists.c.id == subscriptions.c.list_id)
            .where(subscriptions.c.subscriber_id == subscriber)
            .order_by(lists.c.slug)
        )
        return [
            Subscription(row.slug, Consent(row.consent), row.changed_at, row.how, row.basis)
            for row in self._connection.execute(query)
        ]

    def set_consent(self, subscriber: int, list_id: int, consent: Consent, origin: Origin) -> None:
        """Write what one subscription says, making it if need be. Whether it may is decided before."""
        statement = self._database.upsert(
            subscriptions, key=["subscriber_id", "list_id"], change=["consent", "changed_at", "how", "basis"]
        )
        self._connection.execute(
            statement,
            {
                "subscriber_id": subscriber,
                "list_id": list_id,
                "consent": consent.value,
                "changed_at": origin.at,
                "how": origin.how,
                "basis": origin.basis,
            },
        )

    def suppression_of(self, address_hash: str) -> Suppression | None:
        """Whether and why an address is suppressed."""
        row = self._connection.execute(
            sa.select(suppressions).where(suppressions.c.address_hash == address_hash)
        ).first()
        if row is None:
            return None
        return Suppression(row.address_hash, row.address, SuppressionReason(row.reason), row.created_at, row.note)

    def suppress(self, suppression: Suppression) -> bool:
        """Keep an address from ever being written to. False when it was already; the first reason stays."""
        statement = self._database.insert_ignore(suppressions).values(
            address_hash=suppression.address_hash,
            address=suppression.address,
            reason=suppression.reason.value,
            note=suppression.note,
            created_at=suppression.since,
        )
        return self._connection.execute(statement).rowcount == 1

    def unsuppress(self, address_hash: str) -> bool:
        """Allow an address again. False when it was not suppressed."""
        statement = sa.delete(suppressions).where(suppressions.c.address_hash == address_hash)
        return self._connection.execute(statement).rowcount == 1

    def sent_to(self, address_hash: str) -> list[Sent]:
        """Every delivery that had this person as a recipient, the latest first."""
        columns = (recipients.c.delivery_id, recipients.c.issue, recipients.c.state, recipients.c.settled_at)
        query = (
            sa.select(*columns)
            .where(recipients.c.address_hash == address_hash)
            .order_by(recipients.c.eligible_at.desc(), recipients.c.id)
        )
        return [Sent(*row) for row in self._connection.execute(query)]

    def people(self, list_id: int | None = None) -> Iterator[tuple[Subscriber, str, datetime | None]]:
        """Everybody with an address (of one list: with what they say to it and since when), in the order they came."""
        query = sa.select(subscribers).where(subscribers.c.address != "").order_by(subscribers.c.id).limit(_PAGE)
        last = 0
        while rows := self._connection.execute(query.where(*_after(last, list_id))).all():
            # Apart from the people: joined to them, each page would be made by sorting the whole list.
            says = {} if list_id is None else self._says(list_id, [row.id for row in rows])
            yield from ((_subscriber(row), *says.get(row.id, ("", None))) for row in rows)
            last = rows[-1].id

    def _says(self, list_id: int, people: Sequence[int]) -> dict[int, tuple[str, datetime]]:
        query = sa.select(subscriptions.c.subscriber_id, subscriptions.c.consent, subscriptions.c.changed_at).where(
            subscriptions.c.list_id == list_id, subscriptions.c.subscriber_id.in_(people)
        )
        return {person: (consent, since) for person, consent, since in self._connection.execute(query)}


def _after(last: int, list_id: int | None) -> list[sa.ColumnElement[bool]]:
    """Those who came after somebody (and have a subscription to a list)."""
    if list_id is None:
        return [subscribers.c.id > last]
    subscribed = sa.exists().where(
        subscriptions.c.subscriber_id == subscribers.c.id,
        subscriptions.c.subscriber_id > last,  # PostgreSQL merges the two, and would begin with the first person
        subscriptions.c.list_id == list_id,
    )
    return [subscribers.c.id > last, subscribed]


def _subscriber(row: sa.Row[*tuple[Any, ...]]) -> Subscriber:
    return Subscriber(row.id, row.address, row.address_hash, row.name, row.language, row.timezone, dict(row.attributes))
