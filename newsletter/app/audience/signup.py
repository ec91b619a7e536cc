"""Signing up by a form: the request, what it leads to, the confirmation, and when requests are forgotten.

The pages store a request and look nothing up, so that they do the same work for every address. `carry_out`, called by
the worker, decides what becomes of it. A sign-up is the proof of the consent it led to.
"""

import ipaddress
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.audience.address import Address, parse_address
from newsletter.audience.consent import Consent, Origin, Request, request_of
from newsletter.audience.notice import NoticeKind
from newsletter.audience.subscriber import MailingList, Subscriber
from newsletter.errors import LinkError
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience import signups
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.notices import add_notice, forget_notices
from newsletter.storage.audience.signups import ShownWords, Signup
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.audience.tallies import forget_before, spent, take
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import NOT_OURS, Purpose, Signer, keyed_hash

log = logging.getLogger("newsletter.signup")

VALID = timedelta(days=7)
"""How long a confirmation's link works; the words of the notices name it."""
HOW = "form"
"""Of consents that were given by a form; as in `Origin`."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_AT_ONCE = 200
_KEPT = timedelta(days=2)
"""Budgets that began longer ago have ended."""
_NOTICES_KEPT = timedelta(days=60)
_FLOODS = {
    "flood network": "more than {per_network} in an hour came from one network or several; the rest is not stored",
    "flood requests": "more than {per_hour} in an hour; each address gets one email a day",
    "flood emails": "more than {per_hour} emails in an hour are needed to answer them; the rest waits",
}
"""What is counted when a limit is reached, and what an operator is told."""


@dataclass(frozen=True, slots=True)
class SignupRules:
    """What limits sign-ups, and what is kept of them."""

    address_key: bytes
    """Makes the keyed hashes of addresses and networks."""
    per_network: int = 20
    """Requests of one network in an hour."""
    per_hour: int = 1000
    """Emails in an hour; what is over waits."""
    keep_network: bool = False
    pending: timedelta = timedelta(days=30)
    """How long a request that was not confirmed is kept."""
    proof_years: int = 3
    """How long the proof of an erased subscriber's consent is kept, from the end of the year."""


@dataclass(frozen=True, slots=True)
class SignupForm:
    """A form that was filled in."""

    address: Address
    lists: tuple[int, ...]
    language: str
    """Of the page."""
    words: ShownWords
    name: str = ""
    client: str = ""
    """The network address it came from; empty: not known."""


class Standing(StrEnum):
    """What a confirmation's link can do."""

    OPEN = "open"
    EXPIRED = "expired"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a confirmation's link is about; nothing that identifies the subscriber."""

    language: str
    lists: tuple[str, ...]
    standing: Standing


def open_lists(database: Database, slug: str = "") -> list[MailingList]:
    """The lists that everybody may subscribe to; of them, the one with this slug. Raises LinkError where none is."""
    with database.read() as connection:
        found = [one for one in ListStore(database, connection).all() if one.public and slug in ("", one.slug)]
    if not found:
        raise LinkError(NOT_OURS)
    return found


def request_signup(database: Database, rules: SignupRules, form: SignupForm, now: datetime) -> None:
    """Store what a form asks for. Nobody is told whether the address is known, or whether a budget is spent."""
    network = network_of(form.client)
    hashed = keyed_hash(rules.address_key, f"network {network}")

    def step(connection: Connection) -> None:
        count = take(database, connection, f"network {hashed}", _HOUR, now)
        if count > rules.per_network:
            if count == rules.per_network + 1:
                log.warning("sign-ups: more than %d in an hour from network %s; not stored", rules.per_network, hashed)
                take(database, connection, "flood network", _DAY, now)
            return
        signups.keep_words(database, connection, form.words, now)
        signups.add_signup(
            connection,
            Signup(
                address=form.address.text,
                address_hash=keyed_hash(rules.address_key, form.address.canonical),
                language=form.language,
                list_ids=form.lists,
                words=form.words.hash,
                requested_at=now,
                name=form.name,
                network=network if rules.keep_network else "",
            ),
        )

    database.write_small(step)


