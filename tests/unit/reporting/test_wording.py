"""Wording: every code has words, and a number agrees with its noun."""

from __future__ import annotations

import pytest

from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger.plan import Exclusion, NotEligible
from newsletter.reporting.wording import counted, in_words


@pytest.mark.parametrize("code", sorted({item.value for item in (*NotEligible, *Exclusion, *SuppressionReason)}))
def test_every_reason_has_words(code: str) -> None:
    assert in_words(code)
    assert in_words(code) != code or code == "unsubscribed"


def test_reason_that_is_no_code_is_said_as_it_is() -> None:
    assert in_words("550 5.1.1 no such user") == "550 5.1.1 no such user"


@pytest.mark.parametrize(("count", "said"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (1024, "1,024 people")])
def test_number_agrees_with_its_noun(count: int, said: str) -> None:
    assert counted(count, "person", "people") == said


def test_regular_noun_takes_an_s() -> None:
    assert [counted(n, "message") for n in (1, 3)] == ["1 message", "3 messages"]


def test_what_a_refusal_is_about_is_said_in_words_before_the_reply() -> None:
    assert in_words("invalid_address: 550 5.1.1 no: really") == "no such address: 550 5.1.1 no: really"
    assert in_words("invalid_address at final dot: 550 no") == "no such address at final dot: 550 no"
    assert in_words("expired: mailbox_full: 452 full") == "expired: mailbox full: 452 full"
    assert in_words("policy: 550 no") == "policy: 550 no"
