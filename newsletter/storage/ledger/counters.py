"""Counters: how many rows of a delivery are in which state and why. Cheap: an index, or so many rows and no more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import HELD, Recipient, RecipientState
from newsletter.delivery.sender.throttle import RELAY
from newsletter.storage.database.tables import attempts, recipients
from newsletter.storage.ledger.deliveries import list_slugs, recipient_of
from newsletter.storage.ledger.pace import outside, read_pauses

FEW = 500
"""Rows of a state that may be read at a look."""

_DOT = ("unknown", "accepted")
"""Outcomes of attempts that arrived, or may have."""


def count_states(connection: sa.Connection, delivery: str) -> dict[RecipientState, int]:
    """The rows of a delivery by state. Reads an index alone: about 5 ms for 100,000 rows, 50 ms for a million."""
    state = recipients.c.state
    query = sa.select(state, sa.func.count()).where(recipients.c.delivery_id == delivery).group_by(state)
    return {RecipientState(name): count for name, count in connection.execute(query)}


def read_next(connection: sa.Connection, delivery: str, without: Iterable[str] = ()) -> datetime | None:
    """When the next recipient of a delivery, apart from these shares, may be sent to; None when nobody is left, or
    somebody is being sent to."""
    mine, state = recipients.c.delivery_id == delivery, recipients.c.state
    if connection.execute(sa.select(sa.exists().where(mine, state.in_(HELD)))).scalar_one():
        return None
    # One question for each state: then the index answers, without reading all who wait.
    earliest = sa.select(sa.func.min(recipients.c.next_at)).where(mine, *outside(without))
    asked = [earliest.where(state == one) for one in (RecipientState.WAITING, RecipientState.DEFERRED)]
    return min((at for query in asked if (at := connection.execute(query).scalar())), default=None)


@dataclass(frozen=True, slots=True)
class WorkLeft:
    """What is left to do of a delivery that is sending, by whomever."""

    due: int
    """Recipients who may be sent to now, none of a share that is paused; no more than were asked for."""
    held: bool
    """Whether a worker, living or dead, has taken some."""
    is_to_finish: bool
    """Whether no recipient is left."""


def work_left(connection: sa.Connection, delivery: str, now: datetime, *, most: int) -> WorkLeft:
    """What is left to do, at a cost that does not grow with the delivery."""
    mine, state = recipients.c.delivery_id == delivery, recipients.c.state
    open_ones = [RecipientState.WAITING.value, RecipientState.DEFERRED.value]
    paused = {one.share for one in read_pauses(connection) if one.delivery in ("", delivery) and one.is_on(now)}
    due_ones = mine, state.in_(open_ones), recipients.c.next_at <= now, *outside(paused - {RELAY})
    few = sa.select(recipients.c.id).where(*due_ones).limit(0 if RELAY in paused else most)
    due = connection.execute(sa.select(sa.func.count()).select_from(few.subquery())).scalar_one()
    there_are = [
        bool(connection.execute(sa.select(sa.exists().where(mine, state.in_(which)))).scalar_one())
        for which in ([one.value for one in HELD], open_ones)
    ]
    return WorkLeft(due, there_are[0], not any(there_are))


def read_reasons(
    connection: sa.Connection, delivery: str, states: Mapping[RecipientState, int], *, most: int | None = None
) -> dict[RecipientState, dict[str, int]]:
    """For each state that has reasons: how many rows give which, the most frequent first.

    `most`: rows of a state to read. Where there are more, the reasons found among those are listed with 0.
    """
    found: dict[RecipientState, dict[str, int]] = {}
    for state in RecipientState:
        if not (total := states.get(state, 0)):
            continue
        mine = recipients.c.delivery_id == delivery, recipients.c.state == state
        # The latest due first: those who wait with a reason were set back behind the others.
        latest = sa.select(recipients.c.reason).where(*mine).order_by(recipients.c.next_at.desc())
        read = latest.limit(most).subquery()
        query = sa.select(read.c.reason, sa.func.count()).where(read.c.reason != "").group_by(read.c.reason)
        is_whole = most is None or total <= most
        rows = connection.execute(query.order_by(sa.func.count().desc(), read.c.reason)).all()
        if rows:
            found[state] = {reason: count if is_whole else 0 for reason, count in rows}
    return found


def count_providers(connection: sa.Connection, delivery: str) -> dict[str, dict[RecipientState, int]]:
    """The rows of a delivery by provider and state, the largest provider first. Reads every row."""
    columns = recipients.c.provider, recipients.c.state
    query = sa.select(*columns, sa.func.count()).where(recipients.c.delivery_id == delivery).group_by(*columns)
    found: dict[str, dict[RecipientState, int]] = {}
    for provider, state, count in connection.execute(query):
        found.setdefault(provider, {})[RecipientState(state)] = count
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def count_failures(
    connection: sa.Connection, delivery: str, states: Iterable[RecipientState]
) -> list[tuple[str, str, str, int]]:
    """Provider, state, reason, and how many rows, for each reason in these states. Reads all their rows."""
    columns = recipients.c.provider, recipients.c.state, recipients.c.reason
    query = sa.select(*columns, sa.func.count()).where(
        recipients.c.delivery_id == delivery, recipients.c.state.in_([one.value for one in states])
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query.group_by(*columns)) if row[2]]


def read_languages(connection: sa.Connection, delivery: str) -> dict[str, int]:
    """Recipients by language of their edition, without the suppressed and excluded. Reads every row."""
    nothing = [RecipientState.SUPPRESSED.value, RecipientState.EXCLUDED.value]
    query = (
        sa.select(recipients.c.language, sa.func.count())
        .where(recipients.c.delivery_id == delivery, recipients.c.state.not_in(nothing))
        .group_by(recipients.c.language)
        .order_by(sa.func.count().desc(), recipients.c.language)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def unknown_ones(connection: sa.Connection, delivery: str) -> list[Recipient]:
    """The recipients whose message may or may not have arrived."""
    return _those(connection, delivery, recipients.c.state == RecipientState.UNKNOWN)


def resent_ones(connection: sa.Connection, delivery: str) -> list[Recipient]:
    """The recipients whose message was sent once more although an earlier attempt arrived, or may have."""
    later = attempts.alias()
    tried_again = sa.and_(later.c.recipient_id == attempts.c.recipient_id, later.c.epoch > attempts.c.epoch)
    still_open = sa.and_(attempts.c.outcome == "", attempts.c.permitted_at.is_not(None))
    was_resent = (
        sa.exists()
        .select_from(attempts.join(later, tried_again))
        .where(
            attempts.c.recipient_id == recipients.c.id,
            # These outcomes say that there was a dot, also where the permit went with a database that was replaced.
            sa.or_(attempts.c.outcome.in_(_DOT), still_open),
            sa.or_(later.c.outcome.in_(_DOT), later.c.permitted_at.is_not(None)),
        )
    )
    return _those(connection, delivery, was_resent)


def _those(connection: sa.Connection, delivery: str, condition: sa.ColumnElement[bool]) -> list[Recipient]:
    query = sa.select(recipients).where(recipients.c.delivery_id == delivery, condition).order_by(recipients.c.id)
    slugs = list_slugs(connection, delivery)
    return [recipient_of(row, slugs) for row in connection.execute(query)]
