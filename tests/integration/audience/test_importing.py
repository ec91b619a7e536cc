"""Whole files in and out, on both databases."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.app.audience.importing import ImportOrder, ImportReport, export_subscribers, import_subscribers
from newsletter.app.audience.subscribers import (
    erase_subscriber_everywhere,
    show_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
    unsuppress_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.importing.decide import Entry, Known, OnConflict, read_entry
from newsletter.audience.importing.rows import Row
from newsletter.audience.suppression import SuppressionReason
from newsletter.errors import NotFoundError, RequestError
from newsletter.storage.audience.importing import staged
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash

Import = Callable[..., ImportReport]


@pytest.fixture
def load(project: Project, database: Database, tmp_path: Path) -> Import:
    """Imports a text into lists."""

    def load(text: str, *lists: str, **options: Any) -> ImportReport:
        file = tmp_path / "people.csv"
        file.write_text(text, encoding="utf-8")
        order = ImportOrder(file, lists or ("weekly",), **options)
        return import_subscribers(project, database, order, now=NOW)

    return load


def entry(project: Project, email: str, line: int) -> Entry:
    found = read_entry(Row(line, {"email": email}), partial(keyed_hash, project.keys.address))
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


def test_rows_become_people_and_rejected_ones_stand_in_a_file(
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
    assert report.rejects.name == "people.csv.rejects.csv"
    assert report.rejects.stat().st_mode & 0o777 == 0o600
    assert report.rejects.read_text("utf-8-sig").splitlines() == [
        "line;reason;email;name;language;city",
        "5;An email address must have an @-sign;'=cmd;x;;",
    ]


def test_row_with_half_a_character_is_rejected_and_given_back(load: Import, tmp_path: Path) -> None:
    report = load("email,name\na@example.org,+2D0-\nb@example.org,B\n", encoding="utf-7")
    assert counts(report) == (1, 0, 0, 1)
    assert (tmp_path / "people.csv.rejects.csv").read_text("utf-8-sig").endswith(",a@example.org,?\n")


def test_mended_rejects_are_imported_as_they_are(load: Import, database: Database) -> None:
    rejects = load("email,name\nana,Ana\n").rejects
    assert rejects is not None
    assert counts(load(rejects.read_text("utf-8-sig").replace(",ana,", ",ana@example.org,"))) == (1, 0, 0, 0)
    with database.read() as connection:
        assert connection.execute(sa.select(tables.subscribers.c.attributes)).scalars().all() == [{}]


def test_newcomers_say_what_each_list_asks_for(load: Import, project: Project, database: Database) -> None:
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


STATUS = {
    "beehiiv": "email,status,tier,created_at,unsubscribed_at\ngone@example.org,inactive,free,2024-01-01,2024-03-01\n",
    "Ghost": "id,email,name,subscribed_to_emails,deleted_at\n2,gone@example.org,No,false,\n",
    "Keila": "email,first_name,last_name,data,status\ngone@example.org,Kay,Two,{},unsubscribed\n",
    "listmonk": "uuid,email,name,attributes,status\na2,gone@example.org,Gone,{},blocklisted\n",
    "Mailchimp, cleaned": "Email Address,First Name,OPTIN_TIME,CLEAN_TIME\ngone@example.org,D,2020-01-02,2023-05-01\n",
    "Mailchimp, left": "Email Address,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON\ngone@example.org,2020-01-02,2023-05-01,N\n",
    "Substack": "email,active_subscription,expiry,email_disabled\ngone@example.org,false,,true\n",
}
"""What other tools export of somebody who has left there."""


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("tool", STATUS)
def test_file_with_a_status_column_is_refused(load: Import, database: Database, tool: str, dry_run: bool) -> None:
    with pytest.raises(
        RequestError, match=r"status|subscribed_to_emails, deleted_at|CLEAN_TIME|UNSUB_TIME|email_disa"
    ) as e:
        load(STATUS[tool], dry_run=dry_run)
    assert "--status confirmed" in e.value.hint
    assert subscribers(database) == []


def test_operator_says_that_everyone_has_confirmed(load: Import, project: Project, database: Database) -> None:
    text = "email,status\nana@example.org,enabled\n"
    load(text, "weekly", "news", all_confirmed=True)
    assert consent(project, database, "ana@example.org") == {"weekly": Consent.CONFIRMED, "news": Consent.CONFIRMED}
    unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
    assert load(text, "weekly", all_confirmed=True).skipped == {"unsubscribed": 1}


def test_same_file_again_skips_or_updates(load: Import, project: Project, database: Database) -> None:
    load("email,name,city\nana@example.org,Ana,Porto\n")
    assert counts(load("email,name\nana@example.org,Other\n")) == (0, 0, 1, 0)
    report = load("email,name,tea\nana@example.org,Ana L.,green\n", on_conflict=OnConflict.UPDATE)
    assert counts(report) == (0, 1, 0, 0)
    ana = show_subscriber(project, database, "ana@example.org").subscriber
    assert ana is not None
    assert (ana.name, ana.attributes) == ("Ana L.", {"city": "Porto", "tea": "green"})


def test_known_people_come_onto_another_list(load: Import, project: Project, database: Database) -> None:
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


def test_update_leaves_who_has_left_as_they_were(load: Import, project: Project, database: Database) -> None:
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


def test_person_who_was_erased_and_is_allowed_again_is_written_anew(
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
    people = [entry(project, email, line) for line, email in enumerate(("ana@example.org", "new@example.org"), 2)]
    with staged(database) as staging:
        staging.add(people)
        unsubscribe_subscriber(project, database, "ana@example.org", None, now=NOW)
        suppress_subscriber(project, database, "new@example.org", "", now=NOW)
        staging.lock_audience()
        [weekly] = ListStore(database, staging.connection).all_named(["weekly"])
        assert staging.look_up([weekly.id]) == {
            Known(has_address=True, subscribed=1, left=1): 1,
            Known(suppression=SuppressionReason.MANUAL): 1,
        }


def test_notes_are_told_of_people_who_are_written(load: Import) -> None:
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
    with pytest.raises(RequestError, match="rejected rows cannot be written"):
        load("email\nana@example.org\nnobody\n", rejects=tmp_path / "no" / "such" / "file.csv")
    assert subscribers(database) == []


def test_ten_thousand_rows_are_imported(load: Import, database: Database) -> None:
    report = load("email,name\n" + "".join(f"p{n}@example.org,Person {n}\n" for n in range(10_000)))
    assert counts(report) == (10_000, 0, 0, 0)
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.subscriptions)).scalar_one() == 10_000


def test_export_gives_back_what_was_imported(load: Import, database: Database) -> None:
    load('email,name,city\nana@example.org,"=1+1, ""A""",Pôrto\n+bob@example.org,,\n')
    out = io.StringIO(newline="")
    assert export_subscribers(database, out, slug=None, raw=False, as_json=False) == 2
    assert out.getvalue().splitlines() == [
        "email,name,language,timezone,city",
        'ana@example.org,"\'=1+1, ""A""",,,Pôrto',
        "'+bob@example.org,,,,",
    ]
    assert counts(load(out.getvalue())) == (0, 0, 2, 0)


def test_export_of_a_list_tells_what_people_say(load: Import, project: Project, database: Database) -> None:
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
