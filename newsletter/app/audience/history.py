"""History: what happened with one address, in one list; and the notes that operators add to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from newsletter.app.audience.subscribers import SubscriberRecord, show_subscriber
from newsletter.app.project import Project
from newsletter.audience.address import parse_address
from newsletter.audience.importing.cells import words
from newsletter.errors import NotFoundError, WrongUsageError
from newsletter.feedback.event import Event, EventKind
from newsletter.reporting.wording import in_words
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.statements import RecordedEvent, events_about, notes_about
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash

_LONGEST = 2000
"""Characters of a note."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a history."""

    at: datetime
    what: str
    about: str = ""
    """The list, issue, evidence or text."""


def add_note(project: Project, database: Database, email: str, text: str, by: str, *, now: datetime) -> int:
    """Add a note about a subscriber; how many there are. Raises AddressError, NotFoundError and WrongUsageError."""
    address, text = parse_address(email), words(text)
    if not text or len(text) > _LONGEST:
        raise WrongUsageError(f"A note has 1 to {_LONGEST} characters; this one has {len(text)}")
    with database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()  # else one could be added to a subscriber who is erased at this moment
        who = store.find(keyed_hash(project.keys.address, address.canonical))
        if who is None or not who.address:
            raise NotFoundError(f"The address {address} is no subscriber's")
        data = {"text": text, "by": words(by)}
        append_event(database, connection, Event(EventKind.NOTE, now, subscriber=who.id, data=data))
        return len(notes_about(connection, who.id))


def history_of(project: Project, database: Database, email: str) -> list[Happening]:
    """What happened with an address, the earliest first. Raises AddressError and NotFoundError."""
    record = show_subscriber(project, database, email)
    with database.read() as connection:
        events = events_about(connection, record.subscriber.id) if record.subscriber else []
    return sorted(_happenings(record, events), key=lambda one: one.at)


def _happenings(record: SubscriberRecord, events: list[RecordedEvent]) -> Iterator[Happening]:
    for proof in record.proofs:
        yield Happening(proof.signup.requested_at, "signed up by the form", ", ".join(proof.lists))
        if proof.signup.confirmed_at:
            yield Happening(proof.signup.confirmed_at, "confirmed the sign-up", ", ".join(proof.lists))
    for tie in record.subscriptions:
        evidence = ", ".join(filter(None, (tie.how, tie.basis)))
        yield Happening(tie.since, f"{tie.consent.value}: {tie.list}", evidence)
    told = {tie.since for tie in record.subscriptions}
    if record.suppression:
        told.add(record.suppression.since)
        note = ": ".join(filter(None, (in_words(record.suppression.reason.value), record.suppression.note)))
        yield Happening(record.suppression.since, "suppressed", note)
    for event in events:
        if event.at not in told:  # what it led to is there, with the evidence
            yield Happening(event.at, event.kind, event.delivery or "")
    for sent in record.sent:
        if sent.at:
            yield Happening(sent.at, f"{sent.state}: {sent.issue}", f"delivery {sent.delivery}")
    for back in record.returned:
        yield Happening(back.at, f"came back: {back.kind.value}", ", ".join(filter(None, (back.about, back.reply))))
    for one in record.notes:
        yield Happening(one.at, f"note by {one.by}" if one.by else "note", one.text)
