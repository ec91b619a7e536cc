"""Which settlements change a row, and which came too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.ledger import MAY_HAVE_ARRIVED, Claim, RecipientState, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.retry import Accept, Decision, Exclude, GiveUp, GoBack, Hold, TryAgain
from newsletter.delivery.ledger.settle import Standing, outcome_name, reply_text, settle

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
CLAIM = Claim("r", "d", epoch=3, address="a@b.example", language="en", dated_at=NOW, attempts=0, eligible_at=NOW)
BUSY, NO = Reply(451, "4.7.1", "later"), Reply(550, "5.1.1", "no")

DECIDED: list[tuple[Decision, Outcome | None, str, bool]] = [
    (Accept(), Accepted(Reply(250, "", "ok")), "accepted", True),
    (TryAgain(LATER, "busy"), Deferred(BUSY), "deferred", True),
    (GiveUp("no"), Rejected(NO), "rejected", True),
    (Hold("lost"), Unknown("lost"), "unknown", True),
    (Hold("held"), None, "unknown", False),
    (GoBack(LATER, "reset"), None, "waiting", False),
    (Exclude("render"), None, "excluded", False),
]


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
@pytest.mark.parametrize("stands", [RecipientState.CLAIMED, RecipientState.PERMITTED])
def test_settlement_of_the_holder_is_applied(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool, stands: RecipientState
) -> None:
    change = settle(Standing(stands, 3, "w"), Settlement(CLAIM, decision, outcome), "w")
    assert change is not None
    assert (change.state.value, change.counts) == (state, counts)
    assert (change.next_at is not None) == (state in ("waiting", "deferred"))


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
@pytest.mark.parametrize("stands", list(RecipientState))
@pytest.mark.parametrize(("epoch", "worker"), [(4, "w"), (3, "other"), (4, "other"), (3, "")])
def test_settlement_of_anybody_else_is_evidence_at_most(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool, stands: RecipientState, epoch: int,
    worker: str,
) -> None:  # fmt: skip
    change = settle(Standing(stands, epoch, worker), Settlement(CLAIM, decision, outcome), "w")
    over = (RecipientState.ACCEPTED, RecipientState.REJECTED, RecipientState.EXCLUDED, RecipientState.SUPPRESSED)
    is_own = epoch == 3 and worker == ""
    is_news = stands is RecipientState.UNKNOWN and is_own and state not in ("unknown", "excluded")
    is_lost = stands is RecipientState.WAITING and epoch == 3 and isinstance(outcome, Unknown)  # see below
    assert (change is not None) == (is_news or is_lost or (state == "accepted" and stands not in over))


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
@pytest.mark.parametrize("stands", [one for one in RecipientState if one not in MAY_HAVE_ARRIVED])
@pytest.mark.parametrize("worker", ["w", ""])
def test_row_that_is_behind_the_claim_learns_all_of_it(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool, stands: RecipientState, worker: str
) -> None:
    """It comes from an older copy of the database, put back under the worker."""
    change = settle(Standing(stands, 2, worker), Settlement(CLAIM, decision, outcome), "w")
    assert change is not None
    assert (change.state.value, change.counts, change.in_doubt) == (state, counts, False)


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
@pytest.mark.parametrize("stands", [RecipientState.PERMITTED, RecipientState.UNKNOWN])
def test_row_that_is_behind_the_claim_stays_in_doubt_about_what_it_knows(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool, stands: RecipientState
) -> None:
    change = settle(Standing(stands, 2, "w"), Settlement(CLAIM, decision, outcome), "w")
    assert change is not None
    wanted = "unknown" if state in ("rejected", "excluded") else state
    assert (change.state.value, change.counts, change.in_doubt) == (wanted, counts, True)


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
@pytest.mark.parametrize("stands", [RecipientState.CLAIMED, RecipientState.PERMITTED])
def test_row_that_is_behind_the_claim_stays_with_whoever_has_it_now_unless_a_relay_decided(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool, stands: RecipientState
) -> None:
    change = settle(Standing(stands, 2, "other"), Settlement(CLAIM, decision, outcome), "w")
    in_doubt = stands is RecipientState.PERMITTED
    if outcome is None or state == "deferred":
        assert change is None
    else:
        assert change is not None
        wanted = "unknown" if in_doubt and state == "rejected" else state
        assert (change.state.value, change.counts, change.in_doubt) == (wanted, counts, in_doubt)


def test_message_lost_under_a_claim_that_a_copy_gave_back_is_unknown_unless_it_is_sent_again() -> None:
    lost = Settlement(CLAIM, Hold("lost"), Unknown("lost"))
    change = settle(Standing(RecipientState.WAITING, 3, ""), lost, "w")
    assert change is not None
    assert change.state is RecipientState.UNKNOWN
    assert settle(Standing(RecipientState.WAITING, 3, "", in_doubt=True), lost, "w") is None


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
def test_row_that_is_behind_the_claim_stays_accepted(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool
) -> None:
    assert settle(Standing(RecipientState.ACCEPTED, 2, ""), Settlement(CLAIM, decision, outcome), "w") is None


@pytest.mark.parametrize("stands", [RecipientState.ACCEPTED, RecipientState.REJECTED, RecipientState.EXCLUDED])
def test_settlement_changes_nothing_that_is_over(stands: RecipientState) -> None:
    assert settle(Standing(stands, 3, ""), Settlement(CLAIM, Accept(), Accepted(BUSY)), "w") is None


@pytest.mark.parametrize(("decision", "outcome", "state", "counts"), DECIDED)
def test_recipient_in_doubt_is_never_written_off(
    decision: Decision, outcome: Outcome | None, state: str, counts: bool
) -> None:
    standing = Standing(RecipientState.PERMITTED, 3, "w", in_doubt=True)
    change = settle(standing, Settlement(CLAIM, decision, outcome), "w")
    assert change is not None
    assert change.state.value == ("unknown" if state in ("rejected", "excluded") else state)
    assert change.counts == counts


@pytest.mark.parametrize("decision", [GoBack(LATER, "reset"), TryAgain(LATER, "busy")])
def test_nothing_waits_in_a_cancelled_delivery(decision: Decision) -> None:
    standing = Standing(RecipientState.CLAIMED, 3, "w", cancelled=True)
    change = settle(standing, Settlement(CLAIM, decision, None), "w")
    assert change is not None
    assert (change.state.value, change.reason, change.next_at) == ("excluded", "cancelled", None)


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
    settlement = Settlement(CLAIM, Hold("x"), outcome)
    assert (outcome_name(settlement), reply_text(settlement)) == (name, reply)
