"""What is decided after each outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.ledger import Decision
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected, Reply, Unknown
from newsletter.delivery.ledger.retry import RetryPolicy, Standing, after_policy, decide, set_back

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
        (Rejected(Reply(550, "5.1.1", "no such user")), Decision.fail("invalid_address: 550 5.1.1 no such user")),
        (Rejected(NO, Classification.POLICY), Decision.requeue(SOON, "ours (policy: 550 5.7.1 no)")),
        (Unknown("line lost"), Decision.hold("line lost")),
        (BUSY, Decision.retry(SOON, "transient: 451 4.7.1 later")),
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
        NOW + timedelta(minutes=minutes), "transient: 451 4.7.1 later"
    )


def test_deferred_message_is_given_up_when_the_next_try_would_come_too_late() -> None:
    early, late = NOW - timedelta(hours=47, minutes=50), NOW - timedelta(hours=47, minutes=51)
    assert after(BUSY, attempts=1, eligible_at=early).state == "deferred"
    assert after(BUSY, attempts=1, eligible_at=late) == Decision.fail("expired: transient: 451 4.7.1 later")


def test_first_attempt_never_expires_however_late_it_is_made() -> None:
    assert after(BUSY, eligible_at=NOW - timedelta(days=30)) == Decision.retry(SOON, "transient: 451 4.7.1 later")


BLOCKED = Rejected(NO, Classification.POLICY, Stage.RCPT)


def after_refusal(refusal: Deferred | Rejected, before: int, *, neighbours: bool, **changes: object) -> Decision | None:
    values = {"attempts": 0, "eligible_at": NOW, "now": NOW, "policy": RetryPolicy(), **changes}
    return after_policy(refusal, Standing(before, neighbours), **values)  # type: ignore[arg-type]


def test_policy_refuses_one_recipient_three_times_beside_accepted_neighbours() -> None:
    assert [after_refusal(BLOCKED, before, neighbours=True) for before in range(3)] == [
        Decision.requeue(NOW + timedelta(minutes=5), "ours (policy: 550 5.7.1 no)"),
        Decision.requeue(NOW + timedelta(minutes=10), "ours (policy: 550 5.7.1 no)"),
        Decision.fail("policy: 550 5.7.1 no"),
    ]


def test_policy_that_refuses_everybody_at_a_provider_is_not_about_the_recipient() -> None:
    first, second, third = (after_refusal(BLOCKED, before, neighbours=False) for before in range(3))
    assert first
    assert second
    assert not first.counts
    assert not second.counts
    assert third is None


def test_policy_that_says_not_now_expires_only_beside_accepted_neighbours() -> None:
    later = Deferred(Reply(451, "4.7.1", "suspicious"), Classification.CONTENT, Stage.DOT)
    late = {"attempts": 9, "eligible_at": NOW - timedelta(days=3)}
    alone = after_refusal(later, 0, neighbours=False, **late)
    assert alone
    assert (alone.state, alone.counts) == ("waiting", False)
    assert after_refusal(later, 0, neighbours=True, **late) == Decision.fail("expired: content: 451 4.7.1 suspicious")


@pytest.mark.parametrize(
    "outcome",
    [
        Deferred(Reply(450, "4.2.1", "slow down"), Classification.RATE, Stage.MAIL),
        Deferred(Reply(451, "4.7.1", "unknown client"), Classification.REPUTATION, Stage.MAIL),
        Rejected(Reply(550, "5.4.5", "daily quota"), Classification.QUOTA, Stage.DOT),
        Rejected(Reply(554, "5.3.2", "not accepting"), Classification.RELAY_DOWN, Stage.RCPT),
    ],
)
def test_limit_of_ours_counts_no_attempt_and_never_expires(outcome: Deferred | Rejected) -> None:
    for setbacks, seconds in ((0, 0), (1, 1), (50, 300)):
        decision = after(outcome, setbacks=setbacks, eligible_at=NOW - timedelta(days=30))
        assert (decision.state.value, decision.counts) == ("waiting", False)
        assert decision.next_at == NOW + timedelta(seconds=seconds)
        assert decision.reason == f"ours ({outcome})"


def test_pauses_of_all_grow_up_to_an_hour() -> None:
    pauses = [RetryPolicy().pause_of_all(times, Classification.RATE).total_seconds() for times in (1, 2, 3, 9, 99)]
    assert pauses == [10, 20, 40, 2560, 3600]
    assert RetryPolicy().pause_of_all(1, Classification.QUOTA) == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("setbacks", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (999, 300)]
)
def test_message_that_breaks_connections_rests_longer_each_time(setbacks: int, seconds: int) -> None:
    decision = set_back("reset", setbacks=setbacks, now=NOW, policy=RetryPolicy())
    assert decision == Decision.requeue(NOW + timedelta(seconds=seconds), "reset")
