"""Whole files in and out, on both databases."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from factories import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.app.audience.exporting import export_subscribers
from newsletter.app.audience.importing import ImportOrder, ImportReport, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.audience.subscribers import (
    erase_subscriber_everywhere,
    show_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
    unsuppress_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent, OptIn, Origin
from newsletter.audience.importing.decide import Entry, Known, OnConflict, read_entry
from newsletter.audience.importing.headings import PAUSED, SUPPRESSED
from newsletter.audience.importing.profiles import State
from newsletter.audience.importing.rows import Row
from newsletter.audience.subscriber import Subscriber
from newsletter.audience.suppression import SuppressionReason
from newsletter.config import Config, DatabaseSection
from newsletter.errors import NotFoundError, RequestError, WrongUsageError
from newsletter.storage.audience.importing import staged
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database, open_database
from newsletter.tokens import keyed_hash

if TYPE_CHECKING:
    from conftest import Databases

Import = Callable[..., ImportReport]


@pytest.fixture
def load(project: Project, database: Database, tmp_path: Path) -> Import:
    """Imports a text into lists."""

    def load(text: str, *lists: str, **options: Any) -> ImportReport:
        file = tmp_path / "file.csv"
        file.write_text(text, encoding="utf-8")
        order = ImportOrder(file, lists or ("weekly",), **options)
        return import_subscribers(project, database, order, now=NOW)

    return load


def entry(project: Project, email: str, line: int) -> Entry:
    found = read_entry(Row(line, {"email": email}), partial(keyed_hash, project.keys.address), Origin("import", NOW))
    assert isinstance(found, Entry)
    return found


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    imported, updated, skipped, rejected = (report.counts[kind] for kind in report.counts)
    assert report.rows == imported + updated + skipped + rejected
    return imported, updated, skipped, rejected


def subscribers(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(tables.subscribers.c.address).order_by(sa.text("address"))).scalars())


def consent(project: Project, database: Database, email: str) -> dict[str, Consent]:
    return {item.list: item.consent for item in show_subscriber(project, database, email).subscriptions}


def test_rows_become_subscribers_and_rejected_ones_stand_in_a_file(
    load: Import, project: Project, database: Database
) -> None:
    report = load(
        "email;name;language;city\nana@example.org;Ána;pt_br;Porto\nBob@Example.org;;;\nANA@example.org;;;\n=cmd;x;;\n",
        basis="fair in Porto",
    )
    assert counts(report) == (2, 0, 1, 1)
    assert subscribers(database) == ["Bob@example.org", "ana@example.org"]
    ana = show_subscriber(project, database, "ana@example.org")
    assert ana.subscriber is not None
    assert (ana.subscriber.name, ana.subscriber.language, ana.subscriber.attributes) == (
        "Ána", "pt-BR", {"city": "Porto"},
    )  # fmt: skip
    assert [(item.how, item.basis) for item in ana.subscriptions] == [("import", "fair in Porto")]
    assert report.rejects is not None
    assert report.rejects.name == "file.csv.rejects.csv"
    assert report.rejects.stat().st_mode & 0o777 == 0o600
    assert report.rejects.read_text("utf-8-sig").splitlines() == [
        "line;reason;email;name;language;city",
        "5;An email address must have an @-sign;'=cmd;x;;",
    ]


def test_row_with_half_a_character_is_rejected_and_given_back(load: Import, tmp_path: Path) -> None:
    report = load("email,name\na@example.org,+2D0-\nb@example.org,B\n", encoding="utf-7")
    assert counts(report) == (1, 0, 0, 1)
    assert (tmp_path / "file.csv.rejects.csv").read_text("utf-8-sig").endswith(",a@example.org,?\n")


def test_mended_rejects_are_imported_as_they_are(load: Import, database: Database) -> None:
    rejects = load("email,name\nana,Ana\n").rejects
    assert rejects is not None
    assert counts(load(rejects.read_text("utf-8-sig").replace(",ana,", ",ana@example.org,"))) == (1, 0, 0, 0)
    with database.read() as connection:
        assert connection.execute(sa.select(tables.subscribers.c.attributes)).scalars().all() == [{}]


@pytest.mark.parametrize("more", ["line", "reason", "reason,line", "line,reason"])
def test_mended_rejects_of_a_file_with_columns_of_the_same_name(load: Import, database: Database, more: str) -> None:
    cells = ",".join(f"their {name}" for name in more.split(","))
    rejects = load(f"email,{more}\nana,{cells}\n").rejects
    assert rejects is not None
    again = load(rejects.read_text("utf-8-sig")).rejects  # nothing was mended yet
    assert again is not None
    assert counts(load(again.read_text("utf-8-sig").replace(",ana,", ",ana@example.org,"))) == (1, 0, 0, 0)
    with database.read() as connection:
        [kept] = connection.execute(sa.select(tables.subscribers.c.attributes)).scalars()
    assert kept == {name: f"their {name}" for name in more.split(",")}


def test_short_row_of_rejects_keeps_no_line_number(load: Import, database: Database) -> None:
    load("line,reason,email,line\n7,no @,ana@example.org\n")
    with database.read() as connection:
        assert connection.execute(sa.select(tables.subscribers.c.attributes)).scalars().all() == [{}]


def test_new_subscriptions_have_the_consent_that_each_list_asks_for(
    load: Import, project: Project, database: Database
) -> None:
    load("email\nana@example.org\n", "weekly", "news")
    load("email\nbob@example.org\n", "news", consent=Consent.CONFIRMED)
    assert consent(project, database, "ana@example.org") == {"weekly": Consent.CONFIRMED, "news": Consent.PENDING}
    assert consent(project, database, "bob@example.org") == {"news": Consent.CONFIRMED}


@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_import_never_re_subscribes_anyone(
    load: Import, project: Project, database: Database, on_conflict: OnConflict
) -> None:
    everybody = "email\nleft@example.org\nstopped@example.org\nwaiting@example.org\n"
    load(everybody, "news")
    unsubscribe_subscriber(project, database, "left@example.org", None, now=NOW)
    suppress_subscriber(project, database, "stopped@example.org", "", now=NOW)
    report = load(everybody, "news", consent=Consent.CONFIRMED, on_conflict=on_conflict)
    assert report.skipped["unsubscribed"] == report.skipped["suppressed (manual)"] == 1
    assert consent(project, database, "left@example.org") == {"news": Consent.UNSUBSCRIBED}
    assert consent(project, database, "stopped@example.org") == {"news": Consent.PENDING}
    assert consent(project, database, "waiting@example.org") == {"news": Consent.PENDING}


@pytest.mark.parametrize("dry_run", [False, True])
def test_file_with_a_status_column_is_refused(load: Import, database: Database, dry_run: bool) -> None:
    with pytest.raises(RequestError, match=r"^Status column email_status") as e:
        load("email,email_status\ngone@example.org,left\n", dry_run=dry_run)
    assert "--status confirmed" in e.value.hint
    assert subscribers(database) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_file_with_a_status_in_a_cell_is_refused(
    load: Import, database: Database, tmp_path: Path, dry_run: bool
) -> None:
    text = "email,State\nana@example.org,Active\nnobody,Active\ngone@example.org,Unsubscribed\n"
    with pytest.raises(RequestError, match=r"^Column State contains Unsubscribed \(line 4\): .* nothing was imported"):
        load(text, dry_run=dry_run)
    assert subscribers(database) == []
    assert [file.name for file in tmp_path.glob("*.csv")] == ["file.csv"]
    assert counts(load(text, dry_run=dry_run, status=State.CONFIRMED)) == (2, 0, 0, 1)


def test_attribute_that_is_a_status_elsewhere_survives_an_export(load: Import, database: Database) -> None:
    load("email,attribute:state\nana@example.org,unsubscribed\n")
    out = io.StringIO()
    export_subscribers(database, out, slug="weekly", raw=False, as_json=False)
    assert counts(load(out.getvalue())) == (0, 0, 1, 0)


def test_operator_says_that_everyone_has_confirmed(load: Import, project: Project, database: Database) -> None:
    text = "email,status\nana@example.org,enabled\n"
    load(text, "weekly", "news", status=State.CONFIRMED)
    assert consent(project, database, "ana@example.org") == {"weekly": Consent.CONFIRMED, "news": Consent.CONFIRMED}
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    assert load(text, "weekly", status=State.CONFIRMED).skipped == {"unsubscribed": 1}


def test_same_file_again_skips_or_updates(load: Import, project: Project, database: Database) -> None:
    load("email,name,city\nana@example.org,Ana,Porto\n")
    assert counts(load("email,name\nana@example.org,Other\n")) == (0, 0, 1, 0)
    report = load("email,name,tea\nana@example.org,Ana L.,green\n", on_conflict=OnConflict.UPDATE)
    assert counts(report) == (0, 1, 0, 0)
    ana = show_subscriber(project, database, "ana@example.org").subscriber
    assert ana is not None
    assert (ana.name, ana.attributes) == ("Ana L.", {"city": "Porto", "tea": "green"})


def test_known_subscribers_come_onto_another_list(load: Import, project: Project, database: Database) -> None:
    load("email\nana@example.org\n")
    assert counts(load("email\nana@example.org\n", "weekly", "news")) == (1, 0, 0, 0)
    assert consent(project, database, "ana@example.org") == {"weekly": Consent.CONFIRMED, "news": Consent.PENDING}


def test_update_keeps_what_the_file_does_not_say(load: Import, project: Project, database: Database) -> None:
    load('email,name,language,city\nana@example.org,Ana,pt,"Pôrto ""A"" 波"\n')
    load("email,name,language,tea\nANA@Example.org,,en,green\n", on_conflict=OnConflict.UPDATE)
    ana = show_subscriber(project, database, "ana@example.org").subscriber
    assert ana is not None
    assert (ana.address, ana.name, ana.language) == ("ana@example.org", "Ana", "en")
    assert ana.attributes == {"city": 'Pôrto "A" 波', "tea": "green"}


def test_update_leaves_the_unsubscribed_as_they_were(load: Import, project: Project, database: Database) -> None:
    load("email,name\nana@example.org,Ana\nbob@example.org,Bob\n")
    unsubscribe_subscriber(project, database, "bob@example.org", None, now=NOW)
    report = load("email,name\nana@example.org,A.\nbob@example.org,B.\n", on_conflict=OnConflict.UPDATE)
    assert counts(report) == (0, 1, 1, 0)
    found = [show_subscriber(project, database, email).subscriber for email in ("ana@example.org", "bob@example.org")]
    assert [one and one.name for one in found] == ["A.", "Bob"]


def test_report_says_which_columns_are_attributes(load: Import) -> None:
    text = "line,reason,Email,First Name,name,language,timezone,zip\n2,x,ana@example.org,Ana,,,,1\n"
    report = load(text, dry_run=True)
    assert (list(report.attributes), report.taken) == (["first_name", "zip"], 1)
    assert list(load(text).attributes) == ["first_name", "zip"]
    assert load(text).taken == 0


def test_subscriber_who_was_erased_and_is_allowed_again_is_written_anew(
    load: Import, project: Project, database: Database
) -> None:
    text = "email,name\nana@example.org,Ana\n"
    load(text)
    before = show_subscriber(project, database, "ana@example.org").subscriber
    erase_subscriber_everywhere(project, database, "ana@example.org", now=NOW)
    assert load(text).skipped == {"suppressed (erased)": 1}
    unsuppress_subscriber(project, database, "ana@example.org", now=NOW)
    assert counts(load(text)) == (1, 0, 0, 0)
    assert show_subscriber(project, database, "ana@example.org").subscriber == before
    assert consent(project, database, "ana@example.org") == {"weekly": Consent.CONFIRMED}


def test_others_write_while_a_file_is_staged_and_what_they_wrote_counts(
    load: Import, project: Project, database: Database
) -> None:
    load("email\nana@example.org\nbob@example.org\n")
    entries = [entry(project, email, line) for line, email in enumerate(("ana@example.org", "new@example.org"), 2)]
    with staged(database) as staging:
        staging.add(entries, ["weekly"])
        staging.subscribe_all({"weekly": Consent.CONFIRMED}, Origin("import", NOW))
        unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
        suppress_subscriber(project, database, "new@example.org", "", now=NOW)
        staging.lock_audience()
        assert staging.look_up() == {
            Known(has_address=True, subscribed=1, unsubscribed=1): 1,
            Known(suppression=SuppressionReason.MANUAL): 1,
        }


def test_notes_are_told_of_rows_that_are_written(load: Import) -> None:
    text = "email,timezone\nana@example.org,Mars/Olympus\n"
    assert [line for line, _ in load(text, dry_run=True).notes] == [2]
    assert [line for line, _ in load(text).notes] == [2]
    assert load(text).notes == []


def test_dry_run_says_the_same_and_changes_nothing(load: Import, database: Database, tmp_path: Path) -> None:
    text = "email\nana@example.org\nnobody\n"
    assert counts(load(text, dry_run=True)) == (1, 0, 0, 1)
    assert subscribers(database) == []
    assert not list(tmp_path.glob("*.rejects.csv"))
    assert counts(load(text)) == (1, 0, 0, 1)


def test_file_that_breaks_off_imports_nobody(load: Import, database: Database) -> None:
    with pytest.raises(RequestError, match="From line 1502"):
        load("email,name\n" + "".join(f"p{n}@example.org,x\n" for n in range(1500)) + 'last@example.org,"open\n\n')
    assert subscribers(database) == []


def test_unknown_list_imports_nobody_and_leaves_no_file(load: Import, database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load("email\nana@example.org\nnobody\n", "weekly", "montly")
    assert subscribers(database) == []
    assert not list(tmp_path.glob("*.rejects.csv"))


def test_rejects_that_cannot_be_written_stop_the_import(load: Import, database: Database, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"Cannot write .*file\.csv"):
        load("email\nana@example.org\nnobody\n", rejects=tmp_path / "no" / "such" / "file.csv")
    assert subscribers(database) == []


def test_ten_thousand_rows_are_imported(load: Import, database: Database) -> None:
    report = load("email,name\n" + "".join(f"p{n}@example.org,Person {n}\n" for n in range(10_000)))
    assert counts(report) == (10_000, 0, 0, 0)
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.subscriptions)).scalar_one() == 10_000


OF_WEEKLY = ("consent:weekly", "since:weekly", "how:weekly", "basis:weekly")


def test_export_gives_back_what_was_imported(load: Import, database: Database) -> None:
    load('email,name,city\nana@example.org,"=1+1, ""A""",Pôrto\n+bob@example.org,,\n')
    out = io.StringIO(newline="")
    assert export_subscribers(database, out, slug=None, raw=False, as_json=False) == 2
    assert [line.partition(",confirmed,")[0] for line in out.getvalue().splitlines()] == [
        ",".join(["email,name,language,timezone,city", *OF_WEEKLY, *SUPPRESSED, PAUSED]),
        'ana@example.org,"\'=1+1, ""A""",,,Pôrto',
        "'+bob@example.org,,,,",
    ]
    assert counts(load(out.getvalue())) == (0, 0, 2, 0)


