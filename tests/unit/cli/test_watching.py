"""A send that is watched: what it waits for, what is said of its outcome, and its exit code."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.app.sending.worker import SendResult
from newsletter.cli.watching import ending_of, outcome_lines, pace, tell_once
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.sender.sender import Ending
from newsletter.delivery.sender.throttle import Pause
from newsletter.reporting.report import Summary

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def summary(state: DeliveryState, left: RecipientState, *, frozen: int | None = 1, **more: Any) -> Summary:
    delivery = Delivery(
        id="d", issue="first", state=state, hash="h", lists=("weekly",), languages=("en",), again=False,
        created_at=datetime(2026, 11, 23, tzinfo=UTC), not_eligible={"pending": 2}, frozen_count=frozen,
    )  # fmt: skip
    return Summary(delivery, {left: 1}, **{"reasons": {}, **more})


def code(state: DeliveryState, left: RecipientState = RecipientState.ACCEPTED, *, frozen: int = 1) -> int:
    shown = summary(state, left, frozen=frozen)
    return ending_of(shown, SendResult(shown.delivery, Ending.DONE))


@pytest.mark.parametrize("state", DeliveryState)
def test_only_a_finished_delivery_came_to_its_end(state: DeliveryState) -> None:
    assert code(state) == (0 if state is DeliveryState.FINISHED else 3)


@pytest.mark.parametrize("left", [RecipientState.DEFERRED, RecipientState.UNKNOWN])
def test_finished_delivery_with_somebody_left_stopped_early(left: RecipientState) -> None:
    assert code(DeliveryState.FINISHED, left) == 3


def test_counts_that_do_not_add_up_are_a_failure() -> None:
    assert code(DeliveryState.FINISHED, frozen=2) == 1


def test_unreachable_relay_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    shown = summary(DeliveryState.SENDING, RecipientState.WAITING)
    assert ending_of(shown, SendResult(shown.delivery, Ending.NO_RELAY)) == 3
    assert "newsletter deliveries resume d" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "attended", "told"),
    [
        (DeliveryState.SENDING, False, "No sender process is running for d. Continue: newsletter deliveries resume d"),
        (
            DeliveryState.PREPARING,
            False,
            "No sender process is running for d. Continue: newsletter deliveries resume d",
        ),
        (DeliveryState.SENDING, True, "A sender process is running."),
        (DeliveryState.PAUSED, True, "Continue: newsletter deliveries resume d"),
        (DeliveryState.SCHEDULED, False, 'It starts by itself while "newsletter serve" is running.'),
        (DeliveryState.FINISHED, True, "  2 not eligible: pending confirmation"),
    ],
)
def test_outcome_ends_with_what_happens_now(state: DeliveryState, attended: bool, told: str) -> None:
    assert list(outcome_lines(summary(state, RecipientState.ACCEPTED, attended=attended), now=NOW))[-1] == told


def test_outcome_of_counts_that_do_not_add_up_says_how_to_look() -> None:
    lines = list(outcome_lines(summary(DeliveryState.PAUSED, RecipientState.ACCEPTED, frozen=2), now=NOW))
    assert lines[-2] == "See what is wrong: newsletter deliveries verify d"
    assert lines[-1].endswith("2 recipients were frozen, but the ledger has 1")


def test_outcome_says_when_the_next_is_due() -> None:
    due = NOW + timedelta(hours=2, minutes=6)
    waiting = summary(DeliveryState.SENDING, RecipientState.DEFERRED, next_at=due)
    last = list(outcome_lines(waiting, lambda moment: f"{moment:%H:%M}", now=NOW))[-1]
    assert last.startswith("The next attempt of delivery d is due at 11:06. Leave it to newsletter serve")
    assert list(outcome_lines(waiting, now=due))[-1].startswith("No sender process is running for d.")


def test_outcome_says_reasons_in_words() -> None:
    reasons = {RecipientState.EXCLUDED: {"already_received": 1}}
    lines = list(outcome_lines(summary(DeliveryState.FINISHED, RecipientState.EXCLUDED, reasons=reasons), now=NOW))
    assert lines[:2] == ["finished: 1 excluded", "  1 excluded: got this issue before, or may have"]
    assert "No message was sent" in lines[-1]
    many = replace(
        summary(DeliveryState.FINISHED, RecipientState.EXCLUDED), reasons={RecipientState.EXCLUDED: {"x": 0}}
    )
    assert "  some excluded: x" in list(outcome_lines(many, now=NOW))


def test_delivery_that_has_not_started_says_why_it_has_no_recipients() -> None:
    for state, told in ((DeliveryState.SCHEDULED, "are counted when it starts"), (DeliveryState.CANCELLED, "never")):
        nobody = replace(summary(state, RecipientState.ACCEPTED, frozen=0), states={})
        assert told in next(outcome_lines(nobody, now=NOW))


def test_pace_tells_rate_and_what_is_left_of_all_senders_together() -> None:
    looks: deque[tuple[float, int]] = deque(maxlen=30)

    def line(now: float, **states: int) -> str:
        sending = summary(DeliveryState.SENDING, RecipientState.WAITING, frozen=sum(states.values()))
        seen = {RecipientState(name): count for name, count in states.items()}
        return pace(looks, replace(sending, states=seen), now)

    assert line(0.0, waiting=10_000, excluded=500) == "500 of 10,500"
    assert line(10.0, waiting=9_000, claimed=40, permitted=4, accepted=900, deferred=56, excluded=500) == (
        "1,400 of 10,500 · 90.0/s · 0:01:40 left"
    )
    assert line(20.0, waiting=9_994, accepted=6, excluded=500) == "506 of 10,500 · 0.3/s · 9:15:13 left"


def test_pace_of_a_delivery_that_is_not_frozen_yet_is_unknown() -> None:
    preparing = summary(DeliveryState.PREPARING, RecipientState.WAITING, frozen=None)
    assert pace(deque(), preparing, 1.0) == "preparing: 1 recipient"


def test_trouble_is_told_once_and_how_to_stop_with_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    tell = tell_once()
    for text in ("no relay", "no relay", "disk full", "no relay"):
        tell(text)
    assert capsys.readouterr().err.splitlines() == [
        "Waiting: no relay",
        "  Ctrl+C stops; nothing is lost, and no recipient gets it twice.",
        "Waiting: disk full",
    ]


def test_outcome_lists_what_is_paused_and_what_is_halted() -> None:
    until = NOW + timedelta(minutes=5)
    pauses = (Pause("", "", "rate: 450 slow down", NOW, until), Pause("d", "gmx", "550 no", NOW, None))
    shown = summary(DeliveryState.SENDING, RecipientState.WAITING, pauses=pauses, attended=True)
    lines = list(outcome_lines(shown, lambda when: f"{when:%H:%M}", now=NOW))
    assert "  everything waits until 09:05: rate: 450 slow down" in lines
    assert "  gmx is halted until you resume the delivery: 550 no" in lines
    assert lines[-1] == "Let the halted providers go on: newsletter deliveries resume d"


def test_outcome_says_how_long_the_rate_takes() -> None:
    shown = replace(summary(DeliveryState.SENDING, RecipientState.WAITING), rate="1/day", takes=timedelta(days=1))
    assert "  at 1/day: 0 may leave now, the last in 24 hours" in list(outcome_lines(shown, now=NOW))
