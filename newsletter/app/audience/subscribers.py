"""People: one person added, shown, unsubscribed, suppressed or erased, as the command line asks for it.

Every change is one transaction together with the event that tells of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.app.audience.lists import read_language
from newsletter.app.project import Project
from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin, added_consent, first_consent
from newsletter.audience.subscriber import MailingList, Subscriber, Subscription
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.delivery.sender.schedule import read_zone
from newsletter.errors import NotFoundError, StateError, WrongUsageError
from newsletter.feedback.event import Event, EventKind
from newsletter.reporting.wording import in_words
from newsletter.storage.audience.erasing import erase_subscriber
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore, Sent
from newsletter.storage.database.database import Connection, Database
from newsletter.tokens import keyed_hash


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """Everything that is kept of one address."""

    address: str
    """As it is kept; empty once erased."""
    subscriber: Subscriber | None
    subscriptions: Sequence[Subscription]
    suppression: Suppression | None
    sent: Sequence[Sent]


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """What an operator says of somebody they add. Empty strings mean: not known."""

    email: str
    name: str = ""
    language: str = ""
    timezone: str = ""


def show_subscriber(project: Project, database: Database, email: str) -> SubscriberRecord:
    """What is kept of an address. Raises AddressError, and NotFoundError when nothing is."""
    address, address_hash = _identify(project, email)
    with database.read() as connection:
        store = AudienceStore(database, connection)
        subscriber, suppression = store.find(address_hash), store.suppression_of(address_hash)
        kept = subscriber or suppression
        if kept is None:
            raise _nobody(address)
        return SubscriberRecord(
            address=kept.address,
            subscriber=subscriber,
            subscriptions=store.subscriptions_of(subscriber.id) if subscriber else (),
            suppression=suppression,
            sent=store.sent_to(address_hash),
        )


def add_subscriber(
    project: Project,
    database: Database,
    person: NewSubscriber,
    lists: Sequence[str],
    *,
    consent: Consent | None,
    basis: str,
    now: datetime,
) -> SubscriberRecord:
    """Put somebody on lists, or more of them on further ones. Consent defaults to what each list's way in asks for.

    Who left a list comes back only on their own word: with `consent` confirmed and a `basis` that says how they gave
    it. Raises AddressError, NotFoundError, StateError for the suppressed and for those who left.
    """
    address, address_hash = _identify(project, person.email)
    origin = Origin("command", now, basis)
    with database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()
        before, suppression = store.find(address_hash), store.suppression_of(address_hash)
        if suppression is not None:
            raise StateError(
                f"{address} is suppressed: {in_words(suppression.reason.value)}",
                hint="If they want mail again: newsletter subscribers unsuppress, then add them",
            )
        items = ListStore(database, connection).all_named(lists)
        present = {item.list: item.consent for item in store.subscriptions_of(before.id)} if before else {}
        on_their_word = bool(basis) and consent is Consent.CONFIRMED
        says = _consents(address, items, present, consent, on_their_word=on_their_word)
        described = _described(person, address, before or Subscriber(0, "", address_hash))
        subscriber = replace(described, id=store.upsert(described, now))
        for item in items:
            earlier = present.get(item.slug)
            if says[item.slug] is not earlier:
                store.set_consent(subscriber.id, item.id, says[item.slug], origin)
                if earlier is Consent.UNSUBSCRIBED:
                    _tell(database, connection, EventKind.RESUBSCRIBED, subscriber, now, list=item.id)
    return show_subscriber(project, database, person.email)


def unsubscribe_subscriber(
    project: Project, database: Database, email: str, slug: str | None, *, now: datetime
) -> list[str]:
    """Take somebody off one list, or off all of them; the slugs of those they were on. Saying it twice is harmless.

    Raises AddressError and NotFoundError for an address or a list that is not known.
    """
    address, address_hash = _identify(project, email)
    with database.write() as connection:
        store, lists = AudienceStore(database, connection), ListStore(database, connection)
        subscriber = store.find(address_hash)
        if subscriber is None:
            raise _nobody(address)
        present = {item.list: item.consent for item in store.subscriptions_of(subscriber.id)}
        left = []
        for item in [lists.named(slug)] if slug else lists.all_named(list(present)):
            if present.get(item.slug) is not Consent.UNSUBSCRIBED:
                # Also without a subscription: whoever says "never that list" must survive a later import.
                store.set_consent(subscriber.id, item.id, Consent.UNSUBSCRIBED, Origin("command", now))
                _tell(database, connection, EventKind.UNSUBSCRIBED, subscriber, now, list=item.id)
                left += [item.slug] if item.slug in present else []
    return left


def suppress_subscriber(project: Project, database: Database, email: str, note: str, *, now: datetime) -> bool:
    """Never write to an address again, known or not. False when it was suppressed already."""
    address, address_hash = _identify(project, email)
    with database.write() as connection:
        store = AudienceStore(database, connection)
        fresh = store.suppress(Suppression(address_hash, address.text, SuppressionReason.MANUAL, now, note))
        if fresh:
            _tell(database, connection, EventKind.SUPPRESSED, store.find(address_hash), now)
        return fresh


def unsuppress_subscriber(project: Project, database: Database, email: str, *, now: datetime) -> None:
    """Allow an address again; its subscriptions say what they said before. Raises NotFoundError, StateError."""
    address, address_hash = _identify(project, email)
    with database.write() as connection:
        store = AudienceStore(database, connection)
        if not store.unsuppress(address_hash):
            raise StateError(f"{address} is not suppressed") if store.find(address_hash) else _nobody(address)
        _tell(database, connection, EventKind.UNSUPPRESSED, store.find(address_hash), now)


def erase_subscriber_everywhere(project: Project, database: Database, email: str, *, now: datetime) -> None:
    """Forget who somebody was, in every table and in the files; only a keyed hash stays, so that no import brings
    them back. Raises AddressError, and NotFoundError when nothing is kept of the address."""
    address, address_hash = _identify(project, email)
    with database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()
        subscriber = store.find(address_hash)
        if subscriber is None and store.suppression_of(address_hash) is None:
            raise _nobody(address)
        erase_subscriber(connection, address_hash)
        store.unsuppress(address_hash)
        store.suppress(Suppression(address_hash, "", SuppressionReason.ERASED, now))
        _tell(database, connection, EventKind.ERASED, subscriber, now)
    database.scrub()


def _identify(project: Project, email: str) -> tuple[Address, str]:
    address = parse_address(email)
    return address, keyed_hash(project.keys.address, address.canonical)


def _nobody(address: Address) -> NotFoundError:
    return NotFoundError(f"Nobody with the address {address} is known")


def _consents(
    address: Address,
    items: Sequence[MailingList],
    present: Mapping[str, Consent],
    consent: Consent | None,
    *,
    on_their_word: bool,
) -> dict[str, Consent]:
    """What each subscription is to say. Raises StateError when somebody would be brought back without their word."""
    says = {
        item.slug: added_consent(
            present.get(item.slug), consent or first_consent(item.opt_in), on_their_word=on_their_word
        )
        for item in items
    }
    left = [slug for slug, consent in says.items() if consent is Consent.UNSUBSCRIBED]
    if left:
        raise StateError(
            f"{address} has left {', '.join(left)}",
            hint="If they asked to come back, say so: --consent confirmed --basis 'asked by mail on 3 May'",
        )
    return says


def _described(person: NewSubscriber, address: Address, known: Subscriber) -> Subscriber:
    """What was said of somebody over what was known of them. Their address stays spelt as it was."""
    tag = read_language(person.language)
    if person.timezone:
        read_zone(person.timezone)
    name = " ".join(person.name.split())
    if not name.isprintable():
        raise WrongUsageError("A name cannot hold control characters")
    return replace(
        known,
        address=known.address or address.text,
        name=name or known.name,
        language=tag or known.language,
        timezone=person.timezone or known.timezone,
    )


def _tell(
    database: Database,
    connection: Connection,
    kind: EventKind,
    person: Subscriber | None,
    now: datetime,
    **data: object,
) -> None:
    append_event(
        database,
        connection,
        Event(kind, now, subscriber=person.id if person else None, data={"how": "command", **data}),
    )