def test_export_of_a_list_gives_the_consent_to_it(load: Import, project: Project, database: Database) -> None:
    load("email\nana@example.org\nbob@example.org\n")
    load("email\ncyd@example.org\n", "news")
    unsubscribe_subscriber(project, database, "bob@example.org", None, now=NOW)
    out = io.StringIO(newline="")
    assert export_subscribers(database, out, slug="weekly", raw=True, as_json=True) == 2
    assert '"consent": "confirmed"' in out.getvalue().splitlines()[0]
    assert '"consent": "unsubscribed"' in out.getvalue().splitlines()[1]
    with pytest.raises(NotFoundError):
        export_subscribers(database, out, slug="montly", raw=True, as_json=True)


def test_export_goes_on_after_its_first_thousand(load: Import, database: Database) -> None:
    load("email\n" + "".join(f"p{n}@example.org\n" for n in range(2001)))
    out = io.StringIO(newline="")
    assert export_subscribers(database, out, slug="weekly", raw=False, as_json=False) == 2001
    assert len(set(out.getvalue().splitlines())) == 2002


def exported(database: Database, slug: str | None = None, *, raw: bool = False, as_json: bool = False) -> str:
    out = io.StringIO(newline="")
    export_subscribers(database, out, slug=slug, raw=raw, as_json=as_json)
    return out.getvalue()


