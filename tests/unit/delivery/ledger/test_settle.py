"""What a settlement makes of its row, in examples; tests/golden/settle.txt holds every case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.ledger import Claim, Decision, RecipientState, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.settle import LockedRow, outcome_name, reply_text, settle

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
CLAIM = Claim("r", "d", epoch=3, address="a@b.example", language="en", dated_at=NOW, attempts=0, eligible_at=NOW)
BUSY, NO = Reply(451, "4.7.1", "later"), Reply(550, "5.1.1", "no")
OK = Accepted(Reply(250, "", "ok"))


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (Decision.done(), OK),
        (Decision.retry(LATER, "busy"), Deferred(BUSY)),
        (Decision.requeue(LATER, "ours: no"), Rejected(NO)),
        (Decision.fail("no"), Rejected(NO)),
        (Decision.hold("lost"), Unknown("lost")),
        (Decision.skip("render"), None),
    ],
)
def test_decision_of_the_holder_is_written_as_it_is(decision: Decision, outcome: Outcome | None) -> None:
    row = LockedRow(RecipientState.PERMITTED, 3, "w")
    assert settle(row, Settlement(CLAIM, decision, outcome), "w") == decision


def test_acceptance_ends_a_row_that_another_worker_has_claimed_since() -> None:
    row = LockedRow(RecipientState.CLAIMED, 4, "other")
    assert settle(row, Settlement(CLAIM, Decision.done(), OK), "w") == Decision.done()


def test_refusal_of_a_reclaimed_attempt_changes_nothing() -> None:
    row = LockedRow(RecipientState.CLAIMED, 4, "other")
    assert settle(row, Settlement(CLAIM, Decision.fail("no"), Rejected(NO)), "w") is None


def test_recipient_who_may_have_the_message_is_never_written_off() -> None:
    row = LockedRow(RecipientState.PERMITTED, 3, "w", in_doubt=True)
    change = settle(row, Settlement(CLAIM, Decision.fail("no"), Rejected(NO)), "w")
    assert change == Decision(RecipientState.UNKNOWN, "no", counts=True, in_doubt=True)


@pytest.mark.parametrize("decision", [Decision.requeue(LATER, "reset"), Decision.retry(LATER, "busy")])
def test_nothing_waits_in_a_cancelled_delivery(decision: Decision) -> None:
    row = LockedRow(RecipientState.CLAIMED, 3, "w", cancelled=True)
    change = settle(row, Settlement(CLAIM, decision, None), "w")
    assert change == Decision(RecipientState.EXCLUDED, "cancelled", counts=decision.counts)


@pytest.mark.parametrize(
    ("outcome", "name", "reply"),
    [
        (Accepted(Reply(250, "2.0.0", "ok")), "accepted", "250 2.0.0 ok"),
        (Deferred(BUSY), "deferred", "451 4.7.1 later"),
        (Rejected(NO), "rejected", "550 5.1.1 no"),
        (Unknown("lost"), "unknown", ""),
        (None, "aborted", ""),
    ],
)
def test_attempt_keeps_the_outcome_and_the_reply(outcome: Outcome | None, name: str, reply: str) -> None:
    settlement = Settlement(CLAIM, Decision.hold("x"), outcome)
    assert (outcome_name(settlement), reply_text(settlement)) == (name, reply)
