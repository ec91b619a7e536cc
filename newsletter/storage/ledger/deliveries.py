"""Deliveries: created with their editions and assets, moved from state to state by comparing and setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.subscriber import MailingList
from newsletter.compiler.edition import Asset, Edition, edition_from_json, edition_to_json
from newsletter.delivery.compose.mould import COMPOSER
from newsletter.delivery.delivery import MOVES, Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import Recipient, RecipientState
from newsletter.delivery.ledger.plan import Exclusion, digest
from newsletter.errors import NotFoundError, StateError, WrongUsageError
from newsletter.storage.audience.lists import ListStore, lists_of
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import holds
from newsletter.storage.database.tables import deliveries, delivery_lists, editions, lists, recipients
from newsletter.storage.ledger.pace import release_shares

PAST = "sent before it was archived here"
"""The reason of a delivery that only holds an issue for the archive."""
_PAGE = 1000
_NAMED = 10
"""Deliveries that are named in an error."""
_OF_DELIVERY = [one.name for one in fields(Delivery) if one.name in deliveries.c]
_OF_RECIPIENT = [one.name for one in fields(Recipient) if one.name in recipients.c]
"""Fields whose column has the same name."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """What a new delivery is made of."""

    id: str
    issue: str
    hash: str
    lists: tuple[str, ...]
    editions: tuple[Edition, ...]
    """The issue's own language first."""
    again: bool = False
    forced: bool = False
    segment: str = ""
    """As in `Delivery`; `expected` too."""
    expected: int | None = None
    scheduled_at: datetime | None = None