@pytest.fixture
def new_project(project: Project, databases: Databases, tmp_path: Path) -> Iterator[tuple[Project, Database]]:
    """Another project with an address key and a database of its own, and the same lists."""
    folder = tmp_path / "new"
    folder.mkdir()
    url = databases.filled(folder)
    database = open_database(url)
    add_list(database, "weekly", name="", opt_in=OptIn.SINGLE, language="", now=NOW)
    add_list(database, "news", name="", opt_in=OptIn.SINGLE, language="", now=NOW)
    yield Project(folder=folder, config=Config(database=DatabaseSection(url=url))), database
    database.close()
    databases.drop(url)


def moved(new_project: tuple[Project, Database], text: str, *lists: str) -> ImportReport:
    """Imports what was exported into the new project, a day later."""
    project, database = new_project
    file = project.folder / "moved.csv"
    file.write_text(text, encoding="utf-8", newline="")
    return import_subscribers(project, database, ImportOrder(file, lists), now=NOW + timedelta(days=1))


@pytest.fixture
def audience(load: Import, project: Project, database: Database) -> None:
    """Subscribers in every state, with attributes that mean something to an import or to a spreadsheet."""
    load(
        'email,attribute:status,attribute:since,note\na@example.org,active,2019,"=1\n@x"\nb@example.org,,,\'=1\n',
        "weekly",
    )
    load("email,name\nc@example.org,C\n", "news", basis="fair\nin Ulm")
    load("email,name\na@example.org,A\n", "news", consent=Consent.CONFIRMED)
    unsubscribe_subscriber(project, database, "b@example.org", None, now=NOW + timedelta(minutes=1))
    with database.write() as connection:
        pause = sa.update(tables.subscribers).where(tables.subscribers.c.address == "a@example.org")
        connection.execute(pause.values(paused_until=NOW + timedelta(weeks=4, seconds=1.5)))
    suppress_subscriber(project, database, "c@example.org", "asked, by phone", now=NOW + timedelta(minutes=2))
    suppress_subscriber(project, database, "nobody@example.org", "=angry", now=NOW + timedelta(minutes=3))