def network_of(client: str) -> str:
    """The network of an address: /24 of IPv4, /48 of IPv6, which one person may have all of."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False))


def budget_address(address: Address) -> str:
    """One text for all spellings by which one mailbox may be flooded: without dots, and what follows a plus."""
    local = address.canonical.rpartition("@")[0].partition("+")[0].replace(".", "")
    return f"{local}@{address.domain}"


def may_write_to(
    database: Database, connection: Connection, rules: SignupRules, what: str, address: Address, now: datetime
) -> bool:
    """Whether one more email of this kind may go to an address today; counted."""
    hashed = keyed_hash(rules.address_key, f"address {budget_address(address)}")
    if take(database, connection, f"{what} {hashed}", _DAY, now) > 1:
        return False
    take(database, connection, "emails", _HOUR, now)
    return True


def carry_out(database: Database, journal: Journal, rules: SignupRules, now: datetime) -> int:
    """Do what the stored requests ask for, and write the notices; how many were carried out."""
    with database.read() as connection:
        waiting = signups.requested(connection, _AT_ONCE)
    for done, id_ in enumerate(waiting):
        with database.write() as connection:
            signup = signups.find_signup(connection, id_, lock=True)
            if signup is None or signup.state != signups.REQUESTED:
                continue  # another process was quicker
            if not _carry_out(database, connection, journal, rules, signup, now):
                return done
    return len(waiting)


def floods(connection: Connection, rules: SignupRules, now: datetime) -> Iterator[tuple[str, str]]:
    """Which limits were reached within a day, and a sentence about each. A flood that lasts is one for a day."""
    for name, said in _FLOODS.items():
        if spent(connection, name, _DAY, now):
            limits = said.format(per_network=rules.per_network, per_hour=rules.per_hour)
            yield name, f"There is a flood of sign-ups: {limits}"


def _carry_out(
    database: Database, connection: Connection, journal: Journal, rules: SignupRules, signup: Signup, now: datetime
) -> bool:
    """False when it must wait for the budget of all emails."""
    if spent(connection, "emails", _HOUR, now) >= rules.per_hour:
        if take(database, connection, "emails wait", _HOUR, now) == 1:
            log.warning("sign-ups: %d emails in an hour; other requests wait", rules.per_hour)
            take(database, connection, "flood emails", _DAY, now)
        return False
    if take(database, connection, "requests", _HOUR, now) == rules.per_hour + 1:
        log.warning("sign-ups: more than %d requests in an hour", rules.per_hour)
        take(database, connection, "flood requests", _DAY, now)
    store = AudienceStore(database, connection)
    lists = [one for one in ListStore(database, connection).with_ids(signup.list_ids) if one.public]
    is_barred = store.suppression_of(signup.address_hash) is not None or not lists
    if is_barred or not may_write_to(database, connection, rules, "address", parse_address(signup.address), now):
        signups.end_signup(connection, signup.id)
        return True
    store.lock_audience()
    known = store.find(signup.address_hash)
    ties = {one.list: one.consent for one in store.subscriptions_of(known.id)} if known else {}
    wanted = {one: request_of(ties.get(one.slug), one.opt_in) for one in lists}
    ids = [one.id for one in lists]
    if all(answer is Request.KNOWN for answer in wanted.values()):
        signups.end_signup(connection, signup.id)
        _notify(connection, NoticeKind.ALREADY, signup, now, ids, known.id if known else None)
        return True
    who = _subscriber(store, known, signup, now)
    if Request.ASK not in wanted.values():
        _consent(database, connection, journal, signup, who, lists, words="", now=now)
        _notify(connection, NoticeKind.WELCOME_SINGLE, signup, now, ids, who)
        return True
    for one in lists:
        if one.slug not in ties:
            store.set_consent(who, one.id, Consent.PENDING, Origin(HOW, now))
    signups.set_asked(connection, signup.id, now)
    _notify(connection, NoticeKind.CONFIRMATION, signup, now, ids, None)
    return True


def _subscriber(store: AudienceStore, known: Subscriber | None, signup: Signup, now: datetime) -> int:
    """The subscriber's id; a known one stays as they are, because anybody may have filled in the form."""
    if known is not None and known.address:
        return known.id
    new = known or Subscriber(0, "", signup.address_hash)
    return store.upsert(replace(new, address=signup.address, name=signup.name, language=signup.language), now)


def _notify(
    connection: Connection, kind: NoticeKind, signup: Signup, now: datetime, lists: Sequence[int], who: int | None
) -> None:
    # An "already subscribed" belongs to no sign-up: that is gone.
    about = "" if kind is NoticeKind.ALREADY else signup.id
    add_notice(
        connection, kind, signup.address, signup.address_hash, signup.language, now,
        lists=lists, signup=about, subscriber=who,
    )  # fmt: skip


