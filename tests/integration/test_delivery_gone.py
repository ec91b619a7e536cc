"""An older copy of the database is restored while a sender is at work: what it does with a delivery that is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_order, make_worker, start_delivery, take_away

from newsletter.app.operating import doctor
from newsletter.app.project import Project
from newsletter.app.sending import report as reporting
from newsletter.app.sending.steer import start_due
from newsletter.config import Config
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.reporting.reconcile import Counts
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger import resolve as resolving
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.counters import count_states
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.storage.ledger.reconcile import read_counts

ADDRESSES = [f"reader{n}@example.com" for n in range(10)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.is_whole("delivery1"),
        lambda ledger: not ledger.claim("delivery1", make_worker(), 8, NOW),
        lambda ledger: ledger.remaining("delivery1", make_worker()).held == 0,
        lambda ledger: not ledger.finish("delivery1", NOW),
        lambda ledger: ledger.halt("delivery1", "something was wrong with it") is None,
        lambda ledger: ledger.sending() == [],
    ],
    ids=["is_whole", "claim", "remaining", "finish", "halt", "sending"],
)
def test_ledger_has_nothing_to_do_for_it(database: Database, ask: Callable[[StoredLedger], bool]) -> None:
    add_people(database, ADDRESSES[:2], add_list(database))
    start_delivery(database)
    ledger = StoredLedger(database)
    ledger.register(make_worker(), 60.0, NOW)
    take_away(database)

    assert ask(ledger)


def test_freeze_lets_it_go_between_two_chunks(database: Database) -> None:
    add_people(database, ADDRESSES, add_list(database))
    Deliveries(database).create(make_order(), NOW)
    looks = iter(range(10))

    def restored_at_the_second_look() -> bool:
        if next(looks) == 1:
            take_away(database)
        return False

    freeze(database, "delivery1", NOW, chunk=3, should_stop=restored_at_the_second_look)

    assert Deliveries(database).all() == []


def test_policy_lets_it_go_between_looking_and_sending_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(database, ADDRESSES[:2], add_list(database))
    start_delivery(database)
    with database.write() as connection:
        connection.execute(sa.update(tables.recipients).values(state="unknown", settled_at=NOW, eligible_at=NOW))
    really = resolving._resend

    def after_a_restore(*arguments: object) -> int | None:
        take_away(database)
        return really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(resolving, "_resend", after_a_restore)
    later, patience = NOW + timedelta(hours=1), timedelta(minutes=12)

    assert resolving.resend_by_policy(database, "delivery1", later, patience=patience, expiry=timedelta(hours=48)) == 0


def test_scheduler_goes_on_after_one_that_was_put_back_in_the_moment_of_its_start(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_list(database)
    store = Deliveries(database)
    for name in ("delivery1", "delivery2"):
        store.create(make_order(name, scheduled_at=NOW), NOW)
    really = Deliveries.move

    def then_restored(store: Deliveries, delivery: str, *arguments: Any, **named: Any) -> bool:
        is_moved = really(store, delivery, *arguments, **named)
        take_away(database)
        return is_moved

    monkeypatch.setattr(Deliveries, "move", then_restored)

    assert [one.id for one in start_due(Project(tmp_path, Config()), database, NOW)] == ["delivery1"]


def test_reports_read_a_delivery_and_its_rows_of_one_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(database, ADDRESSES[:2], add_list(database))
    start_delivery(database)
    with database.write() as connection:
        connection.execute(sa.update(tables.recipients).values(state="unknown", in_doubt=True))

    def then_restored(connection: sa.Connection, delivery: str) -> dict[RecipientState, int]:
        states = count_states(connection, delivery)
        take_away(database)
        return states

    monkeypatch.setattr(reporting, "count_states", then_restored)

    report = reporting.report_on(database, "delivery1")
    assert report.summary.counts["unknown"] == 2
    assert {one.address for one in report.unknown} == set(ADDRESSES[:2])


@pytest.mark.parametrize("gone", [("delivery1",), ("delivery1", "delivery2")])
def test_doctor_reconciles_what_was_there_in_one_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...]
) -> None:
    add_people(database, ADDRESSES[:2], add_list(database))
    for name in gone:
        start_delivery(database, name)

    def after_a_restore(connection: sa.Connection, delivery: str) -> Counts:
        take_away(database)
        return read_counts(connection, delivery)

    monkeypatch.setattr(doctor, "read_counts", after_a_restore)

    [finding] = doctor._ledger(database)
    assert finding.grade is doctor.Grade.GOOD
    assert finding.message == "1 delivery reconciled"  # the first was read before, the others are gone
