"""What each row makes of an audience: verdicts and rulings, without a database."""

from __future__ import annotations

import pytest

from newsletter.audience.consent import Consent, OptIn, added_consent, first_consent
from newsletter.audience.importing.decide import (
    Entry,
    Known,
    OnConflict,
    Ruling,
    Verdict,
    VerdictKind,
    decide,
    judge_repeats,
    read_entry,
)
from newsletter.audience.importing.rows import Row
from newsletter.audience.suppression import SuppressionReason

CONFIRMED, PENDING = Consent.CONFIRMED, Consent.PENDING


def entry(email: str = "ana@example.org", line: int = 2, **cells: str) -> Entry:
    found = read_entry(Row(line, {"email": email, **cells}), lambda canonical: f"#{canonical}")
    assert isinstance(found, Entry)
    return found


def test_row_becomes_a_person_with_attributes() -> None:
    found = entry("Ána@Example.org", name=" Ana\n Lima ", language="PT_br", timezone="UTC", city="Porto", empty="")
    assert (found.address.text, found.address_hash) == ("Ána@example.org", "#ána@example.org")
    assert (found.name, found.language, found.timezone) == ("Ana Lima", "pt-BR", "UTC")
    assert found.attributes == {"city": "Porto"}
    assert found.notes == ()


def test_row_without_an_address_is_rejected_with_line_and_cells() -> None:
    found = read_entry(Row(5, {"email": "nobody", "name": "N"}, raw=["nobody", "N"]), str)
    assert isinstance(found, Verdict)
    assert (found.line, found.kind, list(found.raw)) == (5, VerdictKind.REJECTED, ["nobody", "N"])
    assert "@" in found.reason


def test_row_that_could_not_be_read_is_rejected_with_its_fault() -> None:
    assert read_entry(Row(5, fault="too long"), str) == Verdict(5, VerdictKind.REJECTED, "too long")


def test_unknown_language_and_zone_are_noted_and_the_person_is_taken() -> None:
    found = entry(language="english", timezone="Mars/Olympus")
    assert (found.language, found.timezone) == ("", "")
    assert [note.split()[0] for note in found.notes] == ["'english'", "there"]


def test_second_row_of_one_address_is_skipped_whatever_its_capitals() -> None:
    first, second = judge_repeats([entry("ana@example.org", 2), entry("ANA@Example.ORG", 3)])
    assert isinstance(first, Entry)
    assert isinstance(second, Verdict)
    assert (second.line, second.kind) == (3, VerdictKind.SKIPPED)


SKIP, UPDATE = OnConflict.SKIP, OnConflict.UPDATE
IMPORTED, UPDATED, SKIPPED = VerdictKind.IMPORTED, VerdictKind.UPDATED, VerdictKind.SKIPPED


@pytest.mark.parametrize(
    ("known", "on_conflict", "ruling"),
    [
        (Known(), SKIP, Ruling(IMPORTED, writes_person=True)),
        (Known(has_address=True), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True), UPDATE, Ruling(IMPORTED, writes_person=True)),
        (Known(has_address=True, subscribed=1), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True, subscribed=1, left=1), SKIP, Ruling(IMPORTED)),
        (Known(has_address=True, subscribed=2), SKIP, Ruling(SKIPPED, "on the list already")),
        (Known(has_address=True, subscribed=2, left=1), SKIP, Ruling(SKIPPED, "on the list already")),
        (Known(has_address=True, subscribed=2), UPDATE, Ruling(UPDATED, writes_person=True)),
        (Known(has_address=True, subscribed=2, left=2), SKIP, Ruling(SKIPPED, "unsubscribed")),
        (Known(has_address=True, subscribed=2, left=2), UPDATE, Ruling(SKIPPED, "unsubscribed")),
        (Known(suppression=SuppressionReason.MANUAL), UPDATE, Ruling(SKIPPED, "suppressed (manual)")),
        (Known(suppression=SuppressionReason.ERASED), SKIP, Ruling(SKIPPED, "suppressed (erased)")),
        (
            Known(has_address=True, suppression=SuppressionReason.MANUAL, subscribed=2), UPDATE,
            Ruling(SKIPPED, "suppressed (manual)"),
        ),
    ],
)  # fmt: skip
def test_ruling_on_people_who_are_to_come_onto_two_lists(known: Known, on_conflict: OnConflict, ruling: Ruling) -> None:
    assert decide(known, lists=2, on_conflict=on_conflict) == ruling


def test_first_consent_is_asked_for_on_double_opt_in_lists() -> None:
    assert (first_consent(OptIn.SINGLE), first_consent(OptIn.DOUBLE)) == (CONFIRMED, PENDING)


@pytest.mark.parametrize("present", [None, *Consent])
def test_operator_changes_a_consent_only_on_the_persons_word(present: Consent | None) -> None:
    assert added_consent(present, CONFIRMED, on_their_word=True) is CONFIRMED
    assert added_consent(present, CONFIRMED, on_their_word=False) is (present or CONFIRMED)