class Deliveries:
    """The deliveries of one database, their editions, assets and recipients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, order: NewDelivery, now: datetime) -> Delivery:
        """Store a delivery with its editions and their images: scheduled, or preparing when it has no start time.

        Raises NotFoundError for a list that does not exist.
        """
        with self._database.write() as connection:
            self.insert(connection, order, now)
        return self.get(order.id)

    def keep_past(self, order: NewDelivery, sent: datetime) -> None:
        """Store an issue that was sent without this program, as a delivery that finished then and had no recipients.

        One that is there under its id gets these editions. Raises NotFoundError for a list that does not exist.
        """
        with self._database.write() as connection:
            if find_delivery(connection, order.id) is None:
                self.insert(connection, order, sent)
            else:
                connection.execute(sa.delete(editions).where(editions.c.delivery_id == order.id))
                self._store_editions(connection, order)
            finished = _finished_at(sent) | {"hash": order.hash, "created_at": sent, "reason": PAST}
            connection.execute(sa.update(deliveries).where(deliveries.c.id == order.id).values(**finished))

    def insert_empty(self, connection: sa.Connection, order: NewDelivery, now: datetime) -> None:
        """As `insert`, a delivery that takes on its recipients later, and is finished while it has none to send to."""
        self.insert(connection, order, now)
        connection.execute(sa.update(deliveries).where(deliveries.c.id == order.id).values(**_finished_at(now)))

    def insert(self, connection: sa.Connection, order: NewDelivery, now: datetime) -> None:
        """As `create`, inside a transaction."""
        state = DeliveryState.PREPARING if order.scheduled_at is None else DeliveryState.SCHEDULED
        chosen = ListStore(self._database, connection).all_named(order.lists)
        connection.execute(
            sa.insert(deliveries).values(
                id=order.id, issue=order.issue, state=state.value, hash=order.hash, again=order.again,
                forced=order.forced, created_at=now, scheduled_at=order.scheduled_at, frozen_to=0, not_eligible={},
                segment=order.segment, expected=order.expected,
            )
        )  # fmt: skip
        connection.execute(
            sa.insert(delivery_lists),
            [{"delivery_id": order.id, "list_id": one.id, "position": n} for n, one in enumerate(chosen)],
        )
        self._store_editions(connection, order)

    def _store_editions(self, connection: sa.Connection, order: NewDelivery) -> None:
        for position, edition in enumerate(order.editions):
            self._store_assets(connection, edition.assets)
            connection.execute(
                sa.insert(editions).values(
                    delivery_id=order.id, language=edition.language, position=position, hash=edition.hash,
                    body=edition_to_json(edition) | {"composer": COMPOSER},
                )
            )  # fmt: skip

    def _store_assets(self, connection: sa.Connection, assets: Iterable[Asset]) -> None:
        for asset in assets:  # one by one: together they may be tens of megabytes
            row = {"name": asset.name, "media_type": asset.media_type, "data": asset.data}
            connection.execute(self._database.insert_ignore(tables.assets), row)

    def get(self, delivery: str) -> Delivery:
        """One delivery. Raises NotFoundError."""
        with self._database.read() as connection:
            return read_delivery(connection, delivery)

    def id_of(self, name: str) -> str:
        """The id that a person means by an id, by the start of one, by `last`, or by an issue's slug (its newest).

        The last one is no step of a series: those begin with nobody at hand.

        Raises NotFoundError, and WrongUsageError when several ids begin so.
        """
        query = sa.select(deliveries.c.id, deliveries.c.issue).order_by(deliveries.c.created_at.desc(), deliveries.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        last = [row for row in rows if name == row.issue or (name == "last" and "/" not in row.issue)][:1]
        exact = [row for row in rows if row.id == name] or last
        found = exact or [row for row in rows if name and row.id.startswith(name)]
        if not found:
            raise _no_delivery(name)
        if len(found) > 1:
            some = ", ".join(f"{row.id} ({row.issue})" for row in found[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise WrongUsageError(f"{name!r} could be {some}{more}", hint="Type more of the id")
        return str(found[0].id)

    def all(self, *states: DeliveryState, issue: str = "") -> list[Delivery]:
        """Every delivery (in one of these states, or of this issue, if any is named), the newest first."""
        query = sa.select(deliveries).order_by(deliveries.c.created_at.desc(), deliveries.c.id)
        if states:
            query = query.where(deliveries.c.state.in_([state.value for state in states]))
        if issue:
            query = query.where(deliveries.c.issue == issue)
        with self._database.read() as connection:
            return _deliveries(connection, query)

    def due(self, now: datetime) -> list[Delivery]:
        """The scheduled deliveries whose time has come, the earliest first."""
        query = (
            sa.select(deliveries)
            .where(deliveries.c.state == DeliveryState.SCHEDULED, deliveries.c.scheduled_at <= now)
            .order_by(deliveries.c.scheduled_at, deliveries.c.id)
        )
        with self._database.read() as connection:
            return _deliveries(connection, query)

    def move(
        self, delivery: str, to: DeliveryState, *, since: DeliveryState, reason: str = "", lease: Lease | None = None
    ) -> bool:
        """Change a delivery's state if it still is the one that was seen. False when another process was quicker.

        With a lease, also False when the lease has a newer holder. Raises StateError for a move there is not.
        """
        if to not in MOVES[since]:
            raise StateError(f"A delivery that is {since} cannot become {to}")
        with self._database.write() as connection:
            if lease is not None and not holds(connection, lease.name, lease.token):
                return False
            return compare_and_set(connection, delivery, since, {"state": to.value, "reason": reason})

    def resume(self, delivery: str, to: DeliveryState, now: datetime, *, since: DeliveryState) -> bool:
        """Let a stopped delivery go on: what counted so far does not expire while it stood still. As `move`."""
        if to not in MOVES[since]:
            raise StateError(f"A delivery that is {since} cannot become {to}")
        with self._database.write() as connection:
            release_shares(connection, delivery)
            change: dict[str, object] = {"state": to.value, "reason": ""}
            if since is DeliveryState.HALTED:  # it is not to halt for the same again
                change["resumed_after"] = deliveries.c.resumed_after + deliveries.c.reason + "\n"
            if not compare_and_set(connection, delivery, since, change):
                return False
            connection.execute(
                sa.update(recipients)
                .where(recipients.c.delivery_id == delivery, recipients.c.attempts > 0)
                .where(recipients.c.state.in_([RecipientState.WAITING.value, RecipientState.DEFERRED.value]))
                .values(eligible_at=now)
            )
            # Who was refused for a reason that is mended now need not wait for their next turn.
            connection.execute(
                sa.update(recipients)
                .where(recipients.c.delivery_id == delivery, recipients.c.state == RecipientState.WAITING.value)
                .where(recipients.c.next_at > now)
                .values(next_at=now)
            )
            return True

    def release_shares(self, delivery: str) -> None:
        """Let the halted shares of a delivery that is under way go on."""
        with self._database.write() as connection:
            release_shares(connection, delivery)

    def reschedule(self, delivery: str, at: datetime, *, since: DeliveryState) -> bool:
        """Give a scheduled or missed delivery another start time. False when its state changed meanwhile."""
        with self._database.write() as connection:
            change = {"state": DeliveryState.SCHEDULED.value, "scheduled_at": at, "reason": ""}
            return compare_and_set(connection, delivery, since, change)

    def cancel(self, delivery: str, now: datetime, *, since: DeliveryState) -> bool:
        """End a delivery; its waiting and deferred rows become excluded. False when its state changed meanwhile."""
        with self._database.write() as connection:
            change = {"state": DeliveryState.CANCELLED.value, "finished_at": now, "reason": "by an operator"}
            if not compare_and_set(connection, delivery, since, change):
                return False
            sweep_cancelled(connection, [delivery], now)
            release_shares(connection, delivery)
            return True

    def edition(self, delivery: str, language: str) -> Edition:
        """One of its editions, without the bytes of its images. Raises NotFoundError."""
        query = sa.select(editions.c.body).where(editions.c.delivery_id == delivery, editions.c.language == language)
        with self._database.read() as connection:
            body = connection.execute(query).scalar_one_or_none()
        if body is None:
            raise NotFoundError(f"Delivery {delivery} has no edition in {language!r}")
        return edition_from_json(body)

    def asset(self, name: str) -> Asset | None:
        """An image that an edition of any delivery shows."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(tables.assets).where(tables.assets.c.name == name)).one_or_none()
        return None if row is None else Asset(row.name, row.media_type, row.data)

    def keep_assets(self, assets: Iterable[Asset]) -> None:
        """Store images that are to be served, without a delivery: those of a proof."""
        with self._database.write() as connection:
            self._store_assets(connection, assets)

    def lists(self, delivery: str) -> list[MailingList]:
        """The lists of a delivery, in the order they were named."""
        with self._database.read() as connection:
            return lists_of(connection, delivery)

    def recipient(self, recipient: str) -> Recipient | None:
        """One row of the ledger by its id."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(recipients).where(recipients.c.id == recipient)).one_or_none()
            return None if row is None else recipient_of(row, list_slugs(connection, row.delivery_id))

    def recipients(self, delivery: str, state: RecipientState | None = None) -> Iterator[Recipient]:
        """The rows of one delivery in the order of their address hashes, read page by page as they are asked for."""
        after = ""
        while True:
            query = sa.select(recipients).where(recipients.c.delivery_id == delivery, recipients.c.address_hash > after)
            if state is not None:
                query = query.where(recipients.c.state == state.value)
            with self._database.read() as connection:
                slugs = list_slugs(connection, delivery)
                rows = connection.execute(query.order_by(recipients.c.address_hash).limit(_PAGE)).all()
            yield from (recipient_of(row, slugs) for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].address_hash


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease and its fencing token, under which a change is made."""

    name: str
    token: int


