"""500 hostile values as name, attribute, tag and note: imported, exported, shown and segmented unharmed and inert."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW
from naughty import NAUGHTY, UNSEEN, essence
from shell import newsletter

from newsletter.app.audience.exporting import export_subscribers
from newsletter.app.audience.history import add_note
from newsletter.app.audience.importing import ImportOrder, ImportReport, import_subscribers
from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    show_subscriber,
    suppress_subscriber,
    tag_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.importing.cells import words
from newsletter.audience.subscriber import Subscriber
from newsletter.errors import WrongUsageError
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database

HALF = re.compile("[\ud800-\udfff]")
WRITABLE = [value for value in NAUGHTY if not HALF.search(value)]
"""Half a character cannot be in a file of UTF-8."""
FORMULA = re.compile(r"(?m)^[=+\-@\t＝＋－＠]")


def without_guard(cell: str) -> str:
    """What an apostrophe or `="…"` in a spreadsheet's file stands for."""
    cell = cell.strip().removeprefix('="').removesuffix('"') if re.fullmatch(r'\s*="[^"]*"\s*', cell) else cell
    return re.sub(r"(?m)^'(?=['*\[=+\-@＝＋－＠\t])", "", cell)


def load(project: Project, database: Database, file: Path, text: str) -> ImportReport:
    file.write_text(text, encoding="utf-8", newline="")
    return import_subscribers(project, database, ImportOrder(file, ("weekly",)), now=NOW)


def everybody(database: Database) -> dict[str, Subscriber]:
    with database.read() as connection:
        return {one.subscriber.address: one.subscriber for one in AudienceStore(database, connection).all(None)}


def exported(database: Database, *, raw: bool = False, as_json: bool = False) -> str:
    out = io.StringIO(newline="")
    export_subscribers(database, out, slug=None, raw=raw, as_json=as_json)
    return out.getvalue()


def forget_all(database: Database) -> None:
    with database.write() as connection:
        for table in (tables.subscriptions, tables.suppressions, tables.old_links, tables.subscribers):
            connection.execute(sa.delete(table))


def test_values_come_through_import_and_export_and_are_no_formulas(
    project: Project, database: Database, tmp_path: Path
) -> None:
    out = io.StringIO(newline="")
    write = csv.writer(out).writerow
    write(["email", "name", "city", "attributes", "consent", "since", "how", "basis"])
    for number, value in enumerate(WRITABLE):
        inner = value[:500]  # a cell may hold 10,000 characters, escapes and all
        nested = json.dumps({"deep": [{"x": inner}], "tags": [inner]})
        write([f"n{number}@example.org", value, value, nested, "confirmed", "2026-01-01", "form", value])
    report = load(project, database, tmp_path / "in.csv", out.getvalue())
    lost = {row.line for row in report.rejected}
    assert report.taken + len(lost) == len(WRITABLE)
    assert not lost, [row.reason for row in report.rejected]
    before = everybody(database)
    for number, value in enumerate(WRITABLE):
        found = before[f"n{number}@example.org"]
        attributes: dict[str, Any] = dict(found.attributes)
        [tag], [deep] = attributes["tags"], attributes["deep"]
        whole, part = (found.name, attributes.get("city", "")), (tag, deep["x"])
        assert {essence(kept) for kept in whole} == {essence(without_guard(value))}, repr(value)
        assert {essence(kept) for kept in part} == {essence(value[:500])}, repr(value)
        assert not [kept for kept in (*whole, *part) if UNSEEN.search(kept)], repr(value)
    safe = exported(database)
    assert not [cell for row in csv.reader(io.StringIO(safe, newline="")) for cell in row if FORMULA.search(cell)]
    lines = exported(database, as_json=True).split("\n")[:-1]
    assert len([json.loads(line) for line in lines]) == len(WRITABLE)
    for text in (safe, exported(database, raw=True)):
        forget_all(database)
        assert load(project, database, tmp_path / "again.csv", text).rejected == []
        assert everybody(database).keys() == before.keys()
        assert all((one.name, one.attributes) == (before[who].name, before[who].attributes)
                   for who, one in everybody(database).items())  # fmt: skip
        assert exported(database) == safe


def test_values_of_operators_are_kept_or_refused_in_words(
    project: Project, database: Database, tmp_path: Path, database_url: str
) -> None:
    weekly, confirmed = ["weekly"], Consent.CONFIRMED
    add_subscriber(project, database, NewSubscriber("ana@example.org"), weekly, consent=None, basis="", now=NOW)
    clear = [value for value in NAUGHTY if value and not UNSEEN.search(value) and words(value) == value]
    assert tag_subscriber(project, database, "ana@example.org", clear, now=NOW) == clear
    for value in NAUGHTY:
        if value not in clear:
            with pytest.raises(WrongUsageError, match="is no tag"):
                tag_subscriber(project, database, "ana@example.org", [value], now=NOW)
    for number, value in enumerate(NAUGHTY[::12]):
        one = f"n{number}@example.org"
        new = NewSubscriber(one, name="" if HALF.search(value) or words(value) != value else value)
        add_subscriber(project, database, new, weekly, consent=confirmed, basis=value, now=NOW)
        suppress_subscriber(project, database, one, value, now=NOW)
        if words(value) and len(words(value)) <= 2000:
            add_note(project, database, one, value, "", now=NOW)
        record = show_subscriber(project, database, one)
        assert record.suppression
        assert [essence(note.text) for note in record.notes] in ([], [essence(HALF.sub("?", value))]), repr(value)
        for text in (record.suppression.note, record.subscriptions[0].basis):
            assert essence(text) == essence(HALF.sub("?", value)), repr(value)
            assert not UNSEEN.search(text), repr(value)
    half = NewSubscriber("half@example.org", name="Ana\udc80")
    with pytest.raises(WrongUsageError, match=r"U\+DC80"):
        add_subscriber(project, database, half, weekly, consent=None, basis="", now=NOW)
    settings = {"NEWSLETTER_DATABASE__URL": database_url}
    (tmp_path / "newsletter.toml").write_text(
        '[newsletter]\nname = "The Example"\nfrom = "The Example <a@example.org>"\n'
    )
    for command in ("show", "list"):
        who = ["ana@example.org"] if command == "show" else []
        shown = newsletter("-C", str(tmp_path), "subscribers", command, *who, environment=settings)
        assert shown.returncode == 0, shown.stderr
        assert not UNSEEN.search(shown.stdout.replace("\r", "")), command
