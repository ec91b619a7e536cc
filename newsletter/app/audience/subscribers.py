"""One subscriber: add, show, unsubscribe, suppress, erase. Every change is one transaction with its event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.app.audience.lists import read_language
from newsletter.app.project import Project
from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin, added_consent, first_consent
from newsletter.audience.importing.cells import dropped, words
from newsletter.audience.subscriber import MailingList, Subscriber, Subscription, text_of
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.delivery.sender.schedule import read_zone
from newsletter.errors import NotFoundError, StateError, WrongUsageError
from newsletter.feedback.event import Event, EventKind
from newsletter.reporting.wording import in_words
from newsletter.storage.audience.erasing import erase_subscriber
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.returned import ReturnedEmail, returned_of
from newsletter.storage.audience.signups import Proof, proofs_of
from newsletter.storage.audience.statements import Note, notes_about
from newsletter.storage.audience.subscribers import AudienceStore, Sent
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import keyed_hash


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """Everything that is stored about one address."""

    address: str
    """Empty once erased."""
    subscriber: Subscriber | None
    subscriptions: Sequence[Subscription]
    suppression: Suppression | None
    sent: Sequence[Sent]
    returned: Sequence[ReturnedEmail]
    """Bounces and complaints about what was sent to them, the earliest first."""
    proofs: Sequence[Proof]
    """What they asked for by a form; what was confirmed proves the consent, also once erased."""
    notes: Sequence[Note] = ()
    """What operators wrote about them, the earliest first."""


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """A subscriber as entered by an operator. Empty strings mean: not known."""

    email: str
    name: str = ""
    language: str = ""
    timezone: str = ""


def show_subscriber(project: Project, database: Database, email: str) -> SubscriberRecord:
    """What is stored about an address. Raises AddressError, and NotFoundError when nothing is."""
    address, address_hash = _identify(project, email)
    record = record_of(database, address_hash)
    if record is None:
        raise _unknown(address)
    return record


def record_of(database: Database, address_hash: str) -> SubscriberRecord | None:
    """What is stored about the address with this keyed hash; None: nothing."""
    with database.read() as connection:
        store = AudienceStore(database, connection)
        subscriber, suppression = store.find(address_hash), store.suppression_of(address_hash)
        kept = subscriber or suppression
        names = {one.id: one.name for one in ListStore(database, connection).all()}
        proofs = proofs_of(connection, address_hash, names)
        if kept is None and not proofs:
            return None
        return SubscriberRecord(
            address=kept.address if kept else "",
            subscriber=subscriber,
            subscriptions=store.subscriptions_of(subscriber.id) if subscriber else (),
            suppression=suppression,
            sent=store.sent_to(address_hash),
            returned=returned_of(connection, address_hash),
            proofs=proofs,
            notes=notes_about(connection, subscriber.id) if subscriber else (),
        )


def add_subscriber(
    project: Project,
    database: Database,
    new: NewSubscriber,
    lists: Sequence[str],
    *,
    consent: Consent | None,
    basis: str,
    now: datetime,
) -> SubscriberRecord:
    """Subscribe a new or known subscriber to lists. The default consent is that of each list's opt-in.

    An unsubscribed one is subscribed again only with `consent` confirmed and a `basis`. Raises AddressError,
    NotFoundError, StateError for suppressed and unsubscribed subscribers.
    """
    address, address_hash = _identify(project, new.email)
    basis = words(basis)
    origin = Origin("command", now, basis)
    with project.journal(database) as journal, database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()
        before, suppression = store.find(address_hash), store.suppression_of(address_hash)
        if suppression is not None:
            raise StateError(
                f"{address} is suppressed: {in_words(suppression.reason.value)}",
                hint="If they want email again: newsletter subscribers unsuppress, then add them",
            )
        items = ListStore(database, connection).all_named(lists)
        present = {item.list: item.consent for item in store.subscriptions_of(before.id)} if before else {}
        on_their_word = bool(basis) and consent is Consent.CONFIRMED
        wanted = _consents(address, items, present, consent, on_their_word=on_their_word)
        described = _described(new, address, before or Subscriber(0, "", address_hash))
        subscriber = replace(described, id=store.upsert(described, now))
        for item in items:
            earlier = present.get(item.slug)
            if wanted[item.slug] is not earlier:
                store.set_consent(subscriber.id, item.id, wanted[item.slug], origin)
                if earlier is Consent.UNSUBSCRIBED:
                    journal.opt_out(_word(address_hash, now, lists={item.slug: wanted[item.slug].value}))
                    _append(database, connection, EventKind.RESUBSCRIBED, subscriber, now, list=item.id)
    return show_subscriber(project, database, new.email)


def unsubscribe_subscriber(
    project: Project, database: Database, email: str, slug: str | None, *, now: datetime
) -> list[str]:
    """Unsubscribe from one list or from all; the slugs of those that ended.

    Raises AddressError, and NotFoundError for an unknown address or list.
    """
    address, address_hash = _identify(project, email)
    with project.journal(database) as journal, database.write() as connection:
        store, lists = AudienceStore(database, connection), ListStore(database, connection)
        subscriber = store.find(address_hash)
        if subscriber is None:
            raise _unknown(address)
        present = {item.list: item.consent for item in store.subscriptions_of(subscriber.id)}
        ended, left = [], []
        for item in [lists.named(slug)] if slug else lists.all_named(list(present)):
            if present.get(item.slug) is not Consent.UNSUBSCRIBED:
                # Also without a subscription: a later import must not subscribe them to this list.
                store.set_consent(subscriber.id, item.id, Consent.UNSUBSCRIBED, Origin("command", now))
                _append(database, connection, EventKind.UNSUBSCRIBED, subscriber, now, list=item.id)
                left.append(item.slug)
                ended += [item.slug] if item.slug in present else []
        if left:
            journal.opt_out(_word(address_hash, now, lists=dict.fromkeys(left, Consent.UNSUBSCRIBED.value)))
    return ended


def tag_subscriber(
    project: Project, database: Database, email: str, tags: Sequence[str], *, remove: bool = False, now: datetime
) -> list[str]:
    """Add tags to a subscriber, or take them away; the tags they have then. A tag is one of the list `tags` among the
    attributes.

    Raises AddressError, NotFoundError for an unknown address, WrongUsageError for a tag that cannot be seen, and
    StateError where the attribute `tags` is no list.
    """
    address, address_hash = _identify(project, email)
    if unclear := [tag for tag in tags if words(tag) != tag or not tag]:
        hint = "A tag has no invisible characters and no blanks around it"
        raise WrongUsageError(f"{unclear[0]!r} is no tag", hint=hint)
    with database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()
        subscriber = store.find(address_hash)
        if subscriber is None or not subscriber.address:
            raise _unknown(address)
        present = subscriber.attributes.get("tags", [])
        if not isinstance(present, list):
            raise StateError(f"The attribute tags of {address} is {text_of(present)!r}, not a list")
        kept = [tag for tag in present if not (remove and tag in tags)]
        wanted = kept if remove else [*present, *(tag for tag in dict.fromkeys(tags) if tag not in present)]
        others = {name: value for name, value in subscriber.attributes.items() if name != "tags"}
        store.upsert(replace(subscriber, attributes=others | ({"tags": wanted} if wanted else {})), now)
    return [str(tag) for tag in wanted]


def suppress_subscriber(project: Project, database: Database, email: str, note: str, *, now: datetime) -> bool:
    """Suppress an address, known or not. False when it was suppressed already."""
    address, address_hash = _identify(project, email)
    with project.journal(database) as journal, database.write() as connection:
        store = AudienceStore(database, connection)
        fresh = store.suppress(Suppression(address_hash, address.text, SuppressionReason.MANUAL, now, words(note)))
        if fresh:
            _append(database, connection, EventKind.SUPPRESSED, store.find(address_hash), now)
            journal.opt_out(_word(address_hash, now, suppression=SuppressionReason.MANUAL.value))
        return fresh


def unsuppress_subscriber(project: Project, database: Database, email: str, *, now: datetime) -> None:
    """End a suppression; subscriptions do not change. Raises NotFoundError, StateError."""
    address, address_hash = _identify(project, email)
    with project.journal(database) as journal, database.write() as connection:
        store = AudienceStore(database, connection)
        if not store.unsuppress(address_hash):
            raise StateError(f"{address} is not suppressed") if store.find(address_hash) else _unknown(address)
        _append(database, connection, EventKind.UNSUPPRESSED, store.find(address_hash), now)
        journal.opt_out(_word(address_hash, now, suppression=""))


def erase_subscriber_everywhere(project: Project, database: Database, email: str, *, now: datetime) -> None:
    """Remove all that identifies a subscriber from every table and file; a keyed hash stays, against re-import.

    Raises AddressError, and NotFoundError when nothing is stored about the address.
    """
    address, address_hash = _identify(project, email)
    with project.journal(database) as journal:
        if not erase_by_hash(database, journal, address_hash, now=now):
            raise _unknown(address)


def erase_by_hash(database: Database, journal: Journal, address_hash: str, *, now: datetime) -> bool:
    """The same for the keyed hash of an address. False when nothing is stored about it."""
    with database.write() as connection:
        store = AudienceStore(database, connection)
        store.lock_audience()
        subscriber = store.find(address_hash)
        kept = subscriber or store.suppression_of(address_hash) or proofs_of(connection, address_hash, {})
        if not kept:
            return False
        erase_subscriber(connection, address_hash, now)
        store.unsuppress(address_hash)
        store.suppress(Suppression(address_hash, "", SuppressionReason.ERASED, now))
        _append(database, connection, EventKind.ERASED, subscriber, now)
        journal.opt_out(_word(address_hash, now, suppression=SuppressionReason.ERASED.value))
    database.scrub()
    return True


def _word(
    address_hash: str, now: datetime, *, lists: Mapping[str, str] | None = None, suppression: str | None = None
) -> OptOutLine:
    """For the journal, before the change is committed: it must not be lost with this database."""
    return OptOutLine(now, "command", "", address_hash, lists or {}, suppression)


def _identify(project: Project, email: str) -> tuple[Address, str]:
    address = parse_address(email)
    return address, keyed_hash(project.keys.address, address.canonical)


def _unknown(address: Address) -> NotFoundError:
    return NotFoundError(f"The address {address} is not known")


def _consents(
    address: Address,
    items: Sequence[MailingList],
    present: Mapping[str, Consent],
    consent: Consent | None,
    *,
    on_their_word: bool,
) -> dict[str, Consent]:
    """The consent for each list. Raises StateError for lists that they unsubscribed from and did not ask for again."""
    wanted: dict[str, Consent] = {}
    for item in items:
        default = consent or first_consent(item.opt_in)
        wanted[item.slug] = added_consent(present.get(item.slug), default, on_their_word=on_their_word)
    ended = [slug for slug, consent in wanted.items() if consent is Consent.UNSUBSCRIBED]
    if ended:
        raise StateError(
            f"{address} has unsubscribed from {', '.join(ended)}",
            hint="If they asked to subscribe again, record it: --consent confirmed --basis 'asked by email on 3 May'",
        )
    return wanted


def _described(new: NewSubscriber, address: Address, known: Subscriber) -> Subscriber:
    """The new values over the known ones. The spelling of the address stays."""
    tag = read_language(new.language)
    if new.timezone:
        read_zone(new.timezone)
    name = " ".join(new.name.split())
    if words(name) != name:
        raise WrongUsageError(f"The name has invisible characters: {', '.join(dropped(name))}")
    return replace(
        known,
        address=known.address or address.text,
        name=name or known.name,
        language=tag or known.language,
        timezone=new.timezone or known.timezone,
    )


def _append(
    database: Database,
    connection: Connection,
    kind: EventKind,
    subscriber: Subscriber | None,
    now: datetime,
    **data: object,
) -> None:
    event = Event(kind, now, subscriber=subscriber.id if subscriber else None, data={"how": "command", **data})
    append_event(database, connection, event)