@pytest.mark.usefixtures("audience")
@pytest.mark.parametrize("raw", [False, True])
def test_export_brings_everyone_back_as_they_were_twice(
    database: Database, new_project: tuple[Project, Database], raw: bool
) -> None:
    text = exported(database, raw=raw)
    report = moved(new_project, text, "news", "weekly")
    assert counts(report) == (4, 0, 0, 0)
    assert exported(new_project[1], raw=raw) == text
    assert exported(new_project[1], as_json=True) == exported(database, as_json=True)
    assert counts(moved(new_project, text, "news", "weekly")) == (0, 0, 4, 0)
    assert exported(new_project[1], raw=raw) == text
    b = show_subscriber(*new_project, "b@example.org")
    assert [(one.list, one.consent, one.how, one.since) for one in b.subscriptions] == [
        ("weekly", Consent.UNSUBSCRIBED, "command", NOW + timedelta(minutes=1))
    ]
    c = show_subscriber(*new_project, "c@example.org")
    assert [(one.list, one.consent, one.basis) for one in c.subscriptions] == [
        ("news", Consent.PENDING, "fair\nin Ulm")
    ]
    assert c.suppression is not None
    assert (c.suppression.reason, c.suppression.note) == (SuppressionReason.MANUAL, "asked, by phone")
    assert show_subscriber(*new_project, "nobody@example.org").subscriber is None
    a = show_subscriber(*new_project, "a@example.org").subscriber
    assert a is not None
    assert a.attributes == {"status": "active", "since": "2019", "note": "=1\n@x"}
    assert a.paused_until == NOW + timedelta(weeks=4, seconds=1.5)


