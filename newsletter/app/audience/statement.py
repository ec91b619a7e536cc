"""Statement: one page of all that happened to one address. It shows what this database holds; it is not signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.app.audience.subscribers import SubscriberRecord, show_subscriber
from newsletter.app.project import Project
from newsletter.audience.address import parse_address
from newsletter.storage.audience.statements import RecordedEvent, SentMessage, events_about, messages_to
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of one address at one moment."""

    made_at: datetime
    newsletter: str
    asked: str
    """The address that was asked about."""
    record: SubscriberRecord
    messages: Sequence[SentMessage]
    """The latest first."""
    events: Sequence[RecordedEvent]
    """The earliest first."""


def statement_of(project: Project, database: Database, email: str, *, now: datetime) -> Statement:
    """The statement about an address. Raises AddressError, and NotFoundError when nothing is stored about it."""
    record = show_subscriber(project, database, email)
    address = parse_address(email)
    with database.read() as connection:
        messages = messages_to(connection, keyed_hash(project.keys.address, address.canonical))
        events = events_about(connection, record.subscriber.id) if record.subscriber else []
    return Statement(now, project.identity.newsletter, address.text, record, messages, events)
