"""Preferences: what a subscriber changes by the links of an email, and by a link that is mailed to them afresh.

An email's own link, which may have been forwarded, pauses and has a fresh link mailed, and shows nothing about them.
The fresh link opens their own page for a day.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.app.audience.lists import read_language
from newsletter.app.audience.signup import VALID, SignupRules, may_write_to
from newsletter.app.audience.subscribers import SubscriberRecord, erase_by_hash, record_of
from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin
from newsletter.audience.notice import Notice, NoticeKind
from newsletter.audience.subscriber import Subscriber
from newsletter.delivery.sender.schedule import read_zone
from newsletter.errors import DatabaseBusyError, LinkError
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.notices import add_notice, find_notice
from newsletter.storage.audience.preferences import paused_until, set_address, set_pause, subscriber_with
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.audience.tallies import take
from newsletter.storage.audience.unsubscribe import link_holder
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import NOT_OURS, Purpose, Signer, keyed_hash

log = logging.getLogger("newsletter.preferences")

LINK_VALID = timedelta(hours=24)
"""How long a link to one's own page works; the words of the notice name it."""
PAUSE = timedelta(weeks=4)
_MOVES = 3
"""How many new addresses one subscriber may name in a day."""
_HOW = "page"


@dataclass(frozen=True, slots=True)
class OwnPage:
    """What a subscriber sees of themselves."""

    subscriber: Subscriber
    lists: tuple[tuple[str, str, bool], ...]
    """Slug, name, and whether they get it."""
    is_paused: bool


def pause(database: Database, signer: Signer, token: str, now: datetime, *, resume: bool = False) -> str:
    """Pause for four weeks, or end that, by the unsubscribe link of an email; its language. Raises LinkError."""
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)

    def step(connection: Connection) -> str:
        holder = link_holder(connection, recipient)
        if holder is None:
            raise LinkError(NOT_OURS)
        _pause(database, connection, holder.subscriber, now, resume=resume)
        return holder.language

    return database.write_small(step)


def _pause(database: Database, connection: Connection, who: int, now: datetime, *, resume: bool) -> None:
    if not who or resume is (paused_until(connection, who, now) is None):
        return
    set_pause(connection, who, None if resume else now + PAUSE, now)
    kind = EventKind.RESUMED if resume else EventKind.PAUSED
    append_event(database, connection, Event(kind, now, subscriber=who, data={"how": _HOW}))


def request_link(database: Database, signer: Signer, rules: SignupRules, token: str, now: datetime) -> str:
    """Mail a fresh link to the subscriber to whom an email went, once a day; its language. Raises LinkError."""
    recipient = signer.verify(Purpose.UNSUBSCRIBE, token)

    def step(connection: Connection) -> str:
        holder = link_holder(connection, recipient)
        if holder is None:
            raise LinkError(NOT_OURS)
        who = subscriber_with(database, connection, holder.subscriber)
        if who is not None and _may_reach(database, connection, rules, "link", who.address, who.address_hash, now):
            language = who.language or holder.language
            add_notice(connection, NoticeKind.LINK, who.address, who.address_hash, language, now, subscriber=who.id)
        return holder.language

    return database.write_small(step)


def _may_reach(
    database: Database, connection: Connection, rules: SignupRules, what: str, address: str, hashed: str, now: datetime
) -> bool:
    is_barred = AudienceStore(database, connection).suppression_of(hashed) is not None
    return may_write_to(database, connection, rules, what, parse_address(address), now) and not is_barred


def own_page(database: Database, signer: Signer, token: str, now: datetime) -> OwnPage:
    """What a fresh link shows. Raises LinkError for any other token, and for one that has expired."""
    with database.read() as connection:
        who = _owner(database, connection, signer, token, now)
        ties = _ties(database, connection, who)
        every = ListStore(database, connection).all()
        offered = [one for one in every if one.public or ties.get(one.slug) is Consent.CONFIRMED]
        shown = tuple((one.slug, one.name, ties.get(one.slug) is Consent.CONFIRMED) for one in offered)
        return OwnPage(who, shown, paused_until(connection, who.id, now) is not None)


def _owner(database: Database, connection: Connection, signer: Signer, token: str, now: datetime) -> Subscriber:
    notice = find_notice(connection, signer.verify(Purpose.OWN, token))
    is_open = notice is not None and notice.kind is NoticeKind.LINK and now <= notice.created_at + LINK_VALID
    who = subscriber_with(database, connection, notice.subscriber) if is_open and notice and notice.subscriber else None
    if who is None:
        raise LinkError(NOT_OURS)
    return who


def _ties(database: Database, connection: Connection, who: Subscriber) -> dict[str, Consent]:
    return {one.list: one.consent for one in AudienceStore(database, connection).subscriptions_of(who.id)}


