"""The made-up subscribers: valid, unique, nobody's, and as varied as an audience is."""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.audience.address import parse_address
from newsletter.audience.consent import Origin
from newsletter.audience.importing.decide import Entry, Rejection, read_entry
from newsletter.audience.importing.rows import Row, read_sheet
from newsletter.demo.sample import COLUMNS, ODD_NAMES, flawed_rows, sample_rows, write_rows, write_sample


def judged(rows: list[dict[str, str]]) -> list[Entry | Rejection]:
    def hash_of(canonical: str) -> str:
        return hashlib.sha256(canonical.encode()).hexdigest()

    origin = Origin("import", datetime(2026, 11, 23, tzinfo=UTC))
    return [read_entry(Row(number, row), hash_of, origin) for number, row in enumerate(rows, start=2)]


def test_sample_is_the_same_for_the_same_seed() -> None:
    assert sample_rows() == sample_rows()
    assert sample_rows(seed=1) != sample_rows(seed=2)


def test_sample_has_as_many_rows_as_asked() -> None:
    assert [len(sample_rows(count=count)) for count in (0, 1, 13, 300, 2000)] == [0, 1, 13, 300, 2000]


@pytest.mark.parametrize("seed", [2024, 1, 99])
def test_sample_can_be_imported_without_a_word(seed: int) -> None:
    entries = judged(sample_rows(seed))
    assert all(isinstance(entry, Entry) and not entry.notes for entry in entries)


def test_sample_addresses_are_nobodys() -> None:
    domains = {parse_address(row["email"]).domain for row in sample_rows(count=2000)}
    assert {d for d in domains if not d.endswith(".example") and ".".join(d.split(".")[-2:]) not in RESERVED} == set()


RESERVED = {"example.org", "example.com", "example.net"}
"""With the top level `example`, what RFC 2606 keeps for examples."""


def test_sample_needs_nothing_that_relays_may_lack() -> None:
    assert not any(parse_address(row["email"]).needs_smtputf8 for row in sample_rows(count=2000))


def test_sample_speaks_many_languages_and_scripts() -> None:
    rows = sample_rows()
    assert {"en", "zh", "zh-TW", "de", "fr", "es", "ar", "he", "ja", "ko", "pt-BR", "pl", ""} <= {
        row["language"] for row in rows
    }
    scripts = {unicodedata.name(letter).split()[0] for row in rows for letter in row["name"] if letter.isalpha()}
    assert {"LATIN", "CJK", "HIRAGANA", "HANGUL", "ARABIC", "HEBREW"} <= scripts
    assert len({row["timezone"] for row in rows}) > 20


def test_sample_holds_the_names_that_break_things() -> None:
    names = [row["name"] for row in sample_rows()]
    assert "" in names
    assert max(map(len, names)) > 78
    for needle in (",", '"', "'", "<", "&", "\u0301"):
        assert any(needle in name for name in names), needle


def test_sample_addresses_go_with_the_names() -> None:
    locals_of = {name: local for name, local in ODD_NAMES if name}
    rows = [row for row in sample_rows(count=2000) if row["name"] in locals_of]
    assert {row["name"] for row in rows} == locals_of.keys()
    for row in rows:
        assert row["email"].partition("@")[0].rstrip("0123456789") == locals_of[row["name"]]


def test_sample_holds_the_addresses_that_break_things() -> None:
    addresses = [parse_address(row["email"]) for row in sample_rows()]
    assert any("xn--" in address.domain for address in addresses)
    assert any("+" in address.local for address in addresses)
    assert any("'" in address.local for address in addresses)
    assert any(address.local.isupper() for address in addresses)


def test_flawed_rows_are_refused_or_repeat_somebody() -> None:
    good = sample_rows(count=20)
    flawed = flawed_rows(good)
    found = judged(flawed)
    assert [type(one) for one in found] == [Rejection] * 12 + [Entry] * 2
    known = {one.address_hash for one in judged(good) if isinstance(one, Entry)}
    assert all(one.address_hash in known for one in found if isinstance(one, Entry))


def test_written_sample_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "sample.csv"
    assert write_sample(file, count=50) == 50
    with file.open(encoding="utf-8", newline="") as lines:
        assert list(csv.DictReader(lines)) == sample_rows(count=50)
    sheet = read_sheet(io.BytesIO(file.read_bytes()))
    assert sheet.columns == COLUMNS
    assert [row.cells["email"] for row in sheet.rows] == [row["email"] for row in sample_rows(count=50)]


def test_written_rows_can_hold_flaws(tmp_path: Path) -> None:
    flawed = flawed_rows(sample_rows(count=2))
    with write_rows(tmp_path / "sample.csv", flawed).open(encoding="utf-8", newline="") as lines:
        assert list(csv.DictReader(lines)) == flawed