@pytest.mark.usefixtures("audience")
def test_export_of_one_list_is_imported_into_another(database: Database, new_project: tuple[Project, Database]) -> None:
    text = exported(database, "weekly")
    assert counts(moved(new_project, text, "news")) == (2, 0, 0, 0)
    assert consent(*new_project, "b@example.org") == {"news": Consent.UNSUBSCRIBED}
    assert exported(new_project[1], "news") == text


def test_export_of_an_earlier_version_is_understood(new_project: tuple[Project, Database]) -> None:
    text = (
        "email,name,language,timezone,city,consent,since\n"
        "a@example.org,Ann,en,Europe/Berlin,Ulm,confirmed,2026-11-30T11:38:59.073945+00:00\n"
        "b@example.org,Bob,en,,,unsubscribed,2026-11-30T11:39:03.795674+00:00\n"
        "d@example.org,'=Dee,,,'@home,confirmed,2026-11-30T11:38:59.073945+00:00\n"
        "e@example.org,,,,,pending,2026-11-30T11:39:14.656814+00:00\n"
    )
    assert counts(moved(new_project, text, "weekly")) == (4, 0, 0, 0)
    found = [line.split(",")[:7] for line in exported(new_project[1], "weekly").splitlines()]
    assert found == [line.split(",")[:7] for line in text.splitlines()]


