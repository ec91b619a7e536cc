"""Notices: rows written in the transaction that causes an email to one person, claimed and settled when it is sent.

A claim is a row with a later `next_at`: one whose sender died becomes due again by itself, and is sent again.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.audience.notice import Notice, NoticeKind
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import notices
from newsletter.tokens import base32

LEASE = timedelta(minutes=15)
"""Longer than a relay may take to reply: only then is a message unknown."""
_ID_BYTES = 10  # as of a recipient: a return path must hold it
_OPEN = ("waiting", "sending")


def add_notice(
    connection: sa.Connection, kind: NoticeKind, address: str, address_hash: str, language: str, now: datetime,
    *, lists: Sequence[int] = (), signup: str = "", subscriber: int | None = None,
) -> str:  # fmt: skip
    """Have an email sent; the id of its row."""
    id_ = base32(secrets.token_bytes(_ID_BYTES))
    connection.execute(
        sa.insert(notices).values(
            id=id_, kind=kind.value, signup_id=signup, subscriber_id=subscriber, address=address,
            address_hash=address_hash, language=language, list_ids=list(lists), state="waiting", created_at=now,
            next_at=now,
        )
    )  # fmt: skip
    return id_


def find_notice(connection: sa.Connection, id_: str) -> Notice | None:
    """The notice with this id."""
    row = connection.execute(sa.select(notices).where(notices.c.id == id_)).first()
    return None if row is None else _notice(row)


def claim_notices(database: Database, now: datetime, limit: int) -> list[Notice]:
    """Take notices that are due; another process gets others."""
    due = (
        sa.select(notices.c.id)
        .where(notices.c.state.in_(_OPEN), notices.c.next_at <= now, notices.c.address != "")
        .order_by(notices.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with database.write() as connection:
        ids = list(connection.execute(due).scalars())
        if ids:
            claimed = sa.update(notices).where(notices.c.id.in_(ids)).values(state="sending", next_at=now + LEASE)
            connection.execute(claimed)
        rows = connection.execute(sa.select(notices).where(notices.c.id.in_(ids)).order_by(notices.c.created_at))
        return [_notice(row) for row in rows]


def has_due(database: Database, now: datetime) -> bool:
    """Whether `claim_notices` would find any."""
    query = sa.select(notices.c.id).where(notices.c.state.in_(_OPEN), notices.c.next_at <= now).limit(1)
    with database.read() as connection:
        return connection.execute(query).first() is not None


def settle_notice(
    connection: sa.Connection, id_: str, state: str, now: datetime, *, message_id: str = "", reply: str = ""
) -> None:
    """Record the end of a notice: accepted or rejected. Its address is not needed any longer."""
    # A new address is needed until it is confirmed; `forget_notices` empties it.
    address = sa.case((notices.c.kind == NoticeKind.ADDRESS.value, notices.c.address), else_="")
    values = {"state": state, "settled_at": now, "message_id": message_id, "reply": reply, "address": address}
    connection.execute(sa.update(notices).where(notices.c.id == id_).values(attempts=notices.c.attempts + 1, **values))


def defer_notice(connection: sa.Connection, id_: str, until: datetime, reply: str, *, counts: bool) -> None:
    """Have a notice sent (again) later."""
    attempts = notices.c.attempts + int(counts)
    values = {"state": "waiting", "next_at": until, "reply": reply, "attempts": attempts}
    connection.execute(sa.update(notices).where(notices.c.id == id_).values(**values))


def forget_notices(connection: sa.Connection, before: datetime, valid_from: datetime) -> None:
    """Remove what belongs to no sign-up and was written before a moment, and addresses that can no longer be confirmed.

    A welcome belongs to its sign-up: its unsubscribe link works as long as that is kept.
    """
    late = sa.update(notices).where(notices.c.kind == NoticeKind.ADDRESS.value, notices.c.created_at < valid_from)
    connection.execute(late.values(address=""))
    connection.execute(sa.delete(notices).where(notices.c.signup_id == "", notices.c.created_at < before))


def _notice(row: sa.Row[tuple[object, ...]]) -> Notice:
    return Notice(
        id=row.id, kind=NoticeKind(row.kind), address=row.address, address_hash=row.address_hash,
        language=row.language, list_ids=tuple(row.list_ids), created_at=row.created_at, signup=row.signup_id,
        subscriber=row.subscriber_id, attempts=row.attempts, message_id=row.message_id,
    )  # fmt: skip