def _finished_at(at: datetime) -> dict[str, object]:
    """Of a delivery that was started and finished at the same time, without recipients."""
    state = {"state": DeliveryState.FINISHED.value, "started_at": at, "finished_at": at}
    return state | {"frozen_count": 0, "frozen_digest": digest(())}


def read_delivery(connection: sa.Connection, delivery: str) -> Delivery:
    """One delivery inside a transaction. Raises NotFoundError."""
    found = find_delivery(connection, delivery)
    if found is None:
        raise _no_delivery(delivery)
    return found


def _no_delivery(name: str) -> NotFoundError:
    return NotFoundError(f"There is no delivery {name!r}", hint="`newsletter deliveries list` shows all of them")


def find_delivery(connection: sa.Connection, delivery: str) -> Delivery | None:
    """As `read_delivery`; None when there is none."""
    found = _deliveries(connection, sa.select(deliveries).where(deliveries.c.id == delivery))
    return found[0] if found else None


REOPENED = {"state": DeliveryState.SENDING.value}
"""What makes a finished delivery go on. It keeps when it finished first: its issue stays in the archive meanwhile."""


def compare_and_set(
    connection: sa.Connection, delivery: str, since: DeliveryState, values: Mapping[str, object]
) -> bool:
    """Change a delivery's row if its state still is `since`; whether it was."""
    statement = sa.update(deliveries).where(deliveries.c.id == delivery, deliveries.c.state == since.value)
    return connection.execute(statement.values(**values)).rowcount == 1