@pytest.mark.parametrize("options", [{"consent": Consent.CONFIRMED}, {"status": State.CONFIRMED}])
def test_options_do_not_speak_against_the_consent_in_a_file(load: Import, options: dict[str, Any]) -> None:
    with pytest.raises(WrongUsageError, match="consent of each subscriber"):
        load("email,consent\na@example.org,unsubscribed\n", **options)


def test_lists_of_an_import_are_those_of_the_file(load: Import, database: Database) -> None:
    for lists in (("weekly",), ("weekly", "news"), ("news",)):
        with pytest.raises(WrongUsageError, match="consent for daily, weekly"):
            load("email,consent:weekly,consent:daily\na@example.org,confirmed,\n", *lists)
    assert subscribers(database) == []


def test_later_opt_out_and_suppression_of_a_file_hold_here_too(
    load: Import, project: Project, database: Database
) -> None:
    load("email\na@example.org\nb@example.org\nc@example.org\n")
    earlier, later = (NOW + timedelta(days=days) for days in (-1, 1))
    report = load(
        "email,consent,since,suppressed\n"
        f"a@example.org,unsubscribed,{later.isoformat()},\n"
        f"b@example.org,unsubscribed,{earlier.isoformat()},\n"
        f"c@example.org,confirmed,{later.isoformat()},manual\n"
    )
    assert counts(report) == (0, 2, 1, 0)
    assert consent(project, database, "a@example.org") == {"weekly": Consent.UNSUBSCRIBED}
    assert consent(project, database, "b@example.org") == {"weekly": Consent.CONFIRMED}
    assert show_subscriber(project, database, "c@example.org").suppression is not None


def test_file_of_suppressed_addresses_suppresses_them(load: Import, project: Project, database: Database) -> None:
    assert counts(load("email,suppressed,suppressed_note\na@example.org,manual,left before\n")) == (1, 0, 0, 0)
    assert subscribers(database) == []
    assert load("email\na@example.org\n").skipped == {"suppressed (manual)": 1}


