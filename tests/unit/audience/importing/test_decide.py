"""What each row makes of an audience: verdicts and rulings, without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsletter.audience.consent import Consent, OptIn, Origin, added_consent, first_consent
from newsletter.audience.importing.decide import (
    Entry,
    Known,
    OnConflict,
    Rejection,
    Ruling,
    VerdictKind,
    decide,
    read_entry,
)
from newsletter.audience.importing.rows import Row
from newsletter.audience.suppression import SuppressionReason

CONFIRMED, PENDING = Consent.CONFIRMED, Consent.PENDING
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ORIGIN = Origin("import", NOW, "fair")


def entry(email: str = "ana@example.org", **cells: str) -> Entry:
    found = read_entry(Row(2, {"email": email, **cells}), lambda canonical: f"#{canonical}", ORIGIN)
    assert isinstance(found, Entry)
    return found


def test_row_becomes_an_entry_with_attributes() -> None:
    found = entry("Ána@Example.org", name="Ana\n Lima", language="PT_br", timezone="UTC", city="Porto", empty="")
    assert (found.address.text, found.address_hash) == ("Ána@example.org", "#ána@example.org")
    assert (found.name, found.language, found.timezone) == ("Ana Lima", "pt-BR", "UTC")
    assert found.attributes == {"city": "Porto"}
    assert found.notes == ()


def rejected(fault: str = "", **cells: str) -> str:
    found = read_entry(Row(5, {"email": "a@example.org", **cells}, fault, ["as", "it was"]), str, ORIGIN)
    assert isinstance(found, Rejection)
    assert (found.line, found.raw) == (5, ["as", "it was"])
    return found.reason


def test_row_without_an_address_is_rejected_with_line_and_cells() -> None:
    assert "@" in rejected(email="nobody")


def test_invisible_character_is_no_part_of_an_address() -> None:
    assert "U+200B" in rejected(email="\u200ba@example.org")


def test_row_that_could_not_be_read_is_rejected_with_its_fault() -> None:
    assert rejected("too long") == "too long"


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("consent:", "yes"), ("consent:", ""), ("consent:weekly", "2024-01-01"), ("suppressed:", "true"),
        ("suppressed:", "erased"), ("since:", "30.11.2026"), ("since:", "0001-01-01T00:00:00+14:00"),
        ("how:", "x" * 33),
    ],
)  # fmt: skip
def test_consent_or_suppression_that_says_nothing_known_rejects_the_row(column: str, cell: str) -> None:
    cells = {"consent:": "confirmed"} if column in ("since:", "how:") else {}
    assert rejected(**cells | {column: cell})


def test_row_brings_its_own_consents_and_suppression() -> None:
    cells = {
        "consent:weekly": "Unsubscribed", "since:weekly": "2026-05-03T10:00:00+02:00", "how:weekly": "page",
        "consent:news": "pending", "consent:daily": "",
        "suppressed:": "manual", "suppressed_since:": "2026-05-04", "suppressed_note:": "angry",
    }  # fmt: skip
    found = entry(**cells)
    assert found.attributes == {}
    assert [(one.list, one.consent, one.since, one.how, one.basis) for one in found.subscriptions] == [
        ("weekly", Consent.UNSUBSCRIBED, datetime(2026, 5, 3, 8, tzinfo=UTC), "page", "fair"),
        ("news", PENDING, NOW, "import", "fair"),
    ]
    assert found.suppression is not None
    assert (found.suppression.since, found.suppression.note) == (datetime(2026, 5, 4, tzinfo=UTC), "angry")
    assert found.is_subscriber
    assert not entry(**{"consent:": "", "suppressed:": "manual"}).is_subscriber


def test_unknown_language_and_zone_are_noted_and_the_row_is_taken() -> None:
    found = entry(language="english", timezone="Mars/Olympus")
    assert (found.language, found.timezone) == ("", "")
    assert [note.split()[0] for note in found.notes] == ["'english'", "there"]


MANUAL = SuppressionReason.MANUAL
SKIP, UPDATE = OnConflict.SKIP, OnConflict.UPDATE
IMPORTED, UPDATED, SKIPPED = VerdictKind.IMPORTED, VerdictKind.UPDATED, VerdictKind.SKIPPED


@pytest.mark.parametrize(
    ("known", "on_conflict", "ruling"),
    [
        (Known(), SKIP, Ruling(IMPORTED, writes_subscriber=True)),
        (Known(has_address=True), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True), UPDATE, Ruling(IMPORTED, writes_subscriber=True)),
        (Known(has_address=True, wanted=2, subscribed=1), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True, wanted=2, subscribed=1, unsubscribed=1), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True, wanted=2, subscribed=2), SKIP, Ruling(SKIPPED, "on the list already")),
        (Known(has_address=True, wanted=2, subscribed=2, unsubscribed=1), SKIP, Ruling(SKIPPED, "on the list already")),
        (Known(has_address=True, wanted=2, subscribed=2), UPDATE, Ruling(UPDATED, writes_subscriber=True)),
        (Known(has_address=True, wanted=2, subscribed=2, unsubscribed=2), SKIP, Ruling(SKIPPED, "unsubscribed")),
        (Known(has_address=True, wanted=2, subscribed=2, unsubscribed=2), UPDATE, Ruling(SKIPPED, "unsubscribed")),
        (Known(suppression=MANUAL), UPDATE, Ruling(SKIPPED, "suppressed (manual)")),
        (Known(suppression=SuppressionReason.ERASED), SKIP, Ruling(SKIPPED, "suppressed (erased)")),
        (Known(has_address=True, suppression=MANUAL, subscribed=1), UPDATE, Ruling(SKIPPED, "suppressed (manual)")),
        (Known(wanted=0), SKIP, Ruling(IMPORTED, writes_subscriber=True)),
        (Known(is_subscriber=False, suppresses=True, wanted=0), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True, subscribed=1, opt_outs=1), SKIP, Ruling(UPDATED)),
        (Known(has_address=True, subscribed=1, suppresses=True), SKIP, Ruling(UPDATED)),
        (Known(has_address=True, subscribed=1, unsubscribed=1, suppresses=True), SKIP, Ruling(UPDATED)),
    ],
)
def test_ruling(known: Known, on_conflict: OnConflict, ruling: Ruling) -> None:
    assert decide(known, on_conflict=on_conflict) == ruling


def test_first_consent_is_asked_for_on_double_opt_in_lists() -> None:
    assert (first_consent(OptIn.SINGLE), first_consent(OptIn.DOUBLE)) == (CONFIRMED, PENDING)


@pytest.mark.parametrize("present", [None, *Consent])
def test_operator_changes_a_consent_only_on_the_subscribers_word(present: Consent | None) -> None:
    assert added_consent(present, CONFIRMED, on_their_word=True) is CONFIRMED
    assert added_consent(present, CONFIRMED, on_their_word=False) is (present or CONFIRMED)
