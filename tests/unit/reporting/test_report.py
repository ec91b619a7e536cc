"""The equation: what must hold between a delivery's stored numbers and its rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.reporting.report import Counts, counts_of, reconcile

DELIVERY = Delivery(
    id="d", issue="first", state=DeliveryState.SENDING, hash="h", lists=("weekly",), languages=("en",), again=False,
    created_at=datetime(2026, 11, 23, tzinfo=UTC), frozen_count=5, frozen_digest="abc",
)  # fmt: skip
BOOKS = Counts(counts={RecipientState.ACCEPTED: 3, RecipientState.UNKNOWN: 1, RecipientState.EXCLUDED: 1}, digest="abc")


def test_equation_holds_when_rows_are_those_that_were_frozen() -> None:
    assert reconcile(DELIVERY, BOOKS) == ()


@pytest.mark.parametrize(
    ("books", "words"),
    [
        (replace(BOOKS, counts={RecipientState.ACCEPTED: 3}), "5 recipients were frozen, but the ledger has 3"),
        (replace(BOOKS, digest="abd"), "not those that were frozen"),
        (replace(BOOKS, twice=("x",)), "Accepted more than once: x"),
        (replace(BOOKS, disagreeing=tuple(f"r{n:02}" for n in range(12))), "r09 and 2 more"),
    ],
)
def test_equation_names_what_does_not_balance(books: Counts, words: str) -> None:
    [problem] = reconcile(DELIVERY, books)
    assert words in problem


def test_equation_waits_for_the_audience_to_be_complete() -> None:
    unfinished = replace(DELIVERY, state=DeliveryState.PREPARING, frozen_count=None, frozen_digest="")
    assert reconcile(unfinished, BOOKS) == ()
    assert counts_of(unfinished, BOOKS)["frozen"] == 5


def test_counts_name_every_state() -> None:
    assert counts_of(DELIVERY, BOOKS) == {
        "frozen": 5, "waiting": 0, "claimed": 0, "permitted": 0, "accepted": 3, "deferred": 0, "rejected": 0,
        "unknown": 1, "suppressed": 0, "excluded": 1,
    }  # fmt: skip
