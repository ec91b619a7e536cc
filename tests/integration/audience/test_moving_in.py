"""Moving in: files of other tools in the database, ZIP archives, and several files one after the other."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.app.audience.exporting import export_subscribers
from newsletter.app.audience.importing import ImportOrder, ImportReport, import_subscribers
from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    erase_subscriber_everywhere,
    show_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.importing.decide import OnConflict, VerdictKind
from newsletter.audience.importing.profiles import State
from newsletter.errors import NotFoundError, RequestError
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database

HEADER = "Email Address,First Name,Last Name,OPTIN_TIME,CONFIRM_TIME"
TIMES = "2020-05-03 10:00:00,2020-05-03 10:05:00"
AUDIENCE = {
    "subscribed_members_export_1.csv": f"{HEADER},TAGS\nin@example.org,,,{TIMES},\nb@example.org,,,{TIMES},\n-,,,,,\n",
    "unsubscribed_members_export_1.csv": f"{HEADER},UNSUB_TIME\nout@example.org,,,{TIMES},2023-05-01 08:00:00\n",
    "cleaned_members_export_1.csv": f"{HEADER},CLEAN_TIME\nb@example.org,,,{TIMES},2023-05-01 08:00:00\nnot,,,,,\n",
    "nonsubscribed_members_export_1.csv": f"{HEADER},TAGS\nbuyer@example.org,,,{TIMES},\n",
}


def archive(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "audience.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return path


def state(project: Project, database: Database, email: str) -> str:
    """The consent to the only list, `suppressed`, or `unknown`."""
    try:
        found = show_subscriber(project, database, email)
    except NotFoundError:
        return "unknown"
    return "suppressed" if found.suppression else " ".join(one.consent.value for one in found.subscriptions)


def load(project: Project, database: Database, file: Path, text: str = "", **options: object) -> ImportReport:
    if text:
        file.write_text(text, encoding="utf-8")
    order = ImportOrder(file, ("weekly",), **options)  # type: ignore[arg-type]
    return import_subscribers(project, database, order, now=NOW)


def test_mailchimp_archive_is_read_whole(project: Project, database: Database, tmp_path: Path) -> None:
    path = archive(tmp_path, AUDIENCE | {"__MACOSX/._subscribed_members_export_1.csv": "x", "readme.txt": "x"})
    rehearsal = load(project, database, path, dry_run=True)
    report = load(project, database, path)
    assert report.states == rehearsal.states == {"confirmed": 2, "unsubscribed": 1, "suppressed": 1}
    assert report.skipped == {"not subscribed in Mailchimp": 1, "another row has the same address": 1}
    assert (report.counts, report.tool) == (rehearsal.counts, "Mailchimp")
    assert [report.counts[kind] for kind in VerdictKind] == [3, 0, 2, 2]
    emails = [f"{one}@example.org" for one in ("in", "out", "b", "buyer")]
    assert [state(project, database, email) for email in emails] == [
        "confirmed", "unsubscribed", "suppressed", "unknown",
    ]  # fmt: skip
    assert [(one.line, one.reason.partition(":")[0]) for one in report.rejected] == [
        (3, "cleaned_members_export_1.csv"), (4, "subscribed_members_export_1.csv"),
    ]  # fmt: skip
    assert sorted(file.name for file in tmp_path.glob("*.rejects.csv")) == [
        "cleaned_members_export_1.csv.rejects.csv", "subscribed_members_export_1.csv.rejects.csv",
    ]  # fmt: skip


def test_line_of_a_note_is_that_in_its_file(project: Project, database: Database, tmp_path: Path) -> None:
    header = f"{HEADER},TIMEZONE"
    files = {
        "unsubscribed.csv": f"{header}\na@example.org,,,{TIMES},\nb@example.org,,,{TIMES},Mars/Olympus\n",
        "subscribed.csv": f"{header}\nc@example.org,,,{TIMES},Moon/Sea\n",
    }
    notes = load(project, database, archive(tmp_path, files)).notes
    assert notes == [
        (3, "unsubscribed.csv: there is no time zone 'Mars/Olympus'; it was ignored"),
        (2, "subscribed.csv: there is no time zone 'Moon/Sea'; it was ignored"),
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (AUDIENCE | {"more.csv": "email\nx@example.org\n"}, r"name of more\.csv in the ZIP"),
        (AUDIENCE | {"subscribed_2.csv": "email,name\nx@example.org,X\n"}, "no export of Mailchimp"),
        (AUDIENCE | {"subscribed_2.csv": f'{HEADER}\nx@example.org,"open\n\n'}, "From line 2 on"),
        ({"readme.txt": "x"}, "0 CSV files"),
        ({"[Content_Types].xml": "x"}, "Excel workbook"),
    ],
)
def test_archive_that_is_not_understood_imports_nobody(
    project: Project, database: Database, tmp_path: Path, files: dict[str, str], says: str
) -> None:
    with pytest.raises(RequestError, match=says):
        load(project, database, archive(tmp_path, files))
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.subscribers)).scalar_one() == 0


def test_damaged_archive_is_refused(project: Project, database: Database, tmp_path: Path) -> None:
    path = archive(tmp_path, AUDIENCE)
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    with pytest.raises(RequestError, match="ZIP file cannot be read"):
        load(project, database, path)
    path.write_bytes(whole.replace(b"out@example.org", b"xxx@example.org"))  # another checksum
    with pytest.raises(RequestError, match="file cannot be read: Bad CRC-32"):
        load(project, database, path)
    assert state(project, database, "b@example.org") == "unknown"


GHOST = "email,name,subscribed_to_emails,created_at,deleted_at\n"


def test_unsubscribe_there_ends_an_imported_consent_whatever_the_times(
    project: Project, database: Database, tmp_path: Path
) -> None:
    """They left the other tool an hour before the import of the others: its time of consent is later."""
    file = tmp_path / "members.csv"
    load(project, database, file, f"{GHOST}a@example.org,A,true,,\nb@example.org,B,true,,\n", basis="moved")
    new = NewSubscriber("c@example.org")
    add_subscriber(project, database, new, ["weekly"], consent=Consent.CONFIRMED, basis="asked again", now=NOW)
    left = (NOW - timedelta(hours=1)).isoformat()
    report = load(project, database, file, GHOST + "".join(f"{one}@example.org,,true,,{left}\n" for one in "ac"))
    assert [state(project, database, f"{one}@example.org") for one in "abc"] == [
        "unsubscribed", "confirmed", "confirmed",
    ]  # fmt: skip
    assert report.skipped == {"on the list already": 1}


@pytest.mark.parametrize("order", [("true", "false"), ("false", "true")])
def test_of_two_rows_with_one_address_the_one_that_left_counts(
    project: Project, database: Database, tmp_path: Path, order: tuple[str, str]
) -> None:
    text = f"{GHOST}a@example.org,,{order[0]},,\nA@example.org,,{order[1]},,\n"
    report = load(project, database, tmp_path / "members.csv", text, basis="moved")
    assert state(project, database, "a@example.org") == "unsubscribed"
    assert report.skipped == {"another row has the same address": 1}


def test_export_of_another_tool_revives_nobody(project: Project, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    load(
        project,
        database,
        file,
        f"{GHOST}out@example.org,,false,,\nwait@example.org,,true,,\ngone@example.org,,true,,\n",
    )
    erase_subscriber_everywhere(project, database, "gone@example.org", now=NOW)
    text = "".join(f"{one}@example.org,,true,,\n" for one in ("out", "wait", "gone"))
    report = load(project, database, file, GHOST + text, basis="moved", status=State.CONFIRMED)
    assert report.skipped == {"unsubscribed": 1, "on the list already": 1, "suppressed (erased)": 1}
    assert [state(project, database, f"{one}@example.org") for one in ("out", "wait")] == ["unsubscribed", "pending"]


def test_whole_file_is_unsubscribed_by_the_operator(project: Project, database: Database, tmp_path: Path) -> None:
    load(project, database, tmp_path / "a.csv", "email,name\nout@example.org,O\n", status=State.UNSUBSCRIBED)
    assert state(project, database, "out@example.org") == "unsubscribed"
    assert load(project, database, tmp_path / "b.csv", "email\nout@example.org\n").skipped == {"unsubscribed": 1}


def test_typed_attributes_come_back_twice_and_are_joined_by_an_update(
    project: Project, database: Database, tmp_path: Path
) -> None:
    cell = '"{""n"": 3, ""ok"": false, ""tags"": [""a, b"", ""c""], ""city"": ""Ulm"", ""x"": {""y"": ""=1""}}"'
    file = tmp_path / "file.csv"
    load(
        project, database, file, f"email,attributes,attribute:attributes\na@example.org,{cell},text\nb@example.org,,\n"
    )
    right = {
        "n": 3, "ok": False, "tags": ["a, b", "c"], "city": "Ulm", "x": {"y": "=1"}, "attributes": "text",
    }  # fmt: skip

    def attributes() -> object:
        found = show_subscriber(project, database, "a@example.org").subscriber
        return found and found.attributes

    def exported(*, raw: bool) -> str:
        out = io.StringIO(newline="")
        export_subscribers(database, out, slug=None, raw=raw, as_json=False)
        return out.getvalue()

    assert attributes() == right
    for raw in (True, False):
        text = exported(raw=raw)
        with database.write() as connection:
            connection.execute(sa.update(tables.subscribers).values(address="", attributes={}))
        load(project, database, file, text)
        assert attributes() == right
        assert exported(raw=raw) == text
    load(project, database, file, 'email,attributes\na@example.org,"{""n"": 4}"\n', on_conflict=OnConflict.UPDATE)
    assert attributes() == right | {"n": 4}
