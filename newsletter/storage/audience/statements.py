"""Statements: what the ledger and the record of events hold about one address."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from newsletter.feedback.event import EventKind
from newsletter.storage.database.tables import editions, events, recipients, subscribers


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One issue as it was sent to one address, or why it was not. Empty strings mean: not known, or never sent."""

    delivery: str
    issue: str
    language: str
    """Of the edition."""
    hash: str
    """The edition's content hash."""
    state: str
    reason: str
    message_id: str
    sha256: str
    """Of the bytes that were last permitted to be sent."""
    reply: str
    """The relay's."""
    dated_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One line of the record about a subscriber."""

    kind: str
    at: datetime
    delivery: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What an operator wrote about a subscriber."""

    at: datetime
    by: str
    text: str


def messages_to(connection: sa.Connection, address_hash: str) -> list[SentMessage]:
    """Every issue that was to go to an address, the latest first."""
    query = (
        sa.select(
            recipients.c.delivery_id, recipients.c.issue, recipients.c.language, editions.c.hash, recipients.c.state,
            recipients.c.reason, recipients.c.message_id, recipients.c.sha256, recipients.c.reply,
            recipients.c.dated_at, recipients.c.settled_at,
        )
        .join(
            editions,
            (editions.c.delivery_id == recipients.c.delivery_id) & (editions.c.language == recipients.c.language),
        )
        .where(recipients.c.address_hash == address_hash)
        .order_by(recipients.c.eligible_at.desc(), recipients.c.id)
    )  # fmt: skip
    return [SentMessage(*row) for row in connection.execute(query)]


def events_about(connection: sa.Connection, subscriber: int) -> list[RecordedEvent]:
    """What is recorded about a subscriber, the earliest first; `notes_about` has the notes."""
    query = (
        sa.select(events.c.kind, events.c.at, events.c.delivery_id)
        .where(events.c.subscriber_id == subscriber, events.c.kind != EventKind.NOTE.value)
        .order_by(events.c.at, events.c.id)
    )
    return [RecordedEvent(*row) for row in connection.execute(query)]


def notes_about(connection: sa.Connection, subscriber: int) -> list[Note]:
    """What operators wrote about a subscriber, the earliest first."""
    theirs = events.c.subscriber_id == subscriber, events.c.kind == EventKind.NOTE.value
    query = sa.select(events.c.at, events.c.data).where(*theirs).order_by(events.c.at, events.c.id)
    return [Note(at, data["by"], data["text"]) for at, data in connection.execute(query)]


def erase_notes(connection: sa.Connection, address_hash: str) -> None:
    """Remove what operators wrote about the subscriber with this address."""
    who = sa.select(subscribers.c.id).where(subscribers.c.address_hash == address_hash)
    connection.execute(sa.delete(events).where(events.c.subscriber_id.in_(who), events.c.kind == EventKind.NOTE.value))