def change_preferences(
    database: Database, journal: Journal, signer: Signer, token: str, chosen: Sequence[str], language: str,
    timezone: str, now: datetime,
) -> None:  # fmt: skip
    """Get these lists and no others of those that the page offers. Raises LinkError, WrongUsageError."""
    tag = read_language(language)
    if timezone:
        read_zone(timezone)
    offered = own_page(database, signer, token, now).lists
    with database.write() as connection:
        who = _owner(database, connection, signer, token, now)
        store, ties = AudienceStore(database, connection), _ties(database, connection, who)
        store.upsert(replace(who, language=tag, timezone=timezone), now)
        for one in ListStore(database, connection).all_named([slug for slug, _, _ in offered]):
            before = ties.get(one.slug)
            wanted = Consent.CONFIRMED if one.slug in chosen else Consent.UNSUBSCRIBED
            if before is wanted or (before is None and wanted is Consent.UNSUBSCRIBED):
                continue
            store.set_consent(who.id, one.id, wanted, Origin(_HOW, now, "on their own page"))
            if Consent.UNSUBSCRIBED in (before, wanted):
                kind = EventKind.UNSUBSCRIBED if wanted is Consent.UNSUBSCRIBED else EventKind.RESUBSCRIBED
                data = {"how": _HOW, "list": one.id}
                append_event(database, connection, Event(kind, now, subscriber=who.id, data=data))
                journal.opt_out(OptOutLine(now, _HOW, "", who.address_hash, {one.slug: wanted.value}))


def pause_own(database: Database, signer: Signer, token: str, now: datetime, *, resume: bool) -> None:
    """Pause for four weeks, or end that, on one's own page. Raises LinkError."""

    def step(connection: Connection) -> None:
        _pause(database, connection, _owner(database, connection, signer, token, now).id, now, resume=resume)

    database.write_small(step)


def own_record(database: Database, signer: Signer, token: str, now: datetime) -> SubscriberRecord:
    """Everything that is stored about the owner of a fresh link. Raises LinkError."""
    with database.read() as connection:
        who = _owner(database, connection, signer, token, now)
    record = record_of(database, who.address_hash)
    if record is None:
        raise LinkError(NOT_OURS)
    return record


def erase_own(database: Database, journal: Journal, signer: Signer, token: str, now: datetime) -> None:
    """Erase the owner of a fresh link. Raises LinkError."""
    with database.read() as connection:
        who = _owner(database, connection, signer, token, now)
    try:
        erase_by_hash(database, journal, who.address_hash, now=now)
    except DatabaseBusyError as error:  # erased, but the file was read all the time
        log.warning("somebody erased themselves; %s", error)


def request_address(
    database: Database, signer: Signer, rules: SignupRules, token: str, address: Address, now: datetime
) -> None:
    """Ask the owner of a new address to confirm it. Nobody is told whether it is known. Raises LinkError."""
    hashed = keyed_hash(rules.address_key, address.canonical)
    with database.write() as connection:
        who = _owner(database, connection, signer, token, now)
        is_free = AudienceStore(database, connection).find(hashed) is None
        if take(database, connection, f"moves {who.id}", timedelta(days=1), now) > _MOVES:
            return  # else one subscriber could have emails sent to many strangers
        if _may_reach(database, connection, rules, "address", address.text, hashed, now) and is_free:
            add_notice(connection, NoticeKind.ADDRESS, address.text, hashed, who.language, now, subscriber=who.id)


def address_language(database: Database, signer: Signer, token: str, now: datetime) -> str:
    """The language of a change of address; changes nothing. Raises LinkError."""
    with database.read() as connection:
        return _address_notice(connection, signer, token, now).language


def change_address(
    database: Database, journal: Journal, signer: Signer, rules: SignupRules, token: str, now: datetime
) -> bool:
    """Give the subscriber the address that was confirmed; False where that is no longer possible. Raises LinkError.

    What they unsubscribed from goes into the journal under the new address too.
    """
    with database.write() as connection:
        notice = _address_notice(connection, signer, token, now)
        store = AudienceStore(database, connection)
        store.lock_audience()
        address = parse_address(notice.address)
        hashed = keyed_hash(rules.address_key, address.canonical)
        who = subscriber_with(database, connection, notice.subscriber or 0)
        if who is not None and who.address_hash == hashed:
            return True
        if who is None or store.find(hashed) is not None or store.suppression_of(hashed) is not None:
            return False
        left = [slug for slug, consent in _ties(database, connection, who).items() if consent is Consent.UNSUBSCRIBED]
        if left:
            gone = dict.fromkeys(left, Consent.UNSUBSCRIBED.value)
            journal.opt_out(OptOutLine(now, _HOW, "", hashed, gone))
        set_address(database, connection, who.id, address.text, hashed, now)
        append_event(database, connection, Event(EventKind.READDRESSED, now, subscriber=who.id, data={"how": _HOW}))
        return True


def _address_notice(connection: Connection, signer: Signer, token: str, now: datetime) -> Notice:
    notice = find_notice(connection, signer.verify(Purpose.ADDRESS, token))
    is_open = notice is not None and notice.kind is NoticeKind.ADDRESS and now <= notice.created_at + VALID
    if notice is None or not is_open or not notice.address:
        raise LinkError(NOT_OURS)
    return notice