def test_return_in_a_cell_begins_no_row(
    load: Import, database: Database, new_project: tuple[Project, Database]
) -> None:
    load('email,a\nb@example.org,"x\r=cmd|\'/C calc\'!A0"\nc@example.org,"x\rmallory@evil.example"\n')
    text = exported(database)
    assert [line.split(",")[:5] for line in text.splitlines()[1:]] == [
        ["b@example.org", "", "", "", "x =cmd|'/C calc'!A0"],
        ["c@example.org", "", "", "", "x mallory@evil.example"],
    ]
    assert counts(moved(new_project, text, "weekly")) == (2, 0, 0, 0)
    assert exported(new_project[1]) == text


@given(
    texts=st.lists(
        st.tuples(
            *[
                st.text(
                    st.sampled_from("a=+-@'\"\n\r\t\v ,;\x00\x1b\x85\u2028\u202e漢.")
                    | st.characters(exclude_categories=["Cs"])
                )
            ]
            * 3
        ),
        max_size=4,
    ),
    raw=st.booleans(),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_whatever_stands_in_an_attribute_comes_back(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], raw: bool
) -> None:
    """Put into the database as it is, as an earlier version may have done."""
    found: list[str] = []
    for step in range(3):
        folder = tmp_path_factory.mktemp("project")
        database = open_database(databases.filled(folder))
        project = Project(folder=folder, config=Config())
        add_list(database, "weekly", name="", opt_in=OptIn.SINGLE, language="", now=NOW)
        if step == 0:
            with database.write() as connection:
                store = AudienceStore(database, connection)
                for number, (name, one, two) in enumerate(texts):
                    values = Subscriber(
                        0, f"p{number}@example.org", str(number), name, attributes={"one": one, "two": two}
                    )
                    store.set_consent(store.upsert(values, NOW), 1, Consent.CONFIRMED, Origin("import", NOW, two))
        else:
            file = folder / "moved.csv"
            file.write_text(found[-1], encoding="utf-8", newline="")
            report = import_subscribers(project, database, ImportOrder(file, ("weekly",)), now=NOW)
            assert counts(report) == (len(texts), 0, 0, 0)
            assert not report.notes
        found.append(exported(database, "weekly", raw=raw))
        database.close()
    assert found[1] == found[2]
    assert list(csv.reader(io.StringIO(found[0], newline=""))) == list(csv.reader(io.StringIO(found[1], newline="")))


MEASURE = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.project import Project
from newsletter.config import Config
from newsletter.storage.database.database import open_database
database, project = open_database(sys.argv[1]), Project(folder=Path(sys.argv[2]).parent, config=Config())
for file in sys.argv[2:]:
    report = import_subscribers(project, database, ImportOrder(Path(file), ("weekly",)), now=datetime.now(UTC))
    print(report.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_memory_does_not_grow_with_a_line_or_with_its_rows(database_url: str, tmp_path: Path) -> None:
    small, line, cells = (tmp_path / f"{name}.csv" for name in ("small", "line", "cells"))
    small.write_text("email,note\nana@example.org,x\nnobody,x\n")
    line.write_text("email,note\nbob@example.org," + "x" * 50_000_000 + "\ncyd@example.org,x\n")
    cells.write_text(
        "email,note\n" + "".join(f"p{n}@example.org,{'x' * 9000}\n{n},{'x' * 9000}\n" for n in range(2500))
    )
    command = [sys.executable, "-c", MEASURE, database_url, *map(str, (small, line, cells))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (rows, before), *others = [tuple(map(int, told.split())) for told in done.stdout.splitlines()]
    assert rows == 2
    assert [rows for rows, _ in others] == [2, 5000]
    assert max(peak for _, peak in others) - before < 40, f"MiB more than the {before} of a small file"


def test_server_counts_anew_after_a_large_import(load: Import, database: Database) -> None:
    if not database.is_server:
        return  # SQLite plans without statistics
    counted = sa.text("SELECT relname, reltuples FROM pg_class WHERE relname IN ('subscribers', 'subscriptions')")

    load("email\n" + "".join(f"reader{n}@example.com\n" for n in range(1234)))

    with database.read() as connection:
        assert {name: int(count) for name, count in connection.execute(counted)} == {
            "subscribers": 1234, "subscriptions": 1234,
        }  # fmt: skip
