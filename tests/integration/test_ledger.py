"""The ledger in a real database: claims, permits, outcomes, recovery, and the fences between workers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, make_order, make_worker, set_consent, start_delivery, suppress

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, RecipientState, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.retry import RetryPolicy, decide
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import accept_unknown, resend_unknown
from newsletter.storage.ledger.workers import has_worker

ADDRESSES = [f"reader{n}@example.com" for n in range(6)]
ONE, TWO = make_worker("one"), make_worker("two")
OK = Reply(250, "2.0.0", "queued")
LATER = NOW + timedelta(minutes=5)
YEAR = 365 * 86400.0


@pytest.fixture
def ledger(database: Database) -> StoredLedger:
    """A ledger with two workers and a delivery to six people."""
    add_people(database, ADDRESSES, add_list(database))
    start_delivery(database)
    ledger = StoredLedger(database)
    for worker in (ONE, TWO):
        ledger.register(worker, YEAR, NOW)
    return ledger


def nobody_is_dead(_: Worker) -> bool:
    return False


def claim_all(
    ledger: StoredLedger, worker: Worker = ONE, now: datetime = NOW, delivery: str = "delivery1"
) -> list[Claim]:
    return ledger.claim(delivery, worker, 100, now)


def permit(claim: Claim, sha256: str = "b" * 64) -> PermitRequest:
    return PermitRequest(claim, f"{claim.recipient}@news.example", sha256)


def settled(claim: Claim, decision: Decision, outcome: Outcome | None) -> Settlement:
    return Settlement(claim, decision, outcome, f"{claim.recipient}@news.example")


def accepted(claim: Claim) -> Settlement:
    return settled(claim, Decision.done(), Accepted(OK))


def rows(database: Database, delivery: str = "delivery1") -> dict[str, str]:
    return {one.id: one.state.value for one in Deliveries(database).recipients(delivery)}


def fall_due_in_turn(database: Database, delivery: str = "delivery1") -> None:
    """The recipients in the order of ADDRESSES, a second apart: those of one moment are claimed in any order."""
    table = tables.recipients
    with database.write() as connection:
        for number, address in enumerate(reversed(ADDRESSES), 1):
            mine = (table.c.delivery_id == delivery, table.c.address == address)
            connection.execute(sa.update(table).where(*mine).values(next_at=NOW - timedelta(seconds=number)))


def problems(database: Database, delivery: str = "delivery1") -> tuple[str, ...]:
    with database.read() as connection:
        return reconcile(Deliveries(database).get(delivery), read_counts(connection, delivery))


def test_claim_gives_two_workers_different_recipients(ledger: StoredLedger, database: Database) -> None:
    first, second = ledger.claim("delivery1", ONE, 4, NOW), ledger.claim("delivery1", TWO, 4, NOW)

    assert (len(first), len(second)) == (4, 2)
    assert {one.recipient for one in first} | {one.recipient for one in second} == set(rows(database))
    assert claim_all(ledger) == []
    assert {one.epoch for one in first + second} == {1}


def test_claim_by_many_workers_at_once_takes_each_recipient_once(ledger: StoredLedger, database: Database) -> None:
    add_people(database, [f"more{n}@example.com" for n in range(60)], 1)
    start_delivery(database, "wide", issue="wide")
    taken: list[str] = []

    def work(number: int) -> None:
        worker = make_worker(f"thread{number}")
        ledger.register(worker, YEAR, NOW)
        while claims := ledger.claim("wide", worker, 3, NOW):
            assert ledger.record(worker, [], [permit(one) for one in claims], NOW) == [True] * len(claims)
            ledger.record(worker, [accepted(one) for one in claims], [], NOW)
            taken.extend(one.recipient for one in claims)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(rows(database, "wide"))
    assert ledger.finish("wide", NOW)


def test_claim_leaves_providers_out_that_it_is_asked_to(ledger: StoredLedger, database: Database) -> None:
    provider = {"ana@gmail.com": "gmail", "bo@gmx.de": "gmx", "cy@googlemail.com": "gmail", "di@example.org": "other"}
    list_id = add_list(database, "mixed")
    add_people(database, list(provider), list_id)
    start_delivery(database, "mixed", issue="mixed", lists=("mixed",))

    first = ledger.claim("mixed", ONE, 100, NOW, frozenset({"gmail", "outlook"}))
    ledger.record(ONE, [settled(one, Decision.retry(LATER, "busy"), Deferred(OK)) for one in first], [], NOW)
    retried = ledger.claim("mixed", ONE, 100, LATER, frozenset({"gmail", "gmx"}))
    rest = ledger.claim("mixed", ONE, 100, LATER)

    assert [sorted(one.address for one in some) for some in (first, retried, rest)] == [
        ["bo@gmx.de", "di@example.org"],
        ["di@example.org"],
        ["ana@gmail.com", "bo@gmx.de", "cy@googlemail.com"],
    ]
    assert {one.address: one.provider for one in (*retried, *rest)} == provider


def test_claims_are_not_grouped_by_provider(ledger: StoredLedger, database: Database) -> None:
    people = [f"{name}{n}@{domain}" for n in range(20) for name, domain in (("a", "gmail.com"), ("b", "example.org"))]
    add_people(database, people, add_list(database, "mixed"))
    start_delivery(database, "mixed", issue="mixed", lists=("mixed",))

    first = ledger.claim("mixed", ONE, 20, NOW)

    assert {one.provider for one in first} == {"gmail", "other"}


def test_claim_of_a_delivery_that_is_paused_gives_nobody(ledger: StoredLedger, database: Database) -> None:
    Deliveries(database).move("delivery1", DeliveryState.PAUSED, since=DeliveryState.SENDING)

    assert claim_all(ledger) == []


def test_claim_rechecks_suppression_consent_and_other_deliveries(ledger: StoredLedger, database: Database) -> None:
    people = {one.address: one for one in Deliveries(database).recipients("delivery1")}
    suppress(database, ADDRESSES[0], "manual")
    with database.write() as connection:
        set_consent(connection, people[ADDRESSES[1]].subscriber, 1, "unsubscribed")
        set_consent(connection, people[ADDRESSES[2]].subscriber, 1, "pending")
        for address, years in ((ADDRESSES[4], 1000), (ADDRESSES[5], -1000)):  # one break lasts, one is over
            pause = sa.update(tables.subscribers).where(tables.subscribers.c.id == people[address].subscriber)
            connection.execute(pause.values(paused_until=NOW + timedelta(days=365 * years)))
    with database.write() as connection:  # another delivery of the issue, frozen before, reached the fourth
        connection.execute(
            sa.insert(tables.deliveries).values(
                id="other", issue="first", state="sending", hash="", again=False,
                created_at=NOW, frozen_to=0, not_eligible={},
            )
        )  # fmt: skip
        row = connection.execute(
            sa.select(tables.recipients).where(tables.recipients.c.id == people[ADDRESSES[3]].id)
        ).one()
        values = dict(row._mapping) | {"id": "x" * 26, "delivery_id": "other", "state": "accepted"}
        connection.execute(sa.insert(tables.recipients).values(**values))

    claims = claim_all(ledger)

    assert {one.address for one in claims} == set(ADDRESSES[5:])
    shown = {one.address: (one.state.value, one.reason) for one in Deliveries(database).recipients("delivery1")}
    assert shown[ADDRESSES[0]] == ("suppressed", "manual")
    assert shown[ADDRESSES[1]] == ("excluded", "unsubscribed")
    assert shown[ADDRESSES[2]] == ("excluded", "no_permission")
    assert shown[ADDRESSES[3]] == ("excluded", "already_received")
    assert shown[ADDRESSES[4]] == ("excluded", "paused")


def test_claim_goes_on_past_a_batch_in_which_nobody_is_left(ledger: StoredLedger, database: Database) -> None:
    for address in ADDRESSES[:5]:
        suppress(database, address)

    assert [one.address for one in ledger.claim("delivery1", ONE, 1, NOW)] == ADDRESSES[5:]


def test_claim_comes_back_from_refusing_very_many(
    ledger: StoredLedger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fall_due_in_turn(database)
    monkeypatch.setattr("newsletter.storage.ledger.claims._MOST_REFUSED", 2)
    for address in ADDRESSES[:5]:
        suppress(database, address)

    assert ledger.claim("delivery1", ONE, 1, NOW) == []
    assert sorted(rows(database).values()) == ["suppressed"] * 3 + ["waiting"] * 3
    assert [one.address for one in ledger.claim("delivery1", ONE, 1, NOW)] == ADDRESSES[5:]


def test_claim_takes_no_more_than_asked_for_behind_many_that_are_refused(
    ledger: StoredLedger, database: Database
) -> None:
    fall_due_in_turn(database)
    suppress(database, ADDRESSES[0])

    assert [one.address for one in ledger.claim("delivery1", ONE, 1, NOW)] == ADDRESSES[1:2]
    assert sorted(rows(database).values()) == ["claimed", "suppressed"] + ["waiting"] * 4


def test_claim_keeps_the_date_of_the_first_one(ledger: StoredLedger) -> None:
    [first, *_] = claim_all(ledger)
    ledger.record(ONE, [settled(first, Decision.requeue(NOW, "line lost"), None)], [], NOW)
    [second] = claim_all(ledger, now=LATER)

    assert (first.dated_at, second.dated_at, second.epoch) == (NOW, NOW, 2)


BUSY = Deferred(Reply(451, "4.7.1", "later"))


def answer(ledger: StoredLedger, claim: Claim, outcome: Outcome, now: datetime) -> Decision:
    decision = decide(outcome, attempts=claim.attempts, eligible_at=claim.eligible_at, now=now, policy=RetryPolicy())
    ledger.record(ONE, [settled(claim, decision, outcome)], [], now)
    return decision


def test_deferred_recipient_is_retried_until_expiry_counted_from_the_first_deferral(
    ledger: StoredLedger, database: Database
) -> None:
    begun = now = NOW + timedelta(days=5)  # the delivery was paused, or nothing ran
    for _ in range(50):
        [claim, *_] = ledger.claim("delivery1", ONE, 1, now)
        decision = answer(ledger, claim, BUSY, now)
        if decision.next_at is None:
            break
        now = decision.next_at
    assert rows(database)[claim.recipient] == "rejected"
    assert claim.attempts > 10
    assert timedelta(hours=44) <= now - begun <= timedelta(hours=48)


def test_time_in_which_a_delivery_was_stopped_does_not_expire_anything(
    ledger: StoredLedger, database: Database
) -> None:
    store, back = Deliveries(database), NOW + timedelta(days=5)
    for claim in claim_all(ledger):
        answer(ledger, claim, BUSY, NOW)
    store.move("delivery1", DeliveryState.HALTED, since=DeliveryState.SENDING)
    assert store.resume("delivery1", DeliveryState.SENDING, back, since=DeliveryState.HALTED)

    claims = claim_all(ledger, now=back)
    assert {answer(ledger, one, BUSY, back).next_at for one in claims} == {back + timedelta(minutes=10)}
    assert "rejected" not in rows(database).values()


def test_deferred_recipient_gets_one_more_try_when_nothing_ran_until_its_expiry(ledger: StoredLedger) -> None:
    for claim in claim_all(ledger):
        answer(ledger, claim, BUSY, NOW)
    late = NOW + timedelta(days=5)
    first, second, *_ = claim_all(ledger, now=late)
    assert answer(ledger, first, Accepted(OK), late) == Decision.done()
    assert answer(ledger, second, BUSY, late) == Decision.fail("expired: transient: 451 4.7.1 later")


def test_record_carries_each_decision_into_its_state(ledger: StoredLedger, database: Database) -> None:
    claims = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in claims[:4]], NOW)
    decided = [
        accepted(claims[0]),
        settled(claims[1], Decision.retry(LATER, "busy"), Deferred(Reply(451, "", "busy"))),
        settled(claims[2], Decision.fail("no"), Rejected(Reply(550, "5.1.1", "no"))),
        settled(claims[3], Decision.hold("line lost"), Unknown("line lost")),
        settled(claims[4], Decision.skip("render"), None),
        settled(claims[5], Decision.requeue(LATER, "no connection"), None),
    ]
    ledger.record(ONE, decided, [], NOW)

    found = rows(database)
    expected = ["accepted", "deferred", "rejected", "unknown", "excluded", "waiting"]
    assert [found[one.recipient] for one in claims] == expected
    shown = {one.id: one for one in Deliveries(database).recipients("delivery1")}
    assert [shown[one.recipient].attempts for one in claims] == [1, 1, 1, 1, 0, 0]
    assert shown[claims[0].recipient].reply == "250 2.0.0 queued"
    assert problems(database) == ()
    remaining = ledger.remaining("delivery1", ONE)
    assert (remaining.waiting, remaining.deferred, remaining.held) == (LATER, LATER, 0)


def test_record_twice_changes_nothing(ledger: StoredLedger, database: Database) -> None:
    [first, *_] = claim_all(ledger)
    ledger.record(ONE, [], [permit(first)], NOW)
    deferred = settled(first, Decision.retry(LATER, "busy"), Deferred(Reply(451, "", "busy")))
    ledger.record(ONE, [deferred], [], NOW)
    ledger.record(ONE, [deferred], [], NOW)

    [shown] = Deliveries(database).recipients("delivery1", RecipientState.DEFERRED)
    assert shown.attempts == 1
    assert problems(database) == ()


def test_permit_is_refused_to_whoever_does_not_hold_the_claim(ledger: StoredLedger, database: Database) -> None:
    [first, second, third, *_] = claim_all(ledger)
    stale = replace(third, epoch=third.epoch - 1)

    assert ledger.record(ONE, [], [permit(first), permit(stale)], NOW) == [True, False]
    assert ledger.record(ONE, [], [permit(first)], NOW) == [False]  # once is once
    assert ledger.record(TWO, [], [permit(second)], NOW) == [False]
    assert sorted(rows(database).values()) == ["claimed"] * 5 + ["permitted"]


def test_group_of_accepted_messages_is_written_as_any_other(ledger: StoredLedger, database: Database) -> None:
    """An issue whose groups are all accepted, and one of which each group holds a refusal: the same rows."""
    start_delivery(database, "mixed", issue="second")
    written = {}
    for delivery in ("delivery1", "mixed"):
        claims = sorted(claim_all(ledger, delivery=delivery), key=lambda one: one.address)
        refusals = (
            [settled(claims[5], Decision.fail("no"), Rejected(Reply(550, "", "no")))] if delivery == "mixed" else []
        )
        ledger.record(ONE, [], [permit(one) for one in claims[:2]], NOW)
        busy = settled(claims[0], Decision.retry(NOW, "busy"), Deferred(Reply(451, "", "busy")))
        ledger.record(ONE, [accepted(claims[1]), busy], [], NOW)
        [again] = claim_all(ledger, delivery=delivery)
        assert ledger.record(ONE, refusals, [permit(one) for one in [again, *claims[2:4]]], LATER) == [True] * 3
        ledger.record(ONE, [accepted(again), accepted(claims[2]), *refusals], [permit(claims[4])], LATER)
        written[delivery] = _as_written(database, [one.recipient for one in claims[:5]])
    assert written["mixed"] == written["delivery1"]
    assert [row.state for row, _ in written["mixed"]] == ["accepted"] * 3 + ["permitted"] * 2


def _as_written(database: Database, ids: Sequence[str]) -> list[tuple[Any, Any]]:
    """The rows of these recipients and their attempts, without what names recipient or delivery."""
    names = ("id", "delivery_id", "issue", "message_id", "recipient_id")
    chosen = [
        [column for column in table.c if column.name not in names] for table in (tables.recipients, tables.attempts)
    ]
    with database.read() as connection:
        return [
            (
                connection.execute(sa.select(*chosen[0]).where(tables.recipients.c.id == id_)).one(),
                connection.execute(sa.select(*chosen[1]).where(tables.attempts.c.recipient_id == id_)).all(),
            )
            for id_ in ids
        ]


def test_group_in_which_one_row_was_taken_writes_the_others(ledger: StoredLedger, database: Database) -> None:
    claims = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in claims[:2]], NOW)
    stale = [replace(one, epoch=one.epoch - 1) for one in (claims[1], claims[3])]

    granted = ledger.record(ONE, [accepted(claims[0])], [permit(claims[2]), permit(stale[1])], NOW)
    assert granted == [True, False]
    ledger.record(ONE, [settled(stale[0], Decision.hold("lost"), None), accepted(claims[2])], [], NOW)
    shown = rows(database)
    assert [shown[one.recipient] for one in claims[:4]] == ["accepted", "permitted", "accepted", "claimed"]
    assert problems(database) == ()


def test_permit_is_refused_once_the_delivery_is_paused(ledger: StoredLedger, database: Database) -> None:
    [first, *_] = claim_all(ledger)
    Deliveries(database).move("delivery1", DeliveryState.PAUSED, since=DeliveryState.SENDING)

    assert ledger.record(ONE, [], [permit(first)], NOW) == [False]


def test_permit_of_two_deliveries_of_one_issue_is_given_once(ledger: StoredLedger, database: Database) -> None:
    start_delivery(database, "second-one")
    mine, theirs = claim_all(ledger), claim_all(ledger, TWO, delivery="second-one")
    address = mine[0].address
    same = next(one for one in theirs if one.address == address)
    others = [one for one in theirs if one.address != address]

    assert ledger.record(ONE, [], [permit(mine[0])], NOW) == [True]
    # The violation refuses that one permit only, whatever stands before or after it in the batch.
    wanted = [others[0], same, *others[1:]]
    granted = ledger.record(TWO, [], [permit(one) for one in wanted], NOW)
    assert granted == [one is not same for one in wanted]


def test_permit_race_between_two_deliveries_gives_each_address_once(ledger: StoredLedger, database: Database) -> None:
    start_delivery(database, "second-one")
    mine, theirs = claim_all(ledger), claim_all(ledger, TWO, delivery="second-one")
    granted: list[str] = []
    barrier = threading.Barrier(2)

    def work(worker: Worker, claims: list[Claim]) -> None:
        for claim in claims:
            barrier.wait()
            if ledger.record(worker, [], [permit(claim)], NOW) == [True]:
                granted.append(claim.address)

    by_address = {one.address: one for one in theirs}
    pairs = [(one, by_address[one.address]) for one in mine]
    threads = [
        threading.Thread(target=work, args=(ONE, [pair[0] for pair in pairs])),
        threading.Thread(target=work, args=(TWO, [pair[1] for pair in pairs])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(granted) == ADDRESSES


def test_permit_with_again_is_given_although_another_delivery_reached_them(
    ledger: StoredLedger, database: Database
) -> None:
    [first, *_] = claim_all(ledger)
    ledger.record(ONE, [], [permit(first)], NOW)
    ledger.record(ONE, [accepted(first)], [], NOW)
    start_delivery(database, "once-more", again=True)

    claims = claim_all(ledger, TWO, delivery="once-more")

    assert len(claims) == 6
    assert all(ledger.record(TWO, [], [permit(one) for one in claims], NOW))


def test_recover_moves_the_rows_of_dead_workers(ledger: StoredLedger, database: Database) -> None:
    [first, second, *_] = ledger.claim("delivery1", ONE, 3, NOW)
    ledger.record(ONE, [], [permit(first), permit(second)], NOW)
    theirs = claim_all(ledger, TWO)

    recovered = ledger.recover(NOW, lambda worker: worker == ONE)

    assert (recovered.waiting, recovered.unknown) == (1, 2)
    assert sorted(rows(database).values()) == ["claimed"] * len(theirs) + ["unknown"] * 2 + ["waiting"]
    assert not ledger.renew(ONE, YEAR)
    assert ledger.renew(TWO, YEAR)
    assert ledger.claim("delivery1", ONE, 1, NOW) == []  # it was given up; nobody would ever recover what it takes
    assert problems(database) == ()


def test_recover_takes_over_when_a_lease_ran_out(ledger: StoredLedger, database: Database) -> None:
    late = make_worker("late")
    ledger.register(late, -1.0, NOW)
    ledger.claim("delivery1", late, 2, NOW)

    assert ledger.recover(NOW, nobody_is_dead).waiting == 2
    assert set(rows(database).values()) == {"waiting"}


def test_recover_leaves_alone_who_renewed(ledger: StoredLedger) -> None:
    late = make_worker("late")
    ledger.register(late, -1.0, NOW)
    ledger.claim("delivery1", late, 2, NOW)
    assert ledger.renew(late, YEAR)

    assert ledger.recover(NOW, lambda worker: worker in (ONE, TWO)).waiting == 0


def test_worker_is_at_work_while_it_is_believed(ledger: StoredLedger, database: Database) -> None:
    assert has_worker(database, nobody_is_dead)
    assert has_worker(database, lambda worker: worker.id == ONE.id)
    assert not has_worker(database, lambda _: True)
    ledger.deregister(ONE, NOW)
    ledger.renew(TWO, -1.0)
    assert not has_worker(database, nobody_is_dead)


def test_recover_does_not_believe_leases_of_an_earlier_boot(ledger: StoredLedger, database: Database) -> None:
    for worker in (ONE, TWO):
        ledger.deregister(worker, NOW)
    before = make_worker("before", boot="an earlier start")
    ledger.register(before, YEAR, NOW)
    ledger.claim("delivery1", before, 2, NOW)

    assert ledger.recover(NOW, nobody_is_dead).waiting == (2 if database.boot else 0)


def test_leave_gives_claims_back_at_once(ledger: StoredLedger, database: Database) -> None:
    claim_all(ledger)
    ledger.deregister(ONE, NOW)

    assert set(rows(database).values()) == {"waiting"}
    assert len(claim_all(ledger, TWO)) == 6


def given_up(ledger: StoredLedger) -> tuple[Claim, Claim]:
    """A claim and a permitted claim of worker one, which was then taken for dead."""
    [first, second] = ledger.claim("delivery1", ONE, 2, NOW)
    ledger.record(ONE, [], [permit(second)], NOW)
    ledger.recover(NOW, lambda worker: worker == ONE)
    return first, second


@pytest.mark.parametrize(
    ("settlement", "state"),
    [
        ((Decision.done(), Accepted(OK)), "accepted"),
        ((Decision.retry(LATER, "busy"), Deferred(Reply(451, "", "busy"))), "deferred"),
        ((Decision.fail("no"), Rejected(Reply(550, "", "no"))), "rejected"),
        ((Decision.requeue(NOW, "no dot was written"), None), "waiting"),
        ((Decision.hold("line lost"), Unknown("line lost")), "unknown"),
    ],
)
def test_record_of_a_worker_given_up_is_evidence_for_its_own_attempt(
    ledger: StoredLedger, database: Database, settlement: tuple[Decision, Outcome | None], state: str
) -> None:
    _, second = given_up(ledger)

    ledger.record(ONE, [settled(second, *settlement)], [], NOW)

    assert rows(database)[second.recipient] == state
    assert problems(database) == ()


def test_record_of_a_worker_given_up_does_not_touch_a_newer_claim(ledger: StoredLedger, database: Database) -> None:
    first, _ = given_up(ledger)
    [newer] = [one for one in claim_all(ledger, TWO) if one.recipient == first.recipient]

    ledger.record(ONE, [settled(first, Decision.fail("late"), Rejected(Reply(550, "", "late")))], [], NOW)

    assert rows(database)[first.recipient] == "claimed"
    assert ledger.record(TWO, [], [permit(newer)], NOW) == [True]
    with database.read() as connection:
        kept = connection.execute(sa.select(tables.attempts.c.outcome).where(tables.attempts.c.epoch == first.epoch))
        assert "rejected" in kept.scalars().all()  # as evidence


def test_acceptance_known_late_keeps_the_message_from_being_sent_again(
    ledger: StoredLedger, database: Database
) -> None:
    _, second = given_up(ledger)
    resend_unknown(database, "delivery1", NOW)
    [newer] = [one for one in claim_all(ledger, TWO) if one.recipient == second.recipient]

    ledger.record(ONE, [accepted(second)], [], NOW)

    assert rows(database)[second.recipient] == "accepted"
    assert ledger.record(TWO, [], [permit(newer)], NOW) == [False]
    assert problems(database) == ()


def test_finished_delivery_goes_on_when_an_unknown_message_certainly_did_not_leave(
    ledger: StoredLedger, database: Database
) -> None:
    [first, *others] = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in (first, *others)], NOW)
    ledger.recover(NOW, lambda worker: worker.id == ONE.id)
    assert ledger.finish("delivery1", NOW)

    ledger.record(ONE, [accepted(others[0])], [], NOW)
    assert Deliveries(database).get("delivery1").state is DeliveryState.FINISHED
    ledger.record(ONE, [settled(first, Decision.requeue(NOW, "no dot was written"), None)], [], NOW)

    assert rows(database)[first.recipient] == "waiting"
    reopened = Deliveries(database).get("delivery1")
    assert (reopened.state, reopened.finished_at) == (DeliveryState.SENDING, NOW)  # its issue stays in the archive
    assert [one.recipient for one in claim_all(ledger, TWO)] == [first.recipient]
    assert problems(database) == ()


def test_resend_must_equal_what_may_have_arrived(ledger: StoredLedger, database: Database) -> None:
    _, second = given_up(ledger)
    resend_unknown(database, "delivery1", NOW)
    [newer] = [one for one in claim_all(ledger, TWO) if one.recipient == second.recipient]
    assert newer.sha256 == "b" * 64

    # What certainly did not arrive this time may still have arrived the time before.
    ledger.record(TWO, [settled(newer, Decision.requeue(NOW, "line lost"), None)], [], NOW)
    [newest] = [one for one in claim_all(ledger, TWO) if one.recipient == second.recipient]
    assert newest.sha256 == "b" * 64


def test_message_that_certainly_did_not_arrive_may_differ_next_time(ledger: StoredLedger) -> None:
    [first, *_] = claim_all(ledger)
    ledger.record(ONE, [], [permit(first)], NOW)
    ledger.record(ONE, [settled(first, Decision.retry(NOW, "busy"), Deferred(Reply(451, "", "busy")))], [], NOW)

    [again] = claim_all(ledger, TWO)
    assert (again.recipient, again.sha256, again.attempts) == (first.recipient, "", 1)


def test_resolve_by_hand_moves_unknown_recipients(ledger: StoredLedger, database: Database) -> None:
    claims = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in claims], NOW)
    held = [settled(one, Decision.hold("line lost"), Unknown("line lost")) for one in claims[:3]]
    ledger.record(ONE, [accepted(one) for one in claims[3:]] + held, [], NOW)
    assert ledger.finish("delivery1", NOW)

    assert accept_unknown(database, "delivery1", NOW, only=[claims[0].recipient]) == 1
    assert resend_unknown(database, "delivery1", NOW, only=[claims[1].recipient]) == 1

    found = rows(database)
    assert [found[one.recipient] for one in claims[:3]] == ["accepted", "waiting", "unknown"]
    assert Deliveries(database).get("delivery1").state is DeliveryState.SENDING
    assert problems(database) == ()


def test_cancel_excludes_what_waits_and_what_comes_back_later(ledger: StoredLedger, database: Database) -> None:
    [first, second, third] = ledger.claim("delivery1", ONE, 3, NOW)
    ledger.record(ONE, [], [permit(first)], NOW)
    store = Deliveries(database)

    assert store.cancel("delivery1", NOW, since=DeliveryState.SENDING)
    ledger.record(ONE, [accepted(first), settled(second, Decision.requeue(NOW, "line lost"), None)], [], NOW)
    ledger.deregister(ONE, NOW)

    found = rows(database)
    assert (found[first.recipient], found[second.recipient]) == ("accepted", "excluded")
    assert sorted(found.values()) == ["accepted"] + ["excluded"] * 5
    assert {one.reason for one in store.recipients("delivery1", RecipientState.EXCLUDED)} == {"cancelled"}
    assert found[third.recipient] == "excluded"
    assert problems(database) == ()


def test_finish_waits_for_whatever_is_open(ledger: StoredLedger, database: Database) -> None:
    claims = claim_all(ledger)
    assert not ledger.finish("delivery1", NOW)
    ledger.record(ONE, [], [permit(one) for one in claims], NOW)
    assert not ledger.finish("delivery1", NOW)
    ledger.record(ONE, [accepted(one) for one in claims], [], NOW)

    assert ledger.finish("delivery1", NOW)
    assert not ledger.finish("delivery1", NOW)
    assert Deliveries(database).get("delivery1").state is DeliveryState.FINISHED


def test_finish_keeps_nobody_waiting_while_it_reads_and_sees_what_changed_meanwhile(
    ledger: StoredLedger, database: Database
) -> None:
    lost, *others = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in (lost, *others)], NOW)
    ledger.record(ONE, [accepted(one) for one in others], [], NOW)
    ledger.record(ONE, [settled(lost, Decision.hold("lost"), Unknown("lost"))], [], NOW)
    moved: list[int] = []

    def decide(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "address_hash" in statement and "ORDER BY" in statement and not moved:
            moved.append(0)
            moved[0] = accept_unknown(database, "delivery1", NOW)

    sa.event.listen(database._engine, "before_cursor_execute", decide)
    assert not ledger.finish("delivery1", NOW)
    assert moved == [1]
    assert Deliveries(database).get("delivery1").state is DeliveryState.SENDING
    assert ledger.finish("delivery1", NOW)


def _drop(connection: sa.Connection) -> None:
    victim = sa.select(tables.recipients.c.id).limit(1).scalar_subquery()
    connection.execute(sa.delete(tables.attempts).where(tables.attempts.c.recipient_id == victim))
    connection.execute(sa.delete(tables.recipients).where(tables.recipients.c.id == victim))


def _swap(connection: sa.Connection) -> None:
    first = connection.execute(sa.select(tables.recipients.c.id).order_by(tables.recipients.c.id).limit(1)).scalar()
    changed = sa.update(tables.recipients).where(tables.recipients.c.id == first)
    connection.execute(changed.values(address_hash="z" * 26))


def _twice(connection: sa.Connection) -> None:
    row = connection.execute(sa.select(tables.attempts).limit(1)).one()
    connection.execute(sa.insert(tables.attempts).values(**dict(row._mapping) | {"epoch": row.epoch + 1}))


def _unmark(connection: sa.Connection) -> None:
    connection.execute(sa.update(tables.recipients).values(state="rejected"))


def _mark(connection: sa.Connection) -> None:
    connection.execute(sa.update(tables.attempts).values(outcome="rejected"))


@pytest.mark.parametrize("damage", [_drop, _swap, _twice, _unmark, _mark])
def test_delivery_that_cannot_be_reconciled_does_not_finish(
    ledger: StoredLedger, database: Database, damage: object
) -> None:
    claims = claim_all(ledger)
    ledger.record(ONE, [], [permit(one) for one in claims], NOW)
    ledger.record(ONE, [accepted(one) for one in claims], [], NOW)
    assert problems(database) == ()
    with database.write() as connection:
        damage(connection)  # type: ignore[operator]

    assert problems(database) != ()
    assert not ledger.finish("delivery1", NOW)
    halted = Deliveries(database).get("delivery1")
    assert halted.state is DeliveryState.HALTED
    assert halted.reason


def test_reconcile_finds_an_address_reached_by_two_deliveries(ledger: StoredLedger, database: Database) -> None:
    start_delivery(database, "second-one")
    with database.write() as connection:
        connection.execute(sa.text("DROP INDEX uq_recipients_once"))
        connection.execute(sa.update(tables.recipients).values(state="accepted", reason="resolved"))

    assert "Accepted more than once" in problems(database)[0]


def test_halt_stops_only_what_is_sending(ledger: StoredLedger, database: Database) -> None:
    store = Deliveries(database)
    store.create(make_order("prepared"), NOW)
    ledger.halt("delivery1", "20 refusals")
    ledger.halt("prepared", "20 refusals")

    assert (store.get("delivery1").state, store.get("delivery1").reason) == (DeliveryState.HALTED, "20 refusals")
    assert store.get("prepared").state is DeliveryState.PREPARING
    assert ledger.sending() == []


def test_record_lets_go_of_recipients_that_a_restored_database_does_not_know(
    ledger: StoredLedger, database: Database
) -> None:
    claims = claim_all(ledger)
    strangers = [replace(claim, recipient=f"{number}" * 16, delivery="gone") for number, claim in enumerate(claims, 2)]
    answers = ledger.record(make_worker(), [accepted(strangers[0]), accepted(claims[0])], [permit(strangers[1])], NOW)
    assert answers == [False]
    assert rows(database)[claims[0].recipient] == "accepted"


def test_record_leaves_to_the_journal_what_an_older_copy_does_not_know(
    ledger: StoredLedger, database: Database
) -> None:
    """The worker claimed and was permitted before the copy was put back, in which nothing had been claimed yet."""
    claims = claim_all(ledger)
    assert all(ledger.record(ONE, [], [permit(claim) for claim in claims], NOW))
    with database.write() as connection:
        connection.execute(sa.delete(tables.attempts))
        connection.execute(sa.update(tables.recipients).values(state="waiting", epoch=0, worker="", sha256=""))
    ledger.record(ONE, [accepted(claims[0]), settled(claims[1], Decision.hold("lost"), Unknown("lost"))], [], NOW)
    assert set(rows(database).values()) == {"waiting"}
    assert problems(database) == ()
    again = claim_all(ledger, TWO, LATER)
    assert all(ledger.record(TWO, [], [permit(claim) for claim in again], LATER))