def sweep_cancelled(connection: sa.Connection, names: Sequence[str], now: datetime) -> None:
    """In cancelled deliveries, exclude the rows that are not sent yet."""
    cancelled = sa.select(deliveries.c.id).where(
        deliveries.c.id.in_(names), deliveries.c.state == DeliveryState.CANCELLED.value
    )
    connection.execute(
        sa.update(recipients)
        .where(recipients.c.delivery_id.in_(cancelled))
        .where(recipients.c.state.in_([RecipientState.WAITING.value, RecipientState.DEFERRED.value]))
        .values(
            # As `rest_of` says, for many at once.
            state=sa.case((recipients.c.in_doubt, RecipientState.UNKNOWN.value), else_=RecipientState.EXCLUDED.value),
            reason=Exclusion.CANCELLED.value,
            settled_at=now,
        )
    )


def list_slugs(connection: sa.Connection, delivery: str) -> dict[int, str]:
    """The lists of a delivery, id → slug, in the order they were named."""
    return {one.id: one.slug for one in lists_of(connection, delivery)}


def _deliveries(connection: sa.Connection, query: sa.Select[*tuple[Any, ...]]) -> list[Delivery]:
    """The deliveries that a query finds, with their lists and languages: three queries, however many there are."""
    chosen = query.with_only_columns(deliveries.c.id).order_by(None)
    named = (
        sa.select(delivery_lists.c.delivery_id, lists.c.slug)
        .join(lists, lists.c.id == delivery_lists.c.list_id)
        .where(delivery_lists.c.delivery_id.in_(chosen))
        .order_by(delivery_lists.c.position)
    )
    written = (
        sa.select(editions.c.delivery_id, editions.c.language)
        .where(editions.c.delivery_id.in_(chosen))
        .order_by(editions.c.position)
    )
    slugs, languages = _grouped(connection, named), _grouped(connection, written)
    return [_delivery(row, slugs.get(row.id, ()), languages.get(row.id, ())) for row in connection.execute(query)]


def _grouped(connection: sa.Connection, query: sa.Select[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for delivery, text in connection.execute(query):
        found.setdefault(delivery, []).append(text)
    return found


def _delivery(row: sa.Row[*tuple[Any, ...]], slugs: Iterable[str], languages: Iterable[str]) -> Delivery:
    more = {"state": DeliveryState(row.state), "lists": tuple(slugs), "languages": tuple(languages)}
    return Delivery(**{name: getattr(row, name) for name in _OF_DELIVERY} | more)


def recipient_of(row: sa.Row[*tuple[Any, ...]], slugs: Mapping[int, str]) -> Recipient:
    """A row of the ledger as it is shown; `slugs` are those of its delivery's lists."""
    more = {
        "delivery": row.delivery_id,
        "subscriber": row.subscriber_id,
        "lists": tuple(slugs[id_] for id_ in row.list_ids),
        "values": with_address(row.values, row.address),
        "state": RecipientState(row.state),
    }
    return Recipient(**{name: getattr(row, name) for name in _OF_RECIPIENT} | more)


def with_address(values: Mapping[str, object], address: str) -> dict[str, object]:
    """What merge fields may name: the frozen values and the address, which is kept in its own column only."""
    return {**values, "email": address}
