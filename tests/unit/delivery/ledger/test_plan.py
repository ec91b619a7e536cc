"""Who gets what: editions by language, derived ids, and why somebody gets nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.consent import Consent
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, Frozen, choose_language, digest, plan, recheck, recipient_id


@pytest.mark.parametrize(
    ("wishes", "languages", "expected"),
    [
        (["zh-TW"], ["en", "zh"], "zh"),
        (["zh-TW"], ["en", "zh", "zh-Hant"], "zh-Hant"),
        (["zh-CN"], ["en", "zh-Hant", "zh"], "zh"),
        (["pt-BR"], ["en", "pt"], "pt"),
        (["pt"], ["en", "pt-BR"], "en"),  # lookup never lengthens
        (["PT-br"], ["en", "pt-BR"], "pt-BR"),
        (["fr", "de"], ["en", "de"], "de"),
        (["fr", ""], ["en", "de"], "en"),
        ([""], ["zh", "en"], "zh"),
        (["not a tag!"], ["en"], "en"),
    ],
)
def test_choose_language_takes_the_first_wish_that_can_be_fulfilled(
    wishes: list[str], languages: list[str], expected: str
) -> None:
    assert choose_language(wishes, languages) == expected


@given(st.lists(st.text(max_size=12)), st.lists(st.sampled_from(["en", "zh", "zh-Hant", "de"]), min_size=1))
def test_choose_language_always_answers_with_an_edition(wishes: list[str], languages: list[str]) -> None:
    assert choose_language(wishes, languages) in languages


def test_recipient_id_depends_on_delivery_and_subscriber_alone() -> None:
    assert recipient_id("a", 1) == recipient_id("a", 1)
    assert len({recipient_id("a", 1), recipient_id("a", 2), recipient_id("b", 1), recipient_id("a1", 1)}) == 4
    assert re.fullmatch("[a-z2-7]{16}", recipient_id("a", 1))


def test_digest_tells_ids_hashes_and_their_order_apart() -> None:
    rows = [("a", "x"), ("b", "y")]
    assert digest(rows) == digest(list(rows))
    assert len({digest(rows), digest(rows[::-1]), digest(rows[:1]), digest([("a", "y"), ("b", "x")]), digest([])}) == 5


def make(**changes: object) -> Candidate:
    return Candidate(subscriber=7, address="ana@example.com", address_hash="h", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "again", "state", "reason"),
    [
        (make(), False, RecipientState.WAITING, ""),
        (make(suppression="manual"), False, RecipientState.SUPPRESSED, "manual"),
        (make(suppression="manual", already_received=True), True, RecipientState.SUPPRESSED, "manual"),
        (make(already_received=True), False, RecipientState.EXCLUDED, "already_received"),
        (make(already_received=True), True, RecipientState.WAITING, ""),
    ],
)
def test_plan_says_who_gets_nothing_and_why(
    candidate: Candidate, again: bool, state: RecipientState, reason: str
) -> None:
    planned = plan(candidate, delivery="d", languages=["en"], again=again)
    assert (planned.state, planned.reason) == (state, reason)


def test_plan_keeps_own_names_over_attributes_of_the_same_name() -> None:
    planned = plan(
        make(name="Ana", attributes={"name": "x", "city": "Porto"}), delivery="d", languages=["en"], again=False
    )
    assert planned.values == {"name": "Ana", "city": "Porto", "language": "", "timezone": ""}


DUE = Frozen(
    address="ana@example.org",
    suppression="",
    consents=frozenset({Consent.CONFIRMED}),
    already_received=False,
)
GONE = frozenset({Consent.UNSUBSCRIBED, Consent.PENDING})


@pytest.mark.parametrize(
    ("frozen", "again", "verdict"),
    [
        (DUE, False, None),
        (replace(DUE, consents=GONE | DUE.consents), False, None),  # one list that they are still on is enough
        (replace(DUE, suppression="manual", already_received=True), False, (RecipientState.SUPPRESSED, "manual")),
        (replace(DUE, address="", consents=GONE), False, (RecipientState.SUPPRESSED, "erased")),
        (replace(DUE, consents=GONE), False, (RecipientState.EXCLUDED, "unsubscribed")),
        (replace(DUE, consents=frozenset()), False, (RecipientState.EXCLUDED, "no_permission")),
        (replace(DUE, already_received=True), False, (RecipientState.EXCLUDED, "already_received")),
        (replace(DUE, already_received=True), True, None),
        (replace(DUE, is_paused=True), True, (RecipientState.EXCLUDED, "paused")),
        (replace(DUE, in_doubt=True), False, None),
        (replace(DUE, in_doubt=True, suppression="bounce"), False, (RecipientState.UNKNOWN, "bounce")),
        (replace(DUE, in_doubt=True, consents=GONE), False, (RecipientState.UNKNOWN, "unsubscribed")),
    ],
)
def test_recheck_says_who_must_not_be_written_to_any_more(
    frozen: Frozen, again: bool, verdict: tuple[RecipientState, str] | None
) -> None:
    assert recheck(frozen, again=again) == verdict