def _consent(
    database: Database, connection: Connection, journal: Journal, signup: Signup, who: int,
    lists: Sequence[MailingList], *, words: str, now: datetime,
) -> None:  # fmt: skip
    """Subscribe to lists, and say so in the journal where they had unsubscribed."""
    store = AudienceStore(database, connection)
    present = {one.list: one.consent for one in store.subscriptions_of(who)}
    for one in lists:
        if present.get(one.slug) is not Consent.CONFIRMED:
            store.set_consent(who, one.id, Consent.CONFIRMED, Origin(HOW, now, f"sign-up {signup.id}"))
        if present.get(one.slug) is Consent.UNSUBSCRIBED:
            event = Event(EventKind.RESUBSCRIBED, now, subscriber=who, data={"how": HOW, "list": one.id})
            append_event(database, connection, event)
            back = {one.slug: Consent.CONFIRMED.value}
            journal.opt_out(OptOutLine(now, HOW, "", signup.address_hash, back))
    signups.set_confirmed(connection, signup.id, now, words)


def confirmation_of(database: Database, signer: Signer, token: str, now: datetime) -> Confirmation:
    """What a confirmation's link would do; changes nothing. Raises LinkError for any other token."""
    with database.read() as connection:
        signup = _asked(connection, signer, token)
        return _confirmation(database, connection, signup, now)


def confirm_signup(
    database: Database, journal: Journal, signer: Signer, rules: SignupRules, token: str, words: ShownWords,
    now: datetime,
) -> Confirmation:  # fmt: skip
    """Subscribe to what was asked for, once; ask again by a fresh email where the link has expired.

    What it was before. Raises LinkError for any other token.
    """
    with database.write() as connection:
        signup = _asked(connection, signer, token, lock=True)
        before = _confirmation(database, connection, signup, now)
        store = AudienceStore(database, connection)
        if store.suppression_of(signup.address_hash) is not None or before.standing is Standing.CONFIRMED:
            return before
        lists = ListStore(database, connection).with_ids(signup.list_ids)
        if before.standing is Standing.EXPIRED:
            if may_write_to(database, connection, rules, "address", parse_address(signup.address), now):
                signups.set_asked(connection, signup.id, now)
                _notify(connection, NoticeKind.CONFIRMATION, signup, now, [one.id for one in lists], None)
            return before
        store.lock_audience()
        who = _subscriber(store, store.find(signup.address_hash), signup, now)
        signups.keep_words(database, connection, words, now)
        _consent(database, connection, journal, signup, who, lists, words=words.hash, now=now)
        _notify(connection, NoticeKind.WELCOME, signup, now, [one.id for one in lists], who)
        return before


def _asked(connection: Connection, signer: Signer, token: str, *, lock: bool = False) -> Signup:
    signup = signups.find_signup(connection, signer.verify(Purpose.CONFIRM, token), lock=lock)
    if signup is None or signup.state == signups.REQUESTED or signup.erased_at:
        raise LinkError(NOT_OURS)
    return signup


def _confirmation(database: Database, connection: Connection, signup: Signup, now: datetime) -> Confirmation:
    names = tuple(one.name for one in ListStore(database, connection).with_ids(signup.list_ids))
    if signup.confirmed_at:
        return Confirmation(signup.language, names, Standing.CONFIRMED)
    is_late = signup.asked_at is not None and now > signup.asked_at + VALID
    return Confirmation(signup.language, names, Standing.EXPIRED if is_late else Standing.OPEN)


def forget_signups(database: Database, rules: SignupRules, now: datetime) -> None:
    """Remove requests that were never confirmed, proofs of long erased subscribers, and budgets that have ended."""
    with database.write() as connection:
        for id_ in signups.unconfirmed_before(connection, now - rules.pending):
            signups.end_signup(connection, id_)
        # Erased in a year, kept until the end of that year and so many years: all of the years before may go.
        first_kept = now.replace(year=now.year - rules.proof_years, month=1, day=1, hour=0, minute=0, second=0)
        signups.forget_erased_before(connection, first_kept)
        forget_before(connection, now - _KEPT)
        forget_notices(connection, now - _NOTICES_KEPT, now - VALID)
