"""When a delivery is halted, and that a resumed one is counted from zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from letters import CLAIM

from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.ledger import Decision, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Rejected, Reply
from newsletter.delivery.ledger.providers import provider_of
from newsletter.delivery.sender.breaker import MOST_ALIKE, MOST_AT_MAIL, MOST_REFUSALS, MOST_UNRENDERED, Breaker, Halt
from newsletter.delivery.sender.handover import Handover

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOOD = Handover(Settlement(CLAIM, Decision.done(), Accepted(Reply(250, "", "ok"))), is_answered=True)
BAD = Handover(Settlement(CLAIM, Decision.skip("render"), None), trouble="no name", is_unrendered=True)


def handed(number: int, outcome: Accepted | Rejected, address: str = "ana@gmail.com") -> Handover:
    claim = replace(CLAIM, recipient=f"r{number}", address=address, provider=provider_of(address))
    settlement = Settlement(claim, Decision.requeue(NOW, "ours"), outcome)
    return Handover(settlement, is_answered=True, return_path="bounces@news.example")


def refused(
    number: int, classification: Classification = Classification.POLICY, stage: Stage = Stage.RCPT, **changes: str
) -> Handover:
    return handed(number, Rejected(Reply(550, "5.7.1", "no"), classification, stage), **changes)


def taken(number: int, **changes: str) -> Handover:
    return handed(number, Accepted(Reply(250, "", "ok")), **changes)


def halts(results: list[Handover]) -> list[tuple[int, str]]:
    """After how many results a share or the delivery was to be halted, and why; it is resumed at once each time."""
    breaker, found = Breaker(), []
    for number, result in enumerate(results, 1):
        if halt := breaker.note(result):
            found.append((number, f"{halt.share}: {halt.reason}" if halt.share else halt.reason))
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


def test_refusals_of_ours_halt_a_share_and_say_why_again_after_it_was_resumed() -> None:
    reason = "gmail: recipients were refused, not because of their addresses (policy): 550 5.7.1 no"
    assert halts([refused(number) for number in range(2 * MOST_REFUSALS)]) == [
        (MOST_REFUSALS, reason),
        (2 * MOST_REFUSALS, reason),
    ]


def test_accepted_ones_at_another_provider_do_not_break_the_run_and_the_others_go_on() -> None:
    breaker, found = Breaker(), []
    for number in range(MOST_REFUSALS + 5):
        breaker.note(taken(number, address="bo@gmx.de"))
        found.append(breaker.note(refused(number, address="cy@firm.example")))
    assert [halt.share for halt in found if halt] == ["@firm.example"], "once, and only that domain"
    assert not breaker.is_open(CLAIM.delivery)


@pytest.mark.parametrize(("accepted", "is_halted"), [(18, True), (19, False)])
def test_more_than_one_in_twenty_halt_a_share_also_when_not_in_a_row(accepted: int, is_halted: bool) -> None:
    results = []
    for number in range(MOST_REFUSALS):
        results += [taken(number * 100 + more) for more in range(accepted)] + [refused(number)]
    assert bool(halts(results)) is is_halted


def test_account_refused_at_any_provider_halts_the_delivery() -> None:
    addresses = ("ana@gmail.com", "bo@gmx.de")
    found = halts([
        refused(number, Classification.ACCOUNT, address=addresses[number % 2]) for number in range(MOST_REFUSALS)
    ])  # fmt: skip
    assert found == [(MOST_REFUSALS, "recipients were refused, not because of their addresses (account): 550 5.7.1 no")]


def test_return_path_that_is_refused_halts_soon_and_is_named() -> None:
    found = halts([refused(number, Classification.ACCOUNT, Stage.MAIL) for number in range(5)])
    assert found == [(MOST_AT_MAIL, "the relay refuses the return path bounces@news.example: 550 5.7.1 no")]


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
    assert breaker.note(replace(GOOD, halt="535 no")) == Halt("535 no")
    assert breaker.is_open(CLAIM.delivery)
    assert not breaker.is_halted(CLAIM.delivery), "the ledger has not stored it yet"
    assert breaker.note(replace(GOOD, halt="535 no")) is None, "it is halted once"
    breaker.halted(CLAIM.delivery)
    assert breaker.is_halted(CLAIM.delivery)
