"""Report: the progress of a delivery, its results, and whether its rows agree with what was recorded."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.rate import Rate, said
from newsletter.delivery.sender.throttle import Pause
from newsletter.delivery.sender.worker import is_known_dead
from newsletter.reporting.reconcile import reconcile
from newsletter.reporting.report import Report, Summary, came_back, failures_of
from newsletter.storage.audience.events import reasons_given
from newsletter.storage.audience.returned import ReturnedEmail, count_returned, read_returned_to
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.database.leases import SCHEDULER, is_held
from newsletter.storage.ledger.budget import left_of, time_left
from newsletter.storage.ledger.counters import (
    FEW,
    count_failures,
    count_providers,
    count_states,
    read_languages,
    read_next,
    read_reasons,
    resent_ones,
    unknown_ones,
)
from newsletter.storage.ledger.deliveries import read_delivery
from newsletter.storage.ledger.pace import read_pauses
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.workers import has_worker

_WITH_REFUSALS = (RecipientState.REJECTED, RecipientState.DEFERRED, RecipientState.WAITING)
_TO_SEND = (RecipientState.WAITING, RecipientState.CLAIMED)
_QUICK = 20_000
"""Rows of a state that a summary may read."""


def is_attended(database: Database) -> bool:
    """Whether any sending process is running, as far as this host can see; delivery states do not show it."""
    return has_worker(database, is_known_dead)


def is_scheduling(database: Database) -> bool:
    """Whether a scheduler, part of `newsletter serve`, is running to start scheduled deliveries."""
    return is_held(database, SCHEDULER)


def next_of(database: Database, found: Iterable[Delivery]) -> dict[str, datetime | None]:
    """When the next recipient is due, for those of these deliveries that are under way."""
    with database.read() as connection:
        return {
            one.id: _next(connection, one.id, _pauses(connection, one.id)) for one in found if one.state.is_under_way
        }


def summary_of(database: Database, delivery: str, rates: Sequence[Rate] = ()) -> Summary:
    """The progress of a delivery, at a cost that hardly grows with its size. Raises NotFoundError.

    `rates`: how many messages may be begun in which times.
    """
    attended = is_attended(database)
    with database.read() as connection:
        return _summary(connection, delivery, attended, rates, most=FEW)


def providers_of(database: Database, delivery: str) -> dict[str, dict[RecipientState, int]]:
    """The recipients of a delivery by provider and state, the largest provider first. Reads every row."""
    with database.read() as connection:
        return count_providers(connection, delivery)


def returned_to(database: Database, delivery: str) -> dict[str, ReturnedEmail]:
    """Recipient → the last that came back about their message of a delivery."""
    with database.read() as connection:
        return read_returned_to(connection, delivery)


def report_on(database: Database, delivery: str, rates: Sequence[Rate] = ()) -> Report:
    """The results of a delivery, every reason counted. Reads every row. Raises NotFoundError."""
    attended = is_attended(database)
    with database.read() as connection:
        return Report(
            _summary(connection, delivery, attended, rates, most=None),
            languages=read_languages(connection, delivery),
            providers=count_providers(connection, delivery),
            unknown=tuple(unknown_ones(connection, delivery)),
            resent=tuple(resent_ones(connection, delivery)),
            leaving=reasons_given(connection, delivery),
        )


def _pauses(connection: Connection, delivery: str) -> list[Pause]:
    now = datetime.now(UTC)
    return [one for one in read_pauses(connection, delivery) if one.is_on(now)]


def _next(connection: Connection, delivery: str, pauses: Sequence[Pause]) -> datetime | None:
    """When the next recipient is due; what is paused is due at the pause's end."""
    shares = {one.share: one.until for one in pauses if one.share}
    due = read_next(connection, delivery, shares)
    if due is None and shares and read_next(connection, delivery):
        due = min((until for until in shares.values() if until), default=None)
    relay = next((one.until for one in pauses if not one.share), None)
    return max(due, relay) if due and relay else due


def _summary(
    connection: Connection, delivery: str, attended: bool, rates: Sequence[Rate], *, most: int | None
) -> Summary:
    states, pauses = count_states(connection, delivery), _pauses(connection, delivery)
    now, to_send = datetime.now(UTC), sum(states.get(one, 0) for one in _TO_SEND)
    due, left = _next(connection, delivery, pauses), left_of(connection, rates, now) if rates else None
    looked_at = [one for one in _WITH_REFUSALS if most is None or states.get(one, 0) <= _QUICK]
    return Summary(
        read_delivery(connection, delivery),
        states,
        reasons=read_reasons(connection, delivery, states, most=most),
        next_at=max(due, left.next_at) if due and left and left.next_at else due,
        failures=failures_of(count_failures(connection, delivery, looked_at)),
        returned=came_back(count_returned(connection, delivery)),
        pauses=tuple(pauses),
        rate=said(rates, now),
        left=left.count if left else 0,
        takes=time_left(connection, rates, to_send, now) if rates else timedelta(),
        attended=attended,
    )


def verify(database: Database, delivery: str) -> tuple[str, ...]:
    """Reconcile a delivery from its rows and attempts: every discrepancy, a sentence each. Raises NotFoundError.

    Half a minute for a million recipients, in a transaction that blocks no writer.
    """
    with database.read() as connection:
        return reconcile(read_delivery(connection, delivery), read_counts(connection, delivery))
