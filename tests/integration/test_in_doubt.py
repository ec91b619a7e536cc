"""Messages that may have arrived and are sent again: no other delivery reaches the address, and none is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_worker, start_delivery, suppress

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.plan import Exclusion
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import recipients, subscriptions
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.counters import resent_ones
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import accept_unknown, resend_by_policy, resend_unknown, with_unknown

WORKER = make_worker("worker")
ADDRESS = "ana@example.org"
EXPIRY = timedelta(hours=48)


def begin(database: Database, *deliveries: str) -> StoredLedger:
    """Deliveries of one issue to one person, and a worker."""
    add_people(database, [ADDRESS], add_list(database))
    for name in deliveries:
        start_delivery(database, name)
    ledger = StoredLedger(database)
    ledger.register(WORKER, 1e9, NOW)
    return ledger


@pytest.fixture
def ledger(database: Database) -> StoredLedger:
    """A delivery to one person whose message was lost after the dot, and whom somebody has it sent to again."""
    ledger = begin(database, "first")
    lose(ledger, "first")
    assert resend_unknown(database, "first", NOW) == 1
    return ledger


def permitted(ledger: StoredLedger, delivery: str) -> Claim:
    (claim,) = ledger.claim(delivery, WORKER, 10, NOW)
    assert ledger.record(WORKER, [], [PermitRequest(claim, claim.recipient, "b" * 64)], NOW) == [True]
    return claim


def lose(ledger: StoredLedger, delivery: str) -> None:
    claim = permitted(ledger, delivery)
    ledger.record(WORKER, [Settlement(claim, Decision.hold("line lost"), Unknown("line lost"))], [], NOW)


def by_policy(database: Database) -> int:
    return resend_by_policy(database, "first", NOW + timedelta(hours=1), patience=timedelta(minutes=12), expiry=EXPIRY)


def states(database: Database, delivery: str) -> list[tuple[str, str]]:
    with database.read() as connection:
        assert reconcile(Deliveries(database).get(delivery), read_counts(connection, delivery)) == ()
    return [(one.state.value, one.reason) for one in Deliveries(database).recipients(delivery)]


def test_another_delivery_of_the_issue_leaves_them_out(ledger: StoredLedger, database: Database) -> None:
    start_delivery(database, "second")

    assert states(database, "second") == [("excluded", "already_received")]


def test_another_delivery_that_was_frozen_before_gets_no_claim(database: Database) -> None:
    ledger = begin(database, "first", "second")
    lose(ledger, "first")
    resend_unknown(database, "first", NOW)

    assert ledger.claim("second", WORKER, 10, NOW) == []
    assert states(database, "second") == [("excluded", "already_received")]


def test_another_delivery_that_claimed_them_before_gets_no_permit(database: Database) -> None:
    ledger = begin(database, "first", "second")
    (other,) = ledger.claim("second", WORKER, 10, NOW)
    lose(ledger, "first")
    resend_unknown(database, "first", NOW)

    assert ledger.record(WORKER, [], [PermitRequest(other, other.recipient, "b" * 64)], NOW) == [False]


def test_second_message_is_sent_and_listed(ledger: StoredLedger, database: Database) -> None:
    claim = permitted(ledger, "first")
    ledger.record(WORKER, [Settlement(claim, Decision.done(), Accepted(Reply(250, "", "ok")))], [], NOW)

    assert states(database, "first") == [("accepted", "")]
    with database.read() as connection:
        assert [one.id for one in resent_ones(connection, "first")] == [claim.recipient]


def test_second_message_after_a_crash_is_listed_before_its_reply(database: Database) -> None:
    """Of the first nobody will ever know more than that it was permitted."""
    ledger, other = begin(database, "first"), make_worker("other")
    permitted(ledger, "first")
    ledger.recover(NOW, lambda worker: worker.id == WORKER.id)
    resend_unknown(database, "first", NOW)
    ledger.register(other, 1e9, NOW)
    (claim,) = ledger.claim("first", other, 10, NOW)
    with database.read() as connection:
        assert resent_ones(connection, "first") == []

    ledger.record(other, [], [PermitRequest(claim, claim.recipient, "b" * 64)], NOW)
    with database.read() as connection:
        assert [one.id for one in resent_ones(connection, "first")] == [claim.recipient]


def late_word(database: Database) -> tuple[StoredLedger, Worker, Claim]:
    """Word that the first message arrived comes while another worker has the second one with the relay."""
    ledger, other = begin(database, "first"), make_worker("other")
    slow = permitted(ledger, "first")
    ledger.recover(NOW, lambda worker: worker.id == WORKER.id)
    resend_unknown(database, "first", NOW)
    ledger.register(other, 1e9, NOW)
    (claim,) = ledger.claim("first", other, 10, NOW)
    ledger.record(other, [], [PermitRequest(claim, claim.recipient, "b" * 64)], NOW)
    ledger.record(WORKER, [Settlement(slow, Decision.done(), Accepted(Reply(250, "", "ok")))], [], NOW)
    return ledger, other, claim


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (Decision.done(), Accepted(Reply(250, "", "ok"))),
        (Decision.retry(NOW, "busy"), Deferred(Reply(451, "", "busy"))),
        (Decision.fail("550 no"), Rejected(Reply(550, "", "no"))),
        (Decision.hold("line lost"), Unknown("line lost")),
    ],
)
def test_late_word_that_the_first_message_arrived_keeps_the_second_listed(
    database: Database, decision: Decision, outcome: Outcome | None
) -> None:
    ledger, other, claim = late_word(database)
    ledger.record(other, [Settlement(claim, decision, outcome)], [], NOW)

    assert states(database, "first") == [("accepted", "")]
    with database.read() as connection:
        assert [one.id for one in resent_ones(connection, "first")] == [claim.recipient]


def test_word_that_the_first_message_arrived_outlasts_the_second_worker(database: Database) -> None:
    ledger, other, claim = late_word(database)

    ledger.recover(NOW, lambda worker: worker.id == other.id)

    assert states(database, "first") == [("accepted", "")]
    assert resend_unknown(database, "first", NOW) == 0
    with database.read() as connection:
        assert [one.id for one in resent_ones(connection, "first")] == [claim.recipient]


def cancel(database: Database) -> None:
    Deliveries(database).cancel("first", NOW, since=DeliveryState.SENDING)


def suppress_them(database: Database) -> None:
    suppress(database, ADDRESS)


def let_them_leave(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(subscriptions).values(consent="unsubscribed"))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (cancel, "cancelled"),
        (suppress_them, "manual"),
        (let_them_leave, "unsubscribed"),
    ],
)
def test_nobody_who_may_have_it_is_written_off(
    ledger: StoredLedger, database: Database, happens: Callable[[Database], None], reason: str
) -> None:
    happens(database)
    ledger.claim("first", WORKER, 10, NOW)
    with database.read() as connection:
        found = connection.execute(sa.select(recipients.c.state, recipients.c.reason)).one()

    assert tuple(found) == ("unknown", reason)
    assert accept_unknown(database, "first", NOW) == 1


def test_refusal_of_the_second_message_says_nothing_of_the_first(ledger: StoredLedger, database: Database) -> None:
    claim = permitted(ledger, "first")
    ledger.record(WORKER, [Settlement(claim, Decision.fail("550 no"), Rejected(Reply(550, "", "no")))], [], NOW)

    assert states(database, "first") == [("unknown", "550 no")]


def test_what_the_policy_sends_again_is_in_doubt_as_well(database: Database) -> None:
    ledger = begin(database, "first")
    lose(ledger, "first")
    assert by_policy(database) == 1

    start_delivery(database, "second")
    assert states(database, "second") == [("excluded", "already_received")]


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (Decision.fail("550 no"), Rejected(Reply(550, "", "no"))),
        (Decision.hold("line lost"), Unknown("line lost")),
        (Decision.skip(Exclusion.RENDER), None),
    ],
)
def test_what_the_policy_sent_again_is_not_sent_a_third_time(
    database: Database, decision: Decision, outcome: Outcome | None
) -> None:
    ledger = begin(database, "first")
    lose(ledger, "first")
    assert with_unknown(database) == ["first"]
    by_policy(database)
    (claim,) = ledger.claim("first", WORKER, 10, NOW + timedelta(hours=1))
    permits = [PermitRequest(claim, claim.recipient, "b" * 64)] if outcome else []
    ledger.record(WORKER, [], permits, NOW)
    ledger.record(WORKER, [Settlement(claim, decision, outcome)], [], NOW)

    assert [state for state, _ in states(database, "first")] == ["unknown"]
    assert (by_policy(database), with_unknown(database)) == (0, [])
    assert resend_unknown(database, "first", NOW) == 1
