"""Returned: bounces and complaints, each stored once, with whose message they were about.

Called by `app/audience/bounces.py`, in the transaction that carries their consequence out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.settle import ACCEPTED_BY_RETURN
from newsletter.feedback.consequences import LONGEST_RUN
from newsletter.feedback.found import ReturnKind
from newsletter.feedback.returned import Returned
from newsletter.storage.audience.notices import find_notice
from newsletter.storage.audience.unsubscribe import link_holder
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import recipients, returned, signups, subscribers


@dataclass(frozen=True, slots=True)
class Addressee:
    """To whom a message was sent about which an email came back."""

    id: str
    """Of the recipient or notice."""
    delivery: str
    """Empty for a notice."""
    address: str
    """To which it was sent; empty where it is not known any more."""
    address_hash: str
    signup: str = ""
    """The sign-up that the notice answers."""


@dataclass(frozen=True, slots=True)
class ReturnedEmail:
    """One email that came back about an address."""

    at: datetime
    delivery: str
    """Empty: a notice."""
    kind: ReturnKind
    about: str
    reply: str


def addressee(connection: sa.Connection, recipient: str) -> Addressee | None:
    """Whom an id means: of a recipient, a notice, or a receipt; None if it means nobody."""
    columns = recipients.c.delivery_id, recipients.c.address, recipients.c.address_hash
    row = connection.execute(sa.select(*columns).where(recipients.c.id == recipient)).first()
    if row is not None:
        return Addressee(recipient, row.delivery_id, row.address, row.address_hash)
    notice = find_notice(connection, recipient)
    if notice is not None:
        of = subscribers, signups
        address = next((found for table in of if (found := _address(connection, table, notice.address_hash))), "")
        return Addressee(recipient, "", address, notice.address_hash, notice.signup)
    holder = link_holder(connection, recipient)
    if holder is None:
        return None
    address = _address(connection, subscribers, holder.address_hash)
    return Addressee(recipient, holder.delivery, address, holder.address_hash)


def _address(connection: sa.Connection, table: sa.Table, address_hash: str) -> str:
    query = sa.select(table.c.address).where(table.c.address_hash == address_hash, table.c.address != "")
    return connection.execute(query.limit(1)).scalar() or ""


def is_read(connection: sa.Connection, digest: str) -> bool:
    """Whether this very email was read before."""
    return connection.execute(sa.select(returned.c.digest).where(returned.c.digest == digest)).first() is not None


def add_returned(database: Database, connection: sa.Connection, one: Returned, about: Addressee, now: datetime) -> bool:
    """Store a bounce or complaint. False when this very email is stored already."""
    values = {
        "digest": one.digest, "kind": one.found.kind.value, "about": one.found.about, "at": now,
        "reply": one.found.reply if about.address else "", "recipient_id": about.id, "delivery_id": about.delivery,
        "address_hash": about.address_hash,
    }  # fmt: skip
    return connection.execute(database.insert_ignore(returned).values(**values)).rowcount == 1


def prove_arrival(connection: sa.Connection, recipient: str, now: datetime) -> bool:
    """Whatever came back about a message, it had left: one whose outcome was unknown is accepted."""
    is_unknown = recipients.c.state == RecipientState.UNKNOWN.value
    waits = recipients.c.state.in_([RecipientState.WAITING.value, RecipientState.DEFERRED.value])
    proved = sa.update(recipients).where(
        recipients.c.id == recipient, sa.or_(is_unknown, sa.and_(waits, recipients.c.in_doubt == sa.true()))
    )
    change = {"state": RecipientState.ACCEPTED.value, "reason": ACCEPTED_BY_RETURN, "settled_at": now}
    return connection.execute(proved.values(**change)).rowcount == 1


def soft_run(connection: sa.Connection, about: Addressee) -> list[datetime]:
    """When the messages to this address were accepted of which each came back as a soft bounce, without one between
    that did not; from this one backwards."""
    mine = recipients.c.address_hash == about.address_hash
    this = sa.select(recipients.c.settled_at).where(recipients.c.id == about.id).scalar_subquery()
    accepted = (
        sa.select(recipients.c.id, recipients.c.settled_at)
        .where(mine, recipients.c.state == RecipientState.ACCEPTED.value, recipients.c.settled_at <= this)
        .order_by(recipients.c.settled_at.desc())
        .limit(LONGEST_RUN)
    )
    theirs = returned.c.address_hash == about.address_hash, returned.c.kind == ReturnKind.SOFT.value
    soft = set(connection.execute(sa.select(returned.c.recipient_id).where(*theirs)).scalars())
    run: list[datetime] = []
    for row in connection.execute(accepted):
        if row.id not in soft:
            break
        run.append(row.settled_at)
    return run


def returned_of(connection: sa.Connection, address_hash: str) -> Sequence[ReturnedEmail]:
    """What came back about an address, the earliest first."""
    query = sa.select(*_LINE).where(returned.c.address_hash == address_hash).order_by(returned.c.at)
    return [_returned(row) for row in connection.execute(query)]


def read_returned_to(connection: sa.Connection, delivery: str) -> dict[str, ReturnedEmail]:
    """Recipient → the last that came back about their message of a delivery."""
    query = sa.select(returned.c.recipient_id, *_LINE).where(returned.c.delivery_id == delivery)
    return {row.recipient_id: _returned(row) for row in connection.execute(query.order_by(returned.c.at))}


def count_returned(connection: sa.Connection, delivery: str) -> list[tuple[str, str, str, int]]:
    """Provider, kind, what it is about, and about how many recipients of a delivery it came back."""
    columns = recipients.c.provider, returned.c.kind, returned.c.about
    query = (
        sa.select(*columns, sa.func.count(sa.distinct(returned.c.recipient_id)))
        .join(recipients, recipients.c.id == returned.c.recipient_id)
        .where(returned.c.delivery_id == delivery)
        .group_by(*columns)
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def returned_since(connection: sa.Connection, moment: datetime) -> dict[str, dict[ReturnKind, int]]:
    """Delivery → about how many of its recipients which kind came back, of those with news since a moment."""
    with_news = sa.select(returned.c.delivery_id).where(returned.c.at >= moment, returned.c.delivery_id != "")
    query = (
        sa.select(returned.c.delivery_id, returned.c.kind, sa.func.count(sa.distinct(returned.c.recipient_id)))
        .where(returned.c.delivery_id.in_(with_news))
        .group_by(returned.c.delivery_id, returned.c.kind)
    )
    found: dict[str, dict[ReturnKind, int]] = {}
    for delivery, kind, count in connection.execute(query):
        found.setdefault(delivery, {})[ReturnKind(kind)] = count
    return found


def erase_returned(connection: sa.Connection, address_hash: str) -> None:
    """Empty what servers said about an address."""
    connection.execute(sa.update(returned).where(returned.c.address_hash == address_hash).values(reply=""))


_LINE = returned.c.at, returned.c.delivery_id, returned.c.kind, returned.c.about, returned.c.reply


def _returned(row: sa.Row[*tuple[Any, ...]]) -> ReturnedEmail:
    return ReturnedEmail(row.at, row.delivery_id, ReturnKind(row.kind), row.about, row.reply)
