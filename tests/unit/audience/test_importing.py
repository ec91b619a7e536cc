"""What each row makes of an audience: verdicts and changes, without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from newsletter.audience.consent import Consent, OptIn, Origin, added_consent, first_consent, import_consent
from newsletter.audience.importing import (
    CHUNK,
    Change,
    Entry,
    Known,
    OnConflict,
    Verdict,
    VerdictKind,
    decide,
    judge_repeats,
    read_entry,
    run_import,
)
from newsletter.audience.rows import Row
from newsletter.audience.subscriber import Subscriber
from newsletter.audience.suppression import SuppressionReason

CONFIRMED, PENDING, UNSUBSCRIBED = Consent.CONFIRMED, Consent.PENDING, Consent.UNSUBSCRIBED
ORIGIN = Origin("import", datetime(2024, 1, 25, tzinfo=UTC))
ANA = Subscriber(7, "ana@example.org", "#ana@example.org", "Ana", "pt", "", {"city": "Porto", "tea": "green"})


def entry(email: str = "ana@example.org", line: int = 2, **cells: str) -> Entry:
    found = read_entry(Row(line, {"email": email, **cells}), lambda canonical: f"#{canonical}")
    assert isinstance(found, Entry)
    return found


def verdict(known: Known, wanted: Mapping[str, Consent], on_conflict: OnConflict = OnConflict.SKIP) -> VerdictKind:
    return decide(entry(), known, wanted=wanted, on_conflict=on_conflict)[0].kind


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


@pytest.mark.parametrize(
    ("known", "on_conflict", "kind"),
    [
        (Known(), OnConflict.SKIP, VerdictKind.IMPORTED),
        (Known(ANA), OnConflict.SKIP, VerdictKind.IMPORTED),
        (Known(ANA, {"other": CONFIRMED}), OnConflict.SKIP, VerdictKind.IMPORTED),
        (Known(ANA, {"weekly": CONFIRMED}), OnConflict.SKIP, VerdictKind.SKIPPED),
        (Known(ANA, {"weekly": CONFIRMED}), OnConflict.UPDATE, VerdictKind.UPDATED),
        (Known(ANA, {"weekly": PENDING}), OnConflict.SKIP, VerdictKind.SKIPPED),
        (Known(ANA, {"weekly": UNSUBSCRIBED}), OnConflict.SKIP, VerdictKind.SKIPPED),
        (Known(ANA, {"weekly": UNSUBSCRIBED}), OnConflict.UPDATE, VerdictKind.SKIPPED),
        (Known(None, {}, SuppressionReason.MANUAL), OnConflict.UPDATE, VerdictKind.SKIPPED),
        (Known(ANA, {"weekly": CONFIRMED}, SuppressionReason.ERASED), OnConflict.UPDATE, VerdictKind.SKIPPED),
    ],
)
def test_verdict_on_one_person(known: Known, on_conflict: OnConflict, kind: VerdictKind) -> None:
    assert verdict(known, {"weekly": CONFIRMED}, on_conflict) is kind


@pytest.mark.parametrize("present", list(Consent))
@pytest.mark.parametrize("wanted", [CONFIRMED, PENDING])
@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_import_never_touches_a_consent_that_is_there(
    present: Consent, wanted: Consent, on_conflict: OnConflict
) -> None:
    known = Known(ANA, {"weekly": present})
    change = decide(entry(), known, wanted={"weekly": wanted, "new": wanted}, on_conflict=on_conflict)[1]
    assert change is not None
    assert change.consents == {"new": wanted}
    assert import_consent(present, wanted) is present


def test_update_keeps_what_the_file_does_not_say() -> None:
    row = entry(name="", language="en", city="Lisboa")
    change = decide(row, Known(ANA, {"w": CONFIRMED}), wanted={"w": CONFIRMED}, on_conflict=OnConflict.UPDATE)[1]
    assert change is not None
    assert (change.name, change.language, change.attributes) == ("Ana", "en", {"city": "Lisboa", "tea": "green"})


def test_skip_adds_a_known_person_to_a_list_without_rewriting_them() -> None:
    change = decide(entry(name="Other"), Known(ANA), wanted={"w": CONFIRMED}, on_conflict=OnConflict.SKIP)[1]
    assert change is not None
    assert (change.subscriber, change.writes_person) == (7, False)


def test_person_who_was_erased_and_is_allowed_again_is_written_anew() -> None:
    erased = Known(Subscriber(7, "", "#ana@example.org"))
    change = decide(entry(name="Ana"), erased, wanted={"w": CONFIRMED}, on_conflict=OnConflict.SKIP)[1]
    assert change is not None
    assert (change.subscriber, change.writes_person, change.name) == (7, True, "Ana")


class People:
    """A store of its own: what was written, in a dict."""

    def __init__(self) -> None:
        self.written: dict[str, Change] = {}
        self.asked: list[int] = []

    def known(self, address_hashes: Sequence[str]) -> Mapping[str, Known]:
        self.asked.append(len(address_hashes))
        return {
            name: Known(Subscriber(1, "x", name), self.written[name].consents)
            for name in address_hashes
            if name in self.written
        }

    def apply(self, changes: Sequence[Change], origin: Origin) -> None:
        self.written |= {change.address_hash: change for change in changes}


def imported(store: People, count: int, origin: Origin | None = ORIGIN) -> list[Verdict]:
    entries: list[Entry | Verdict] = [entry(f"p{n}@example.org", n + 2) for n in range(count)]
    entries.insert(1, Verdict(1, VerdictKind.REJECTED, "no"))
    wanted = {"weekly": CONFIRMED}
    return list(run_import(entries, store, wanted=wanted, on_conflict=OnConflict.SKIP, origin=origin))


def test_every_row_has_one_verdict_in_order_over_several_chunks() -> None:
    store = People()
    verdicts = imported(store, 2 * CHUNK + 1)
    assert len(verdicts) == 2 * CHUNK + 2
    assert [item.kind for item in verdicts[:3]] == [VerdictKind.IMPORTED, VerdictKind.REJECTED, VerdictKind.IMPORTED]
    assert len(store.written) == 2 * CHUNK + 1
    assert max(store.asked) <= CHUNK


def test_same_import_again_skips_everybody() -> None:
    store = People()
    imported(store, 3)
    assert [item.kind for item in imported(store, 3) if item.line > 1] == [VerdictKind.SKIPPED] * 3


def test_dry_run_judges_and_writes_nothing() -> None:
    store = People()
    assert [item.kind for item in imported(store, 2, origin=None)].count(VerdictKind.IMPORTED) == 2
    assert store.written == {}


def test_first_consent_is_asked_for_on_double_opt_in_lists() -> None:
    assert (first_consent(OptIn.SINGLE), first_consent(OptIn.DOUBLE)) == (CONFIRMED, PENDING)


@pytest.mark.parametrize("present", [None, *Consent])
def test_operator_changes_a_consent_only_on_the_persons_word(present: Consent | None) -> None:
    assert added_consent(present, CONFIRMED, on_their_word=True) is CONFIRMED
    assert added_consent(present, CONFIRMED, on_their_word=False) is (present or CONFIRMED)
