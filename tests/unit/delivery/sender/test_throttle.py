"""Who is held back by which reply, for how long, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from letters import CLAIM

from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.outcome import Deferred, Rejected, Reply
from newsletter.delivery.ledger.providers import provider_of
from newsletter.delivery.ledger.retry import RetryPolicy
from newsletter.delivery.sender.throttle import Pause, Throttle

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RATE = Deferred(Reply(450, "4.2.1", "slow down"), Classification.RATE, Stage.RCPT)
AT_MAIL = replace(RATE, stage=Stage.MAIL)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def of(address: str, recipient: str = "") -> Claim:
    return replace(CLAIM, address=address, provider=provider_of(address), recipient=recipient or address)


ANA, BO, CY = of("ana@gmail.com"), of("bo@gmx.de"), of("cy@firm.example")


def throttle() -> Throttle:
    return Throttle(RetryPolicy())


def test_rate_of_a_provider_holds_back_its_share_alone() -> None:
    one = throttle()
    pause = one.note(ANA, RATE, NOW, NOW)
    assert pause == Pause("", "gmail", "rate: 450 4.2.1 slow down", NOW, after(10))
    assert one.hold(ANA, NOW) == NOW
    assert one.hold(BO, NOW) is None
    assert one.without(CLAIM.delivery, NOW) == {"gmail"}
    assert one.relay_until(NOW) is None


def test_domain_that_no_provider_has_is_a_share_of_its_own() -> None:
    one = throttle()
    one.note(CY, RATE, NOW, NOW)
    assert one.without(CLAIM.delivery, NOW) == {"@firm.example"}
    assert one.hold(of("di@other.example"), NOW) is None


def test_not_now_at_mail_holds_back_everything() -> None:
    one = throttle()
    assert one.note(ANA, AT_MAIL, NOW, NOW)
    assert one.relay_until(NOW) == after(10)
    assert one.hold(BO, NOW)


def test_limit_that_a_second_provider_meets_is_the_relays() -> None:
    one = throttle()
    one.note(ANA, RATE, NOW, NOW)
    one.note(BO, RATE, NOW, NOW)
    assert one.relay_until(NOW)

    other = throttle()
    other.note(ANA, RATE, NOW, NOW)
    other.accepted(CY, NOW)
    other.note(BO, RATE, NOW, NOW)
    assert other.relay_until(NOW) is None


def test_pauses_grow_by_what_was_begun_after_them_and_end_with_what_is_accepted() -> None:
    one = throttle()
    one.note(ANA, AT_MAIL, NOW, after(1))
    assert one.note(BO, AT_MAIL, NOW, after(2)) is None, "it was on its way when the pause began"
    longer = one.note(ANA, AT_MAIL, after(11), after(12))
    assert longer
    assert (longer.until, longer.times) == (after(32), 2)
    assert one.accepted(BO, NOW) == [], "this one was on its way, too"
    assert one.accepted(BO, after(33)) == [longer]
    again = one.note(ANA, AT_MAIL, after(34), after(34))
    assert again
    assert again.times == 1


def test_one_message_tries_whether_a_pause_is_over() -> None:
    one = throttle()
    one.note(ANA, RATE, NOW, NOW)
    dee = of("dee@gmail.com")
    assert one.hold(ANA, after(10)) is None
    assert one.hold(dee, after(10)) == after(11)
    assert one.without(CLAIM.delivery, after(10)) == {"gmail"}
    one.ended(ANA)
    assert one.hold(dee, after(10)) is None
    one.accepted(dee, after(10))
    assert one.hold(ANA, after(10)) is None


def test_deferral_by_a_policy_or_a_full_server_pauses_only_in_a_row() -> None:
    suspicious = Deferred(Reply(451, "4.7.1", "suspicious"), Classification.CONTENT, Stage.DOT)
    one = throttle()
    assert [one.note(ANA, suspicious, NOW, NOW) for _ in range(9)] == [None] * 9, "one message many times"
    one.accepted(of("dee@gmail.com"), NOW)
    made = [one.note(of(f"{name}@gmail.com"), suspicious, NOW, NOW) for name in "abc"]
    assert made[:2] == [None, None]
    assert made[2] is not None

    closing = Deferred(Reply(421, "4.3.2", "closing"), Classification.RELAY_DOWN, Stage.MAIL)
    full = throttle()
    found = [full.note(of(f"r{number}@gmail.com"), closing, NOW, NOW) for number in range(20)]
    assert [bool(pause) for pause in found] == [False] * 19 + [True]


def test_what_is_about_the_mailbox_or_refused_for_good_by_a_policy_pauses_nothing() -> None:
    for classification in (Classification.TRANSIENT, Classification.MAILBOX_FULL):
        assert throttle().note(ANA, Deferred(Reply(450, "", "later"), classification, Stage.RCPT), NOW, NOW) is None
    blocked = Rejected(Reply(550, "5.7.1", "no"), Classification.POLICY, Stage.RCPT)
    assert throttle().note(ANA, blocked, NOW, NOW) is None


def test_what_others_stored_counts_and_what_an_operator_released_is_named() -> None:
    one = throttle()
    halted = Pause(CLAIM.delivery, "gmx", "550 no", NOW, None)
    assert one.read([halted, Pause("", "gmail", "slow", NOW, after(60), 3)], NOW) == []
    assert one.hold(BO, after(9999)) == after(9999)
    assert one.hold(replace(BO, delivery="another"), NOW) is None
    longer = one.note(ANA, RATE, after(61), after(61))
    assert longer
    assert longer.times == 4
    assert one.why_halted(CLAIM.delivery) == "gmx: 550 no"
    assert one.read([longer], after(62)) == [(CLAIM.delivery, "gmx")]
    assert one.hold(BO, after(62)) is None


def test_pause_that_was_begun_while_the_ledger_was_read_is_kept() -> None:
    one = throttle()
    one.note(ANA, RATE, after(1), after(1))
    one.read([], NOW)
    assert one.hold(ANA, after(2))
    one.read([], after(3))
    assert one.hold(ANA, after(3)) is None


def test_provider_that_says_too_fast_gets_less_than_it_took_and_slowly_more() -> None:
    one = throttle()
    for number in range(20):
        one.accepted(of(f"r{number}@gmail.com"), after(number / 10))
    one.note(ANA, RATE, after(2), after(2))
    assert one.speed_of("gmail") == pytest.approx(0.7 * 10)
    assert one.speed_of("gmx") is None

    assert one.hold(ANA, after(12)) is None, "the pause is over, and so much was saved up"
    one.ended(ANA)
    one.accepted(ANA, after(12))
    begun = [one.hold(of(f"s{number}@gmail.com"), after(12)) for number in range(20)]
    assert begun.count(None) == 6, "seven in the first second"
    assert one.without(CLAIM.delivery, after(12)) == {"gmail"}
    assert one.next_end(CLAIM.delivery, after(12)) == pytest.approx(after(13), abs=timedelta(seconds=0.1))
    assert one.hold(BO, after(12)) is None
    assert one.without(CLAIM.delivery, after(13.1)) == frozenset()

    for number in range(420):
        one.accepted(of(f"t{number}@gmail.com"), after(13 + number / 7))
    assert one.speed_of("gmail") == pytest.approx(0.7 * 10 * 1.1, rel=0.01), "a tenth more in a minute"

    one.note(ANA, RATE, after(100), after(100))
    assert one.speed_of("gmail") == pytest.approx(0.7 * 421 / 98), "what it took in the pauses too"
    one.note(ANA, RATE, after(200), after(200))
    assert one.speed_of("gmail") == pytest.approx(0.7 * 421 / 98), "nothing was sent in between"


def test_quota_does_not_say_how_fast() -> None:
    one = throttle()
    one.accepted(ANA, NOW)
    one.note(ANA, replace(RATE, classification=Classification.QUOTA), NOW, after(1))
    assert one.speed_of("gmail") is None
