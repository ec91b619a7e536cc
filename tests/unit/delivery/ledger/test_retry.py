"""What is decided after each outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Decision
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected, Reply, Unknown
from newsletter.delivery.ledger.retry import RetryPolicy, decide, set_back

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
NO, CLOSING = Reply(550, "5.7.1", "no"), Reply(421, "4.3.2", "closing")
BUSY = Deferred(Reply(451, "4.7.1", "later"))


def after(outcome: object, **changes: object) -> Decision:
    values = {"attempts": 0, "eligible_at": NOW, "now": NOW, "policy": RetryPolicy(), **changes}
    return decide(outcome, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (Accepted(Reply(250, "", "ok")), Decision.done()),
        (Rejected(Reply(550, "5.1.1", "no such user")), Decision.fail("550 5.1.1 no such user")),
        (Rejected(NO, Classification.POLICY), Decision.requeue(SOON, "ours (policy): 550 5.7.1 no", counts=True)),
        (Unknown("line lost"), Decision.hold("line lost")),
        (BUSY, Decision.retry(SOON, "451 4.7.1 later")),
        (Deferred(CLOSING, Classification.RELAY_DOWN), Decision.requeue(NOW, "421 4.3.2 closing")),
    ],
)  # fmt: skip
def test_decide_after_each_kind_of_outcome(outcome: object, decision: Decision) -> None:
    assert after(outcome) == decision


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 240), (7, 240), (10_000, 240)]
)
def test_pauses_grow_up_to_four_hours(attempts: int, minutes: int) -> None:
    policy = RetryPolicy(expiry=timedelta(days=9))
    assert after(BUSY, attempts=attempts, policy=policy) == Decision.retry(
        NOW + timedelta(minutes=minutes), "451 4.7.1 later"
    )


def test_deferred_message_is_given_up_when_the_next_try_would_come_too_late() -> None:
    early, late = NOW - timedelta(hours=47, minutes=50), NOW - timedelta(hours=47, minutes=51)
    assert after(BUSY, attempts=1, eligible_at=early).state == "deferred"
    assert after(BUSY, attempts=1, eligible_at=late) == Decision.fail("expired: 451 4.7.1 later")


def test_first_attempt_never_expires_however_late_it_is_made() -> None:
    assert after(BUSY, eligible_at=NOW - timedelta(days=30)) == Decision.retry(SOON, "451 4.7.1 later")


@pytest.mark.parametrize("reason", [Classification.POLICY, Classification.CONTENT, Classification.REPUTATION])
def test_refusal_of_ours_that_never_ends_expires_with_its_reason(reason: Classification) -> None:
    refused = Rejected(NO, reason)
    eligible_at, now, attempts = NOW, NOW, 0
    while (decision := after(refused, attempts=attempts, eligible_at=eligible_at, now=now)).next_at:
        assert (decision.state, decision.counts) == ("waiting", True)
        now, attempts = decision.next_at, attempts + 1
    assert decision == Decision.fail(f"expired: ours ({reason}): 550 5.7.1 no")
    assert timedelta(hours=44) <= now - NOW <= timedelta(hours=48)


@pytest.mark.parametrize(
    "outcome",
    [
        Deferred(Reply(450, "4.2.1", "slow down"), Classification.RATE),
        Rejected(Reply(550, "5.4.5", "daily quota"), Classification.QUOTA),
    ],
)
def test_limit_of_ours_counts_no_attempt_never_expires_and_is_tried_less_and_less(outcome: Deferred | Rejected) -> None:
    for setbacks, minutes in ((0, 5), (1, 10), (50, 240)):
        decision = after(outcome, setbacks=setbacks, eligible_at=NOW - timedelta(days=30))
        assert (decision.state.value, decision.counts) == ("waiting", False)
        assert decision.next_at == NOW + timedelta(minutes=minutes)
        assert decision.reason == f"ours ({outcome.classification}): {outcome.reply}"


@pytest.mark.parametrize(
    ("setbacks", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (999, 300)]
)
def test_message_that_breaks_connections_rests_longer_each_time(setbacks: int, seconds: int) -> None:
    decision = set_back("reset", setbacks=setbacks, now=NOW, policy=RetryPolicy())
    assert decision == Decision.requeue(NOW + timedelta(seconds=seconds), "reset")
