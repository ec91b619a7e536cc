"""The audit: a ledger that has forgotten something sends nothing more of a delivery that was sent from before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_worker, start_delivery

from newsletter.app.operating import doctor
from newsletter.app.project import Project
from newsletter.app.sending.report import verify
from newsletter.app.sending.steer import resume
from newsletter.config import Config
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Decision, PermitRequest, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.errors import StateError
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import attempts, deliveries, recipients
from newsletter.storage.journal.audit import audit
from newsletter.storage.journal.high_water import HighWater
from newsletter.storage.journal.stopping import stop_everything
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries

WORKER = make_worker("one")


@pytest.fixture
def begun(database: Database) -> Database:
    """A delivery to six people, three of whom got it."""
    add_people(database, [f"reader{n}@example.com" for n in range(6)], add_list(database))
    start_delivery(database)
    ledger = ledger_of(database)
    ledger.register(WORKER, 365 * 86400.0, NOW)
    claims = ledger.claim("delivery1", WORKER, 3, NOW)
    ledger.record(WORKER, [], [PermitRequest(one, f"{one.recipient}@x", "b" * 64) for one in claims], NOW)
    ledger.record(WORKER, [Settlement(one, Decision.done(), Accepted(Reply(250, "", "ok"))) for one in claims], [], NOW)
    return database


def ledger_of(database: Database, folder: Path | None = None) -> StoredLedger:
    """That of another sender run; with a folder, one that is audited."""
    journal = HighWater(folder, database) if folder else None
    return StoredLedger(database, journal=journal)


def forget_rows(connection: sa.Connection) -> None:
    """As in an older file under a newer count: the rows know of one message only, and contradict nothing."""
    one = connection.execute(sa.select(attempts.c.recipient_id).limit(1)).scalar_one()
    connection.execute(sa.delete(attempts).where(attempts.c.recipient_id != one))
    lost = sa.update(recipients).where(recipients.c.id != one)
    connection.execute(lost.values(state="waiting", epoch=0, worker=""))


def forget_states(connection: sa.Connection) -> None:
    one = connection.execute(sa.select(attempts.c.recipient_id).limit(1)).scalar_one()
    connection.execute(sa.update(recipients).where(recipients.c.id == one).values(state="waiting"))


def forget_all(connection: sa.Connection) -> None:
    """As in a copy that was made before anybody was sent to."""
    connection.execute(sa.delete(attempts))
    connection.execute(sa.update(recipients).values(state="waiting", epoch=0, worker=""))


DAMAGES = [
    (forget_rows, "3 messages were permitted, but the ledger holds 1"),
    (forget_all, "3 messages were permitted, but the ledger holds 0"),
    (forget_states, "attempts contradict"),
]
Damage = Callable[[sa.Connection], None]
STOPPED = [state for state in DeliveryState if state.waits_for_a_person]


def stop(database: Database, state: DeliveryState) -> None:
    with database.write() as connection:
        connection.execute(sa.update(deliveries).values(state=state.value))


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_delivery_is_halted_before_anybody_is_claimed(
    begun: Database, tmp_path: Path, damage: Damage, reason: str
) -> None:
    with begun.write() as connection:
        damage(connection)
    assert not ledger_of(begun, tmp_path).is_whole("delivery1")
    assert ledger_of(begun).claim("delivery1", WORKER, 8, NOW) == []
    halted = Deliveries(begun).get("delivery1")
    assert halted.state is DeliveryState.HALTED
    assert reason in halted.reason


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_delivery_is_not_resumed(begun: Database, tmp_path: Path, damage: Damage, reason: str) -> None:
    Deliveries(begun).move("delivery1", DeliveryState.PAUSED, since=DeliveryState.SENDING)
    with begun.write() as connection:
        damage(connection)
    with pytest.raises(StateError, match=reason) as caught:
        resume(Project(tmp_path, Config()), begun, "delivery1", NOW)
    assert "db restore" in caught.value.hint
    assert Deliveries(begun).get("delivery1").state is DeliveryState.PAUSED


@pytest.mark.parametrize("state", STOPPED)
@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_verify_finds_why_a_delivery_is_not_resumed(
    begun: Database, state: DeliveryState, damage: Damage, reason: str
) -> None:
    stop(begun, state)
    with begun.write() as connection:
        damage(connection)
    problems = verify(begun, "delivery1")
    assert sorted(problems) == sorted(audit(begun, "delivery1"))
    assert any(reason in problem for problem in problems)


@pytest.mark.parametrize("state", [DeliveryState.PAUSED, DeliveryState.HALTED])  # a missed one was sent to nobody
def test_delivery_that_somebody_got_twice_is_not_reconciled_but_goes_on(
    begun: Database, tmp_path: Path, state: DeliveryState
) -> None:
    stop(begun, state)
    with begun.write() as connection:
        one = connection.execute(sa.select(attempts).limit(1)).one()
        connection.execute(sa.insert(attempts), one._asdict() | {"epoch": one.epoch + 1, "permitted_at": None})
    assert verify(begun, "delivery1") == (f"Accepted more than once: {one.recipient_id}",)
    assert resume(Project(tmp_path, Config()), begun, "delivery1", NOW).state is DeliveryState.SENDING


def test_doctor_tells_once_that_the_ledger_has_forgotten_attempts(begun: Database) -> None:
    start_delivery(begun, "delivery2", issue="second")
    with begun.write() as connection:
        forget_rows(connection)
    [finding] = doctor._ledger(begun)
    assert (finding.grade, finding.message.partition(":")[0]) == (doctor.Grade.BAD, DAMAGES[0][1])
    assert "db restore" in finding.hint


def test_halted_delivery_of_a_whole_ledger_is_reconciled(begun: Database) -> None:
    ledger_of(begun).halt("delivery1", "login refused")
    assert verify(begun, "delivery1") == ()


def test_ledger_is_whole_in_the_middle_of_a_delivery_and_after_a_stop(begun: Database, tmp_path: Path) -> None:
    """What a stop adds to the count of permits are none."""
    assert ledger_of(begun, tmp_path).is_whole("delivery1")
    assert len(ledger_of(begun).claim("delivery1", WORKER, 2, NOW)) == 2
    assert audit(begun, "delivery1") == ()
    for seen in (3, 40, 2_000_000):
        with begun.write() as connection:
            stop_everything(begun, connection, "restored", NOW, permits_seen=seen)
        assert audit(begun, "delivery1") == ()
