"""Reconcile: what must hold between a delivery's stored numbers and its rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.reporting.reconcile import Counts, reconcile
from newsletter.reporting.report import Summary, failures_of

DELIVERY = Delivery(
    id="d", issue="first", state=DeliveryState.SENDING, hash="h", lists=("weekly",), languages=("en",), again=False,
    created_at=datetime(2026, 11, 23, tzinfo=UTC), frozen_count=5, frozen_digest="abc",
)  # fmt: skip
STATES = {RecipientState.ACCEPTED: 3, RecipientState.UNKNOWN: 1, RecipientState.EXCLUDED: 1}
COUNTS = Counts(by_state=STATES, digest="abc")


def test_delivery_is_reconciled_when_rows_are_those_that_were_frozen() -> None:
    assert reconcile(DELIVERY, COUNTS) == ()


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (replace(COUNTS, by_state={RecipientState.ACCEPTED: 3}), "5 recipients were frozen, but the ledger has 3"),
        (replace(COUNTS, digest="abd"), "not those that were frozen"),
        (replace(COUNTS, twice=("x",)), "Accepted more than once: x"),
        (replace(COUNTS, disagreeing=tuple(f"r{n:02}" for n in range(12))), "r09 and 2 more"),
    ],
)
def test_reconcile_names_what_differs(counts: Counts, words: str) -> None:
    [problem] = reconcile(DELIVERY, counts)
    assert words in problem


def test_reconcile_waits_for_the_audience_to_be_complete() -> None:
    unfinished = replace(DELIVERY, state=DeliveryState.PREPARING, frozen_count=None, frozen_digest="")
    assert reconcile(unfinished, COUNTS) == ()
    assert Summary(unfinished, STATES, {}).counts["frozen"] == 5


def test_counts_name_every_state() -> None:
    assert Summary(DELIVERY, STATES, {}).counts == {
        "frozen": 5, "waiting": 0, "claimed": 0, "permitted": 0, "accepted": 3, "deferred": 0, "rejected": 0,
        "unknown": 1, "suppressed": 0, "excluded": 1,
    }  # fmt: skip


def test_summary_says_by_itself_that_the_counts_do_not_add_up() -> None:
    assert Summary(DELIVERY, STATES, {}).problems == ()
    [problem] = Summary(DELIVERY, {RecipientState.ACCEPTED: 3}, {}).problems
    assert problem == "5 recipients were frozen, but the ledger has 3"


def test_failures_are_counted_by_provider_and_what_they_are_about() -> None:
    rows = [
        ("gmail", "rejected", "invalid_address: 550 5.1.1 no such user", 3),
        ("gmail", "rejected", "invalid_address at final dot: 550 5.1.1 no", 1),
        ("gmail", "waiting", "ours (quota: 550 5.4.5 daily limit)", 9),
        ("gmx", "rejected", "expired: transient: 451 later", 2),
        ("gmx", "rejected", "policy: 550 5.7.1 unsolicited", 1),
        ("other", "waiting", "halted before it could be sent", 4),
        ("other", "deferred", "451 later, of an older version", 1),
    ]
    assert [(one.provider, one.state, one.reason, one.count) for one in failures_of(rows)] == [
        ("gmail", "waiting", "quota", 9),
        ("gmail", "rejected", "invalid_address", 4),
        ("other", "waiting", "other", 4),
        ("gmx", "rejected", "expired", 2),
        ("gmx", "rejected", "policy", 1),
        ("other", "deferred", "other", 1),
    ]
