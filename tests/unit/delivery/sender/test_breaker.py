"""When a delivery is halted, and that a resumed one is counted from zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from letters import CLAIM

from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import Decision, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Rejected, Reply
from newsletter.delivery.sender.breaker import MOST_ALIKE, MOST_REFUSALS, MOST_UNRENDERED, Breaker
from newsletter.delivery.sender.handover import Handover

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOOD = Handover(Settlement(CLAIM, Decision.done(), Accepted(Reply(250, "", "ok"))), is_answered=True)
BAD = Handover(Settlement(CLAIM, Decision.skip("render"), None), trouble="no name", is_unrendered=True)


def refused(number: int, classification: Classification = Classification.QUOTA) -> Handover:
    outcome = Rejected(Reply(550, "5.4.5", "daily limit"), classification)
    claim = replace(CLAIM, recipient=f"r{number}")
    return Handover(Settlement(claim, Decision.requeue(NOW, "ours"), outcome), is_answered=True)


def halts(results: list[Handover]) -> list[tuple[int, str]]:
    """After how many results the delivery was to be halted, and why; it is resumed at once each time."""
    breaker, found = Breaker(), []
    for number, result in enumerate(results, 1):
        if reason := breaker.note(result):
            found.append((number, reason))
            breaker.begin(CLAIM.delivery)
    return found


@pytest.mark.parametrize(
    ("good", "bad", "is_halted"),
    [
        (0, MOST_UNRENDERED, False),
        (0, MOST_UNRENDERED + 1, True),
        (2078, 21, True),
        (2079, 21, False),  # one in a hundred
    ],
)
def test_many_that_cannot_be_composed_halt_a_delivery_unless_they_are_few_among_many(
    good: int, bad: int, is_halted: bool
) -> None:
    assert bool(halts([GOOD] * good + [BAD] * bad)) is is_halted


def test_refusals_of_ours_halt_a_delivery_and_say_why_again_after_it_was_resumed() -> None:
    reason = f"{MOST_REFUSALS} recipients were refused, not because of their addresses (quota): 550 5.4.5 daily limit"
    assert halts([refused(number) for number in range(2 * MOST_REFUSALS)]) == [
        (MOST_REFUSALS, reason),
        (2 * MOST_REFUSALS, reason),
    ]


def test_one_recipient_refused_many_times_halts_nothing() -> None:
    assert halts([refused(1)] * 5 * MOST_REFUSALS) == []


def rejected(number: int, text: str = "no such user") -> Handover:
    outcome = Rejected(Reply(550, "5.1.1", text), Classification.INVALID_ADDRESS)
    claim = replace(CLAIM, recipient=f"r{number}", address=f"reader.{'abcdefghij'[number % 10]}@example.com")
    return Handover(Settlement(claim, Decision.fail("theirs"), outcome), is_answered=True)


def test_the_same_rejection_of_many_in_a_row_halts_and_after_a_resume_counts_anew() -> None:
    reason = (
        f"{MOST_ALIKE} recipients in a row were rejected with the same reply: 550 5.1.1 no such user"
        " — if it is about their addresses, resume: the delivery continues with the others"
    )
    found = halts([rejected(number) for number in range(3 * MOST_ALIKE - 1)])
    assert found == [(MOST_ALIKE, reason), (2 * MOST_ALIKE, reason)]


def test_details_of_one_message_do_not_make_a_reply_another_one() -> None:
    texts = [
        f"reader.{'abcdefghij'[number % 10]} may not today [mx{number}.example] q{number}-gsmtp" for number in range(40)
    ]
    found = halts([rejected(number, text) for number, text in enumerate(texts)])
    assert [number for number, _ in found] == [MOST_ALIKE, 2 * MOST_ALIKE]


def test_another_rejection_in_between_does_not_hide_the_same_reply() -> None:
    mixed = [rejected(number, "no such user" if number % 2 else "who?") for number in range(2 * MOST_ALIKE)]
    assert [number for number, _ in halts(mixed)] == [2 * MOST_ALIKE - 1]


def test_rejections_with_an_accepted_message_in_between_halt_nothing() -> None:
    row = [rejected(number) for number in range(MOST_ALIKE - 1)]
    assert halts([*row, GOOD, *row, GOOD]) == []


def test_different_rejections_and_one_recipient_many_times_halt_nothing() -> None:
    words = [f"{first}{second}" for first in "abcdef" for second in "ghijklm"]
    assert halts([rejected(number, word) for number, word in enumerate(words)]) == []
    assert halts([rejected(1)] * 5 * MOST_ALIKE) == []


def test_refused_login_halts_at_once_and_no_further_message_is_begun() -> None:
    breaker = Breaker()
    assert breaker.note(replace(GOOD, halt="535 no")) == "535 no"
    assert breaker.is_open(CLAIM.delivery)
    assert not breaker.is_halted(CLAIM.delivery), "the ledger has not stored it yet"
    assert breaker.note(replace(GOOD, halt="535 no")) == "", "it is halted once"
    breaker.halted(CLAIM.delivery)
    assert breaker.is_halted(CLAIM.delivery)
