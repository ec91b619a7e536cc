"""Outcomes told to an older copy of the ledger, in which somebody else may hold the recipient by now."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_worker, start_delivery

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Reply, Unknown
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.journal.stopping import stop_everything
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.counters import resent_ones
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import resend_unknown

OLD, NEW = make_worker("old"), make_worker("new")
LATER = NOW + timedelta(minutes=6)
OK, BUSY = Accepted(Reply(250, "", "ok")), Deferred(Reply(451, "", "later"))


@pytest.fixture
def ledger(database: Database) -> StoredLedger:
    """A delivery to one person, and the worker that was at work before an older copy was restored."""
    add_people(database, ["ana@example.org"], add_list(database))
    start_delivery(database)
    ledger = StoredLedger(database)
    ledger.register(OLD, 1e9, NOW)
    return ledger


def put_back(database: Database) -> None:
    """What a copy looks like that was made before the first claim, once a new worker is at work in it."""
    with database.write() as connection:
        connection.execute(sa.delete(tables.attempts))
        connection.execute(sa.delete(tables.workers))
        change = {"state": "waiting", "epoch": 0, "worker": "", "sha256": "", "dated_at": None}
        connection.execute(sa.update(tables.recipients).values(**change))
    StoredLedger(database).register(NEW, 1e9, NOW)


def take(ledger: StoredLedger, worker: Worker, now: datetime = NOW) -> Claim:
    (claim,) = ledger.claim("delivery1", worker, 8, now)
    return claim


def permit(ledger: StoredLedger, worker: Worker, claim: Claim) -> bool:
    [answer] = ledger.record(worker, [], [PermitRequest(claim, claim.recipient, "b" * 64)], NOW)
    return answer


def settle(ledger: StoredLedger, worker: Worker, claim: Claim, decision: Decision, outcome: Outcome | None) -> None:
    ledger.record(worker, [Settlement(claim, decision, outcome, claim.recipient, "b" * 64)], [], NOW)


def state(database: Database) -> str:
    with database.read() as connection:
        assert reconcile(Deliveries(database).get("delivery1"), read_counts(connection, "delivery1")) == ()
    (one,) = Deliveries(database).recipients("delivery1")
    return one.state.value


def listed(database: Database) -> int:
    with database.read() as connection:
        return len(resent_ones(connection, "delivery1"))


def test_refused_permit_takes_nobody_from_the_worker_that_has_them_now(
    ledger: StoredLedger, database: Database
) -> None:
    settle(ledger, OLD, take(ledger, OLD), Decision.requeue(NOW, "reset"), None)
    second = take(ledger, OLD)
    put_back(database)
    now_held = take(ledger, NEW)
    assert permit(ledger, NEW, now_held)
    assert not permit(ledger, OLD, second)

    settle(ledger, OLD, second, Decision.requeue(NOW, "no permit was given"), None)

    assert ledger.claim("delivery1", NEW, 8, NOW) == []
    settle(ledger, NEW, now_held, Decision.done(), OK)
    assert state(database) == "accepted"


def test_message_that_two_workers_sent_is_listed(ledger: StoredLedger, database: Database) -> None:
    settle(ledger, OLD, take(ledger, OLD), Decision.requeue(NOW, "reset"), None)
    second = take(ledger, OLD)
    assert permit(ledger, OLD, second)
    put_back(database)
    now_held = take(ledger, NEW)
    assert permit(ledger, NEW, now_held)

    settle(ledger, OLD, second, Decision.done(), OK)
    settle(ledger, NEW, now_held, Decision.done(), OK)

    assert (state(database), listed(database)) == ("accepted", 1)


@pytest.mark.parametrize("is_permitted", [True, False])
def test_outcome_under_a_number_that_was_given_twice_is_not_taken_for_the_others(
    ledger: StoredLedger, database: Database, is_permitted: bool
) -> None:
    lost = take(ledger, OLD)
    assert permit(ledger, OLD, lost)
    put_back(database)
    now_held = take(ledger, NEW)
    assert now_held.epoch == lost.epoch
    assert not is_permitted or permit(ledger, NEW, now_held)

    settle(ledger, OLD, lost, Decision.retry(LATER, "busy"), BUSY)

    assert is_permitted or permit(ledger, NEW, now_held)
    settle(ledger, NEW, now_held, Decision.done(), OK)
    assert state(database) == "accepted"
    assert ledger.finish("delivery1", NOW)


@pytest.mark.parametrize(
    ("decision", "outcome", "twice"), [(Decision.done(), OK, 1), (Decision.retry(LATER, "busy"), BUSY, 0)]
)
def test_arrival_under_a_number_that_was_given_twice_ends_it(
    ledger: StoredLedger, database: Database, decision: Decision, outcome: Outcome, twice: int
) -> None:
    lost = take(ledger, OLD)
    assert permit(ledger, OLD, lost)
    put_back(database)
    now_held = take(ledger, NEW)
    assert permit(ledger, NEW, now_held)

    settle(ledger, OLD, lost, Decision.done(), OK)
    settle(ledger, NEW, now_held, decision, outcome)

    assert (state(database), listed(database)) == ("accepted", twice)
    assert ledger.claim("delivery1", NEW, 8, LATER) == []
    assert ledger.finish("delivery1", LATER)


def test_arrival_ends_what_another_worker_has_only_claimed(ledger: StoredLedger, database: Database) -> None:
    lost = take(ledger, OLD)
    assert permit(ledger, OLD, lost)
    put_back(database)
    now_held = take(ledger, NEW)

    settle(ledger, OLD, lost, Decision.done(), OK)

    assert not permit(ledger, NEW, now_held)
    settle(ledger, NEW, now_held, Decision.requeue(NOW, "no permit was given"), None)
    assert (state(database), listed(database)) == ("accepted", 0)
    assert ledger.finish("delivery1", LATER)


def test_message_that_was_lost_is_sent_again_as_it_was(ledger: StoredLedger, database: Database) -> None:
    lost = take(ledger, OLD)
    assert permit(ledger, OLD, lost)
    put_back(database)
    settle(ledger, OLD, lost, Decision.hold("line lost"), Unknown("line lost"))
    assert state(database) == "unknown"

    assert resend_unknown(database, "delivery1", LATER) == 1
    again = take(ledger, NEW, LATER)
    assert (again.sha256, again.dated_at) == ("b" * 64, lost.dated_at)
    assert permit(ledger, NEW, again)
    settle(ledger, NEW, again, Decision.done(), OK)
    assert (state(database), listed(database)) == ("accepted", 1)


def test_worker_that_lives_on_in_a_copy_enters_it_anew(ledger: StoredLedger, database: Database) -> None:
    """Else it were given the numbers of its own claims once more, and could not tell the two apart."""
    under_way = take(ledger, OLD)
    with database.write() as connection:
        stop_everything(database, connection, "restored", NOW, permits_seen=0)
    Deliveries(database).move("delivery1", DeliveryState.SENDING, since=DeliveryState.PAUSED)

    assert ledger.claim("delivery1", OLD, 8, NOW) == []
    assert not permit(ledger, OLD, under_way)
    assert not ledger.renew(OLD, 60.0)
    ledger.register(NEW, 1e9, NOW)
    assert take(ledger, NEW).epoch == under_way.epoch + 1


def test_message_lost_after_a_copy_was_made_between_claim_and_permit_is_unknown(
    ledger: StoredLedger, database: Database
) -> None:
    lost = take(ledger, OLD)
    with database.write() as connection:
        stop_everything(database, connection, "restored", NOW, permits_seen=0)

    settle(ledger, OLD, lost, Decision.hold("line lost"), Unknown("line lost"))

    assert state(database) == "unknown"
