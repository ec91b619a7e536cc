"""Figures: what a monitor reads of a database: how many of what are in which state. Label values are few, never a name.

All but `attempts_made` read indexes or small tables: about 50 ms for a million recipients under way.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.sender.throttle import RELAY
from newsletter.storage.database import tables as t
from newsletter.storage.ledger.pace import read_pauses

Figure: TypeAlias = tuple[str, Mapping[str, str], float]
"""Name, labels, value."""

_UNDER_WAY = [one.value for one in DeliveryState if one.is_under_way or one.waits_for_a_person]
_OPEN = (RecipientState.WAITING.value, RecipientState.DEFERRED.value)
_RECENT = timedelta(days=1)


def read_figures(connection: sa.Connection, now: datetime) -> Iterator[Figure]:
    """Everything that is cheap to count."""
    states = dict.fromkeys((one.value for one in DeliveryState), 0)
    for state, count in _counts(connection, t.deliveries.c.state):
        states[state] = count
    yield from (("deliveries", {"state": state}, count) for state, count in states.items())
    mine = sa.select(t.deliveries.c.id).where(t.deliveries.c.state.in_(_UNDER_WAY))
    under_way = list(connection.execute(mine).scalars())
    recipients = dict.fromkeys((one.value for one in RecipientState), 0)
    for state, count in _counts(connection, t.recipients.c.state, t.recipients.c.delivery_id.in_(under_way)):
        recipients[state] = count
    yield from (("recipients", {"state": state}, count) for state, count in recipients.items())
    yield "oldest_waiting_seconds", {}, _age(_oldest(connection, now), now)
    waiting = t.notices.c.state == "waiting"
    yield "notices_waiting", {}, connection.execute(sa.select(sa.func.count()).where(waiting)).scalar_one()
    for name, column in (
        ("subscriptions", t.subscriptions.c.consent), ("suppressions", t.suppressions.c.reason),
        ("signups", t.signups.c.state), ("alerts", t.alerts.c.kind),
    ):  # fmt: skip
        yield from ((name, {column.name: value}, count) for value, count in _counts(connection, column))
    pauses = [one for one in read_pauses(connection) if one.is_on(now)]
    for kind in ("relay", "provider", "domain"):
        of = [one for one in pauses if _kind(one.share) == kind]
        halted = sum(one.until is None for one in of)
        yield "pauses", {"of": kind, "until": "time"}, len(of) - halted
        yield "pauses", {"of": kind, "until": "resumed"}, halted


def attempts_made(connection: sa.Connection, now: datetime) -> list[Figure]:
    """Attempts of the deliveries under way, and of those that finished within a day. Reads all their rows."""
    of = sa.or_(t.deliveries.c.state.in_(_UNDER_WAY), t.deliveries.c.finished_at > now - _RECENT)
    columns = t.attempts.c.outcome, t.recipients.c.provider
    query = (
        sa.select(*columns, sa.func.count())
        .join(t.recipients, t.recipients.c.id == t.attempts.c.recipient_id)
        .where(t.recipients.c.delivery_id.in_(sa.select(t.deliveries.c.id).where(of)))
        .group_by(*columns)
    )
    rows = connection.execute(query)
    return [("attempts", {"outcome": row[0] or "open", "provider": row[1]}, row[2]) for row in rows]


def _counts(connection: sa.Connection, column: sa.Column[str], *where: sa.ColumnElement[bool]) -> list[tuple[str, int]]:
    query = sa.select(column, sa.func.count()).where(*where).group_by(column).order_by(column)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _oldest(connection: sa.Connection, now: datetime) -> datetime | None:
    """Since when somebody has been due, of the deliveries that are sending."""
    sending = sa.select(t.deliveries.c.id).where(t.deliveries.c.state == DeliveryState.SENDING.value)
    found = []
    for delivery in connection.execute(sending).scalars().all():
        for state in _OPEN:  # one question each: then the index answers
            mine = t.recipients.c.delivery_id == delivery, t.recipients.c.state == state
            found.append(connection.execute(sa.select(sa.func.min(t.recipients.c.next_at)).where(*mine)).scalar())
    return min((at for at in found if at is not None and at <= now), default=None)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else round((now - since).total_seconds(), 1)


def _kind(share: str) -> str:
    return "relay" if share == RELAY else "domain" if share.startswith("@") else "provider"
