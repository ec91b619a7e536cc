"""Sign-ups: what was asked for by a form, from the request to the proof of a consent, and the words that were shown."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import Instant, events, notices, recipients, shown_words, signups, subscribers
from newsletter.storage.database.tables import subscriptions as ties
from newsletter.tokens import base32, keyed_hash

REQUESTED, ASKED, CONFIRMED = "requested", "asked", "confirmed"
_ID_BYTES = 15


@dataclass(frozen=True, slots=True)
class ShownWords:
    """What a form or a button said to somebody, exactly."""

    language: str
    text: str

    @property
    def hash(self) -> str:
        """Identifies these words."""
        return keyed_hash(b"shown words", f"{self.language}\n{self.text}")


@dataclass(frozen=True, slots=True)
class Signup:
    """One request to be subscribed. Empty strings mean: not known."""

    address: str
    address_hash: str
    language: str
    list_ids: tuple[int, ...]
    words: str
    """Hash of the words that the form showed."""
    requested_at: datetime
    name: str = ""
    network: str = ""
    id: str = ""
    state: str = REQUESTED
    asked_at: datetime | None = None
    confirmed_at: datetime | None = None
    confirmed_words: str = ""
    """Hash of the words of the page with the button; empty where nothing had to be confirmed."""
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A sign-up with the words of both moments and the confirmation's Message-ID."""

    signup: Signup
    lists: tuple[str, ...]
    words: str
    confirmed_words: str
    message_id: str


def keep_words(database: Database, connection: sa.Connection, words: ShownWords, now: datetime) -> None:
    """Store words once."""
    values = {"hash": words.hash, "language": words.language, "text": words.text, "since": now}
    connection.execute(database.insert_ignore(shown_words).values(**values))


def add_signup(connection: sa.Connection, signup: Signup) -> None:
    """Store a request."""
    id_ = base32(secrets.token_bytes(_ID_BYTES))
    connection.execute(
        sa.insert(signups).values(
            id=id_, state=REQUESTED, address=signup.address, address_hash=signup.address_hash, name=signup.name,
            language=signup.language, list_ids=list(signup.list_ids), words=signup.words, network=signup.network,
            requested_at=signup.requested_at,
        )
    )  # fmt: skip


def find_signup(connection: sa.Connection, id_: str, *, lock: bool = False) -> Signup | None:
    """The sign-up with this id. `lock` keeps others from changing it until the transaction ends."""
    query = sa.select(signups).where(signups.c.id == id_)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _signup(row)


def requested(connection: sa.Connection, limit: int) -> list[str]:
    """The ids of requests that are to be carried out, the oldest first."""
    query = sa.select(signups.c.id).where(signups.c.state == REQUESTED).order_by(signups.c.requested_at).limit(limit)
    return list(connection.execute(query).scalars())


def set_asked(connection: sa.Connection, id_: str, now: datetime) -> None:
    """Record that a confirmation was asked for."""
    connection.execute(sa.update(signups).where(signups.c.id == id_).values(state=ASKED, asked_at=now))


def set_confirmed(connection: sa.Connection, id_: str, now: datetime, words: str) -> None:
    """Record a consent, with the hash of the words of the button."""
    values = {"state": CONFIRMED, "confirmed_at": now, "confirmed_words": words}
    connection.execute(sa.update(signups).where(signups.c.id == id_).values(**values))


def end_signup(connection: sa.Connection, id_: str) -> None:
    """Remove a request that was not confirmed, with its pending subscriptions.

    A subscriber of whom nothing else is known goes too.
    """
    row = connection.execute(sa.select(signups).where(signups.c.id == id_, signups.c.state != CONFIRMED)).first()
    if row is None:
        return
    connection.execute(sa.delete(notices).where(notices.c.signup_id == id_))
    connection.execute(sa.delete(signups).where(signups.c.id == id_))
    others = sa.select(signups.c.id).where(signups.c.address_hash == row.address_hash)
    if connection.execute(others.limit(1)).first() is not None:
        return
    who = sa.select(subscribers.c.id).where(subscribers.c.address_hash == row.address_hash).scalar_subquery()
    asked = ties.c.how == "form", ties.c.consent == Consent.PENDING.value
    connection.execute(sa.delete(ties).where(ties.c.subscriber_id == who, *asked))
    kept = [sa.exists().where(one.c.subscriber_id == subscribers.c.id) for one in (ties, recipients, events, notices)]
    unknown = sa.delete(subscribers).where(subscribers.c.address_hash == row.address_hash, *(~one for one in kept))
    connection.execute(unknown)


def unconfirmed_before(connection: sa.Connection, moment: datetime) -> list[str]:
    """The ids of requests that were never confirmed."""
    query = sa.select(signups.c.id).where(signups.c.state != CONFIRMED, signups.c.requested_at < moment)
    return list(connection.execute(query.limit(1000)).scalars())


def forget_erased_before(connection: sa.Connection, moment: datetime) -> None:
    """Remove the proofs of those who were erased before a moment."""
    old = sa.select(signups.c.id).where(signups.c.erased_at < moment)
    connection.execute(sa.delete(notices).where(notices.c.signup_id.in_(old)))
    connection.execute(sa.delete(signups).where(signups.c.erased_at < moment))


def proofs_of(connection: sa.Connection, address_hash: str, list_names: dict[int, str]) -> list[Proof]:
    """Every consent that was given by a form, the oldest first; also of somebody erased."""
    query = sa.select(signups).where(signups.c.address_hash == address_hash).order_by(signups.c.requested_at)
    found = []
    for row in connection.execute(query).all():
        signup = _signup(row)
        texts = dict(
            connection.execute(
                sa.select(shown_words.c.hash, shown_words.c.text).where(
                    shown_words.c.hash.in_([signup.words, signup.confirmed_words])
                )
            ).all()
        )
        message = sa.select(notices.c.message_id).where(
            notices.c.signup_id == signup.id, notices.c.kind == "confirmation", notices.c.message_id != ""
        )
        found.append(
            Proof(
                signup=replace(signup, address=""),
                lists=tuple(list_names.get(one, str(one)) for one in signup.list_ids),
                words=texts.get(signup.words, ""),
                confirmed_words=texts.get(signup.confirmed_words, ""),
                message_id=connection.execute(message.order_by(notices.c.created_at.desc()).limit(1)).scalar() or "",
            )
        )
    return found


def erase_signups(connection: sa.Connection, address_hash: str, now: datetime) -> None:
    """Keep of each consent the least that proves it; requests that were not confirmed go."""
    theirs = signups.c.address_hash == address_hash
    mine = notices.c.address_hash == address_hash
    connection.execute(sa.delete(signups).where(theirs, signups.c.state != CONFIRMED))
    since = sa.func.coalesce(signups.c.erased_at, sa.literal(now, Instant))  # erased again, kept no longer
    connection.execute(sa.update(signups).where(theirs).values(address="", name="", network="", erased_at=since))
    connection.execute(sa.update(notices).where(mine).values(address="", reply=""))
    connection.execute(sa.update(notices).where(mine, notices.c.settled_at.is_(None)).values(state="rejected"))


def _signup(row: sa.Row[tuple[Any, ...]]) -> Signup:
    return Signup(
        id=row.id, state=row.state, address=row.address, address_hash=row.address_hash, name=row.name,
        language=row.language, list_ids=tuple(row.list_ids), words=row.words, network=row.network,
        requested_at=row.requested_at, asked_at=row.asked_at, confirmed_at=row.confirmed_at,
        confirmed_words=row.confirmed_words, erased_at=row.erased_at,
    )  # fmt: skip
