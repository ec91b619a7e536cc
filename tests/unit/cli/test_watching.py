"""The exit code of a foreground send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsletter.app.sender import Sent
from newsletter.cli.watching import ending_of
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger import RecipientState
from newsletter.delivery.send import Ending
from newsletter.reporting.report import Books, Report


def code(state: DeliveryState, left: RecipientState = RecipientState.ACCEPTED, problems: tuple[str, ...] = ()) -> int:
    delivery = Delivery(
        id="d", issue="first", state=state, hash="h", lists=("weekly",), languages=("en",), again=False,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )  # fmt: skip
    report = Report(delivery, Books({left: 1}, "abc"), problems, languages={"en": 1}, reasons={})
    return ending_of(report, Sent(delivery, Ending.DONE))


@pytest.mark.parametrize("state", DeliveryState)
def test_only_a_finished_delivery_came_to_its_end(state: DeliveryState) -> None:
    assert code(state) == (0 if state is DeliveryState.FINISHED else 3)


@pytest.mark.parametrize("left", [RecipientState.DEFERRED, RecipientState.UNKNOWN])
def test_finished_delivery_with_somebody_left_stopped_early(left: RecipientState) -> None:
    assert code(DeliveryState.FINISHED, left) == 3


def test_books_that_do_not_balance_are_a_failure() -> None:
    assert code(DeliveryState.CANCELLED, problems=("one too many",)) == 1
