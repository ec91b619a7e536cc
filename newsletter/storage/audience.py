"""People: subscribers, their subscriptions with consent, and suppressions: the store that `audience` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.importing import Change, Known
from newsletter.audience.subscriber import Subscriber, Subscription
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.storage.engine import Database
from newsletter.storage.tables import lists, recipients, subscribers, subscriptions, suppressions

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

    def alone(self) -> None:
        """Keep others from adding or erasing people until the transaction ends: what is looked up stays true."""
        self._database.serialise(self._connection, "newsletter people")

    def find(self, address_hash: str) -> Subscriber | None:
        """The subscriber with this address, also an erased one."""
        return self.known([address_hash]).get(address_hash, Known()).subscriber

    def known(self, address_hashes: Sequence[str]) -> Mapping[str, Known]:
        """What is known of these people; who is missing is unknown."""
        people = {
            row.address_hash: _subscriber(row)
            for row in self._connection.execute(
                sa.select(subscribers).where(subscribers.c.address_hash.in_(address_hashes))
            )
        }
        consents: dict[str, dict[str, Consent]] = {}
        for address_hash, slug, consent in self._connection.execute(
            sa.select(subscribers.c.address_hash, lists.c.slug, subscriptions.c.consent)
            .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
            .join(lists, lists.c.id == subscriptions.c.list_id)
            .where(subscribers.c.address_hash.in_(address_hashes))
        ):
            consents.setdefault(address_hash, {})[slug] = Consent(consent)
        stopped = dict(
            self._connection.execute(
                sa.select(suppressions.c.address_hash, suppressions.c.reason).where(
                    suppressions.c.address_hash.in_(address_hashes)
                )
            ).all()
        )
        return {
            address_hash: Known(
                people.get(address_hash),
                consents.get(address_hash, {}),
                SuppressionReason(stopped[address_hash]) if address_hash in stopped else None,
            )
            for address_hash in {*people, *stopped}
        }

    def apply(self, changes: Sequence[Change], origin: Origin) -> None:
        """Write people and add subscriptions; nobody's consent that is there already is touched."""
        new = [change for change in changes if change.subscriber is None]
        if new:
            rows = [_person(change, origin.at) | {"created_at": origin.at} for change in new]
            self._connection.execute(self._database.insert_ignore(subscribers), rows)
        changed = [change for change in changes if change.subscriber is not None and change.writes_person]
        if changed:
            statement = sa.update(subscribers).where(subscribers.c.id == sa.bindparam("of_id"))
            self._connection.execute(
                statement, [_person(change, origin.at) | {"of_id": change.subscriber} for change in changed]
            )
        self._subscribe(changes, origin)

    def _subscribe(self, changes: Sequence[Change], origin: Origin) -> None:
        slugs = {slug for change in changes for slug in change.consents}
        if not slugs:
            return
        list_ids = self._ids(sa.select(lists.c.slug, lists.c.id).where(lists.c.slug.in_(slugs)))
        ids = self._ids(
            sa.select(subscribers.c.address_hash, subscribers.c.id).where(
                subscribers.c.address_hash.in_([change.address_hash for change in changes if change.consents])
            )
        )
        rows = [
            {
                "subscriber_id": ids[change.address_hash],
                "list_id": list_ids[slug],
                "consent": consent.value,
                "changed_at": origin.at,
                "how": origin.how,
                "basis": origin.basis,
            }
            for change in changes
            for slug, consent in change.consents.items()
        ]
        self._connection.execute(self._database.insert_ignore(subscriptions), rows)

    def _ids(self, query: sa.Select[str, int]) -> dict[str, int]:
        return dict(self._connection.execute(query).all())

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
        if list_id is not None:
            query = (
                query.add_columns(subscriptions.c.consent, subscriptions.c.changed_at)
                .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
                .where(subscriptions.c.list_id == list_id)
            )
        last = 0
        while rows := self._connection.execute(query.where(subscribers.c.id > last)).all():
            for row in rows:
                yield _subscriber(row), *((row.consent, row.changed_at) if list_id is not None else ("", None))
            last = rows[-1].id


def _person(change: Change, now: datetime) -> dict[str, Any]:
    return {
        "address": change.address.text,
        "address_hash": change.address_hash,
        "name": change.name,
        "language": change.language,
        "timezone": change.timezone,
        "attributes": dict(change.attributes),
        "updated_at": now,
    }


def _subscriber(row: sa.Row[*tuple[Any, ...]]) -> Subscriber:
    return Subscriber(row.id, row.address, row.address_hash, row.name, row.language, row.timezone, dict(row.attributes))
