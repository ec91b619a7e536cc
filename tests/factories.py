"""Small finished things that tests begin with: editions made by hand, lists, people, deliveries in a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from newsletter.compiler.edition import Asset, Edition, Identity, Slot, SlotKind
from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import Worker
from newsletter.delivery.sender.worker import this_worker
from newsletter.expression import parse_field
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.storage.ledger.freeze import freeze
from newsletter.tokens import keyed_hash

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS_KEY = b"an address key made up for tests"

IDENTITY = Identity(
    newsletter="The Example", from_name="The Example", from_address="editors@news.example",
    postal_address="1 Example Street, Exampleton", contact="hello@news.example",
)  # fmt: skip


def make_edition(language: str = "en", issue: str = "first", **changes: Any) -> Edition:
    """An edition of one sentence, with the subscriber's name and both personal links in it."""
    slots = (
        Slot("slotnamex0", parse_field('subscriber.name | default("there")'), SlotKind.TEXT),
        Slot("slotviewx0", parse_field("link.view"), SlotKind.URL),
        Slot("slotstopx0", parse_field("link.unsubscribe"), SlotKind.URL),
    )
    values: dict[str, Any] = {
        "issue": issue,
        "language": language,
        "direction": "ltr",
        "title": f"First ({language})",
        "subject": f"First ({language}) for slotnamex0",
        "preheader": "",
        "html": f'<p lang="{language}">Hello slotnamex0, <a href="slotviewx0">see</a>, <a href="slotstopx0">go</a></p>',
        "text": f"Hello slotnamex0 ({language}): slotviewx0 slotstopx0\n",
        "mjml": "<mjml></mjml>",
        "slots": slots,
        "links": (),
        "assets": (),
        "identity": IDENTITY,
        "hash": keyed_hash(b"edition", f"{issue} {language}") * 2 + "a" * 12,
    }
    return Edition(**(values | changes))


def make_asset(name: str = "a1b2.png") -> Asset:
    return Asset(name, "image/png", b"\x89PNG made up")


def make_worker(name: str = "worker-1", host: str = "here", boot: str | None = None, pid: int = 1) -> Worker:
    """A worker that seems to live on this start of the machine."""
    return Worker(id=name, host=host, boot=this_worker().boot if boot is None else boot, pid=pid)


def address_hash(address: str) -> str:
    return keyed_hash(ADDRESS_KEY, address.lower())


def add_list(database: Database, slug: str = "weekly", *, language: str = "") -> int:
    with database.write() as connection:
        row = {"slug": slug, "name": slug.title(), "opt_in": "single", "language": language, "created_at": NOW}
        made: int = connection.execute(sa.insert(tables.lists).returning(tables.lists.c.id), row).scalar_one()
        return made


def add_people(
    database: Database, addresses: Sequence[str], *lists: int, consent: str = "confirmed", language: str = "",
    name: str = "", attributes: Mapping[str, str] | None = None,
) -> list[int]:  # fmt: skip
    """New subscribers with the same consent to each of these lists; their ids in the order of the addresses."""
    ids = []
    with database.write() as connection:
        for address in addresses:
            row = {
                "address": address, "address_hash": address_hash(address), "name": name, "language": language,
                "timezone": "", "attributes": dict(attributes or {}), "created_at": NOW, "updated_at": NOW,
            }  # fmt: skip
            insert = sa.insert(tables.subscribers).returning(tables.subscribers.c.id)
            ids.append(connection.execute(insert, row).scalar_one())
        for subscriber in ids:
            for list_id in lists:
                set_consent(connection, subscriber, list_id, consent)
    return ids


def set_consent(connection: sa.Connection, subscriber: int, list_id: int, consent: str) -> None:
    """Write a subscription, whatever stood there before."""
    key = (tables.subscriptions.c.subscriber_id == subscriber) & (tables.subscriptions.c.list_id == list_id)
    connection.execute(sa.delete(tables.subscriptions).where(key))
    row = {"subscriber_id": subscriber, "list_id": list_id, "consent": consent, "changed_at": NOW, "how": "import"}
    connection.execute(sa.insert(tables.subscriptions), row)


def suppress(database: Database, address: str, reason: str = "manual") -> None:
    with database.write() as connection:
        row = {"address_hash": address_hash(address), "address": address, "reason": reason, "created_at": NOW}
        connection.execute(sa.insert(tables.suppressions), row)


def make_order(
    name: str = "delivery1", *, issue: str = "first", lists: Sequence[str] = ("weekly",),
    languages: Sequence[str] = ("en",), again: bool = False, scheduled_at: datetime | None = None,
) -> NewDelivery:  # fmt: skip
    return NewDelivery(
        id=name, issue=issue, hash="f" * 64, lists=tuple(lists), again=again, scheduled_at=scheduled_at,
        editions=tuple(make_edition(language, issue) for language in languages),
    )  # fmt: skip


def start_delivery(database: Database, name: str = "delivery1", *, now: datetime = NOW, **order: Any) -> Delivery:
    """A delivery whose audience is frozen and which is sending."""
    store = Deliveries(database)
    store.create(make_order(name, **order), now)
    freeze(database, name, now)
    return store.get(name)
