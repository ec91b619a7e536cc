"""Bounces: what an email that came back changes in a database, once, through the journal; and what it does not."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from factories import NOW, start_delivery
from returning import email, tokens

from newsletter.app.audience.bounces import Reading, read_email, read_maildir
from newsletter.app.audience.statement import statement_of
from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    erase_subscriber_everywhere,
    show_subscriber,
    unsuppress_subscriber,
)
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project
from newsletter.app.sending.alerts import conditions
from newsletter.app.sending.report import summary_of, verify
from newsletter.app.shapes import statement_json, summary_json
from newsletter.audience.consent import Consent
from newsletter.audience.notice import NoticeKind
from newsletter.audience.suppression import SuppressionReason
from newsletter.cli.main import cli
from newsletter.config import BouncesSection
from newsletter.errors import RequestError, StorageError
from newsletter.feedback.found import ReturnKind
from newsletter.scheduler import project_scheduler
from newsletter.storage.audience.notices import add_notice
from newsletter.storage.audience.signups import Signup, add_signup
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash

ANA, BEN = "ana@example.com", "ben@example.com"
SOFT = {"code": "552 5.2.2", "words": "Mailbox full", "status": "5.2.2"}
OURS = {"code": "550 5.7.1", "words": "Service unavailable, blocked using Spamhaus", "status": "5.7.1"}


def deliver(project: Project, database: Database, name: str = "delivery1", at: datetime = NOW) -> dict[str, str]:
    """A delivery that the relay accepted; address → id of the recipient."""
    if name == "delivery1":
        with project.journal(database) as journal:
            journal.adopt(NOW)
        for address in (ANA, BEN):
            add_subscriber(project, database, NewSubscriber(address), ["weekly"], consent=None, basis="", now=NOW)
    start_delivery(database, name, issue=name, now=at)
    mine = tables.recipients.c.delivery_id == name
    with database.write() as connection:
        connection.execute(
            sa.update(tables.recipients).where(mine).values(state="accepted", settled_at=at, epoch=1, worker="w")
        )
        rows = connection.execute(sa.select(tables.recipients.c.id, tables.recipients.c.address).where(mine)).all()
        connection.execute(
            sa.insert(tables.attempts),
            [{"recipient_id": row.id, "epoch": 1, "worker": "w", "permitted_at": at, "settled_at": at,
              "outcome": "accepted"} for row in rows],
        )  # fmt: skip
    return {row.address: row.id for row in rows}


def returned(project: Project, recipient: str, name: str = "postfix", **values: str) -> bytes:
    return email(name, **tokens(project.keys.signer, recipient) | values)


def come_back(
    project: Project, database: Database, recipient: str, name: str = "postfix", at: datetime = NOW, **values: str
) -> Reading:
    return read_email(project, database, at, returned(project, recipient, name, **values))


def reason(project: Project, database: Database, address: str) -> SuppressionReason | None:
    suppression = show_subscriber(project, database, address).suppression
    return suppression.reason if suppression else None


def events(database: Database) -> list[tuple[str, Mapping[str, object]]]:
    columns = tables.events.c.kind, tables.events.c.data
    with database.read() as connection:
        return [(row.kind, row.data) for row in connection.execute(sa.select(*columns).order_by(tables.events.c.id))]


def test_hard_bounce_suppresses_its_address_once_and_is_shown_everywhere(project: Project, database: Database) -> None:
    recipient = deliver(project, database)[ANA]
    first = come_back(project, database, recipient)
    again = come_back(project, database, recipient)
    assert (first.kinds, first.suppressed, first.repeated) == ({ReturnKind.HARD: 1}, 1, 0)
    assert (again.kinds, again.suppressed, again.repeated) == ({}, 0, 1)
    record = show_subscriber(project, database, ANA)
    assert record.suppression is not None
    assert record.suppression.reason is SuppressionReason.BOUNCED
    assert record.suppression.note == "delivery delivery1: 550 5.1.1 <…>: User unknown"
    assert [item.consent for item in record.subscriptions] == [Consent.CONFIRMED]
    assert reason(project, database, BEN) is None
    summary = summary_of(database, "delivery1")
    assert summary_json(summary)["returned"] == [
        {"provider": "other", "kind": "hard", "reason": "invalid_address", "count": 1}
    ]
    assert summary.counts["accepted"] == 2
    page = statement_json(statement_of(project, database, ANA, now=NOW))
    assert [(one["kind"], one["about"], one["reply"]) for one in page["returned"]] == [
        ("hard", "invalid_address", "550 5.1.1 <…>: User unknown")
    ]
    assert [kind for kind, _ in events(database)] == ["suppressed"]


def test_suppression_outlives_the_database(project: Project, database: Database) -> None:
    """It is in the journal: an older copy of the database gets it back."""
    recipient = deliver(project, database)[ANA]
    come_back(project, database, recipient)
    with database.write() as connection:
        connection.execute(sa.delete(tables.suppressions))
    with project.journal(database) as journal:
        assert journal.replay_opt_outs().changes == 1
    assert reason(project, database, ANA) is SuppressionReason.BOUNCED


def test_lifted_suppression_stays_lifted_when_the_same_message_comes_back_again(
    project: Project, database: Database
) -> None:
    recipient = deliver(project, database)[ANA]
    come_back(project, database, recipient)
    unsuppress_subscriber(project, database, ANA, now=NOW + timedelta(hours=1))
    assert come_back(project, database, recipient, "exim").suppressed == 0
    assert reason(project, database, ANA) is None


@pytest.mark.parametrize("name", ["arf_headers", "jmrp"])
def test_complaint_without_the_return_path_unsubscribes_alone(project: Project, database: Database, name: str) -> None:
    """Everybody to whom the message was forwarded could write it."""
    recipient = deliver(project, database)[ANA]
    reading = come_back(project, database, recipient, name)
    assert (reading.suppressed, reading.unsubscribed) == (0, 1)
    record = show_subscriber(project, database, ANA)
    assert [(item.consent, item.how) for item in record.subscriptions] == [(Consent.UNSUBSCRIBED, "complaint")]
    assert reason(project, database, ANA) is None


def test_bounce_without_the_return_path_is_recorded_alone(project: Project, database: Database) -> None:
    recipient = deliver(project, database)[ANA]
    reading = come_back(project, database, recipient, return_path="bounces@example.org")
    assert (reading.kinds, reading.suppressed, reading.unsubscribed) == ({ReturnKind.HARD: 1}, 0, 0)
    bounces = project.config.bounces.model_copy(update={"return_path": "plain"})
    plain = replace(project, config=project.config.model_copy(update={"bounces": bounces}))
    reading = come_back(plain, database, deliver(project, database, "delivery2")[BEN], return_path="b@example.org")
    assert reading.suppressed == 1, "there is no other token then"


def test_complaint_unsubscribes_and_suppresses(project: Project, database: Database) -> None:
    recipient = deliver(project, database)[ANA]
    reading = come_back(project, database, recipient, "arf")
    assert (reading.suppressed, reading.unsubscribed) == (1, 1)
    record = show_subscriber(project, database, ANA)
    assert [(item.consent, item.how) for item in record.subscriptions] == [(Consent.UNSUBSCRIBED, "complaint")]
    assert reason(project, database, ANA) is SuppressionReason.COMPLAINT
    with database.write() as connection:
        connection.execute(sa.delete(tables.suppressions))
        connection.execute(sa.update(tables.subscriptions).values(consent="confirmed", changed_at=NOW - timedelta(1)))
    with project.journal(database) as journal:
        journal.replay_opt_outs()
    record = show_subscriber(project, database, ANA)
    assert record.subscriptions[0].consent is Consent.UNSUBSCRIBED
    assert reason(project, database, ANA) is SuppressionReason.COMPLAINT


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("postfix", SOFT, ReturnKind.SOFT),
        ("postfix", OURS, ReturnKind.OURS),
        ("postfix", {"action": "delayed", "code": "450 4.2.2"}, ReturnKind.IGNORED),
        ("vacation", {}, ReturnKind.IGNORED),
        ("exim_delayed", {}, ReturnKind.IGNORED),
        ("arf", {"type": "not-spam"}, ReturnKind.IGNORED),
    ],
)
def test_what_is_no_hard_bounce_changes_nothing(
    project: Project, database: Database, name: str, values: dict[str, str], kind: ReturnKind
) -> None:
    recipient = deliver(project, database)[ANA]
    reading = come_back(project, database, recipient, name, NOW, **values)
    assert (reading.kinds, reading.suppressed, reading.unsubscribed) == ({kind: 1}, 0, 0)
    assert reason(project, database, ANA) is None
    assert events(database) == []
    stored = show_subscriber(project, database, ANA).returned
    assert [one.kind for one in stored] == ([kind.value] if kind.is_bounce else [])


def test_soft_bounces_suppress_after_weeks_without_a_message_that_stayed(project: Project, database: Database) -> None:
    suppressed = []
    for week in range(12):
        at = NOW + timedelta(days=7 * week)
        recipient = deliver(project, database, f"delivery{week + 1}", at)[ANA]
        if week != 4:  # this one arrived
            come_back(project, database, recipient, "postfix", at + timedelta(days=5), **SOFT)
            come_back(project, database, recipient, "exim", at=at + timedelta(days=5), refusal="452 4.2.2 Mailbox full")
        suppressed.append(reason(project, database, ANA) is not None)
    assert suppressed == [False] * 10 + [True] * 2


def test_forged_bounce_changes_nothing(project: Project, database: Database, tmp_path: Path) -> None:
    deliver(project, database)
    for name in ("postfix", "arf", "qmail"):
        data = email(name)  # signed with another key
        with pytest.raises(RequestError):
            read_email(project, database, NOW, data)
        assert read_email(project, database, NOW, data, tmp_path / "kept").kinds == {ReturnKind.UNMATCHED: 1}
    assert len(list((tmp_path / "kept").iterdir())) == 3
    nobody = returned(project, "abcdefghijklmnop")  # a valid signature of nobody's id
    assert read_email(project, database, NOW, nobody, tmp_path / "kept").kinds == {ReturnKind.UNMATCHED: 1}
    with database.read() as connection:
        assert connection.execute(sa.select(tables.returned)).all() == []
    assert events(database) == []


def test_whatever_comes_back_proves_that_an_unknown_message_left(project: Project, database: Database) -> None:
    recipient = deliver(project, database)[ANA]
    with database.write() as connection:
        mine = tables.recipients.c.id == recipient
        connection.execute(sa.update(tables.recipients).where(mine).values(state="unknown", reason="lost"))
        connection.execute(sa.update(tables.attempts).values(outcome="unknown"))
        connection.execute(sa.update(tables.attempts).where(tables.attempts.c.recipient_id != recipient)
                           .values(outcome="accepted"))  # fmt: skip
    come_back(project, database, recipient, "vacation")
    assert summary_of(database, "delivery1").counts["accepted"] == 2
    assert "contradict" not in " ".join(verify(database, "delivery1"))


def test_bounce_of_a_confirmation_ends_the_sign_up(project: Project, database: Database) -> None:
    address_hash = keyed_hash(project.keys.address, "eve@example.com")
    with database.write() as connection:
        add_signup(connection, Signup("eve@example.com", address_hash, "en", (1,), "", NOW))
        signup = connection.execute(sa.select(tables.signups.c.id)).scalar_one()
        notice = add_notice(connection, NoticeKind.CONFIRMATION, "", address_hash, "en", NOW, signup=signup)
    assert come_back(project, database, notice, "postfix", NOW, **SOFT).suppressed == 0
    with database.read() as connection:
        assert connection.execute(sa.select(tables.signups.c.id)).scalar_one() == signup
    assert come_back(project, database, notice).suppressed == 0
    with database.read() as connection:
        for table in (tables.signups, tables.notices, tables.suppressions):
            assert connection.execute(sa.select(table)).all() == []
    assert come_back(project, database, notice).repeated == 1


def test_erasing_leaves_nothing_of_what_came_back(project: Project, database: Database) -> None:
    recipient = deliver(project, database)[ANA]
    come_back(project, database, recipient, words="User secretname unknown")
    erase_subscriber_everywhere(project, database, ANA, now=NOW)
    with database.read() as connection:
        found = [
            str(tuple(row)) for table in tables.metadata.sorted_tables for row in connection.execute(sa.select(table))
        ]
    assert "secretname" not in "".join(found)
    assert come_back(project, database, recipient, "exim").suppressed == 0
    assert reason(project, database, ANA) is SuppressionReason.ERASED


def fill(folder: Path, emails: Mapping[str, bytes]) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    for name, data in emails.items():
        (folder / name).write_bytes(data)
    return folder


def test_maildir_is_read_once_and_emptied(project: Project, database: Database, tmp_path: Path) -> None:
    recipients = deliver(project, database)
    hard = returned(project, recipients[ANA])
    folder = fill(
        tmp_path / "Maildir",
        {
            "new/1.a.host": hard,
            "cur/2.b.host:2,S": returned(project, recipients[BEN], "arf"),
            "new/3.c.host": hard,
            "new/4.d.host": returned(project, recipients[BEN], "person"),
            "tmp/5.e.host": hard,
        },
    )
    (folder / "new" / "6.f.host").symlink_to("/etc/passwd")
    os.mkfifo(folder / "new" / "7.g.host")
    (folder / "new" / "0.folder").mkdir()
    reading = read_maildir(project, database, NOW, folder)
    assert (reading.kinds, reading.repeated) == (
        {ReturnKind.HARD: 1, ReturnKind.COMPLAINT: 1, ReturnKind.UNMATCHED: 1},
        1,
    )
    assert sorted(file.name for file in (folder / "done").iterdir()) == ["1.a.host", "2.b.host:2,S", "3.c.host"]
    assert [file.name for file in (folder / "unmatched").iterdir()] == ["4.d.host"]
    assert read_maildir(project, database, NOW, folder).read == 0
    assert (reason(project, database, ANA), reason(project, database, BEN)) == ("bounced", "complaint")


def test_emails_stay_where_they_are_while_the_database_is_away(
    project: Project, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "Maildir", {"new/1.a.host": returned(project, deliver(project, database)[ANA])})

    def away(*_: object) -> None:
        raise StorageError("away")

    with monkeypatch.context() as patch:
        patch.setattr("newsletter.app.audience.bounces.add_returned", away)
        with pytest.raises(StorageError):
            read_maildir(project, database, NOW, folder)
    assert (folder / "new" / "1.a.host").exists()
    assert read_maildir(project, database, NOW, folder).suppressed == 1


def test_what_was_read_a_month_ago_is_deleted(
    project: Project, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "Maildir", {"new/1.a.host": returned(project, deliver(project, database)[ANA])})
    read_maildir(project, database, NOW, folder)
    assert len(list((folder / "done").iterdir())) == 1
    later = (folder / "done" / "1.a.host").stat().st_ctime + 31 * 86400
    monkeypatch.setattr("newsletter.feedback.sources.maildir.time.time", lambda: later)
    read_maildir(project, database, NOW, folder)
    assert list((folder / "done").iterdir()) == []


def test_service_reads_the_maildir_of_the_configuration(
    project: Project, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path / "mail", {"new/1.a.host": returned(project, deliver(project, database)[ANA])})
    named = BouncesSection(maildir="mail", unmatched="kept")
    serving = Project(project.folder, project.config.model_copy(update={"bounces": named}))
    with serving.journal(database) as journal:
        scheduler = project_scheduler(serving, database, journal, clock=lambda: NOW)
        scheduler.do_chore()
        assert reason(project, database, ANA) is SuppressionReason.BOUNCED
        (tmp_path / "mail").rename(tmp_path / "elsewhere")
        scheduler.do_chore()  # a service does not end because of it
    assert "is no Maildir" in caplog.text


def test_folder_that_is_no_maildir_is_refused(project: Project, database: Database, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no Maildir"):
        read_maildir(project, database, NOW, tmp_path)


def test_many_bounces_or_complaints_are_told(project: Project, database: Database) -> None:
    recipients = deliver(project, database)
    for name in ("arf", "postfix"):
        for recipient in recipients.values():
            come_back(project, database, recipient, name)
    [found] = [one for one in conditions(project, database, NOW) if one.kind == "delivery.complaints"]
    assert found.text == "Delivery delivery1 of delivery1 has many complaints: 2 of 2 messages, more than 0.1 %"
    assert not [one for one in conditions(project, database, NOW + timedelta(days=8)) if "complaints" in one.kind]


def test_command_reads_a_maildir_a_file_and_a_pipe(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    start_project(folder)
    mail = fill(tmp_path / "Maildir", {"new/1.a.host": email("postfix"), "new/2.b.host": email("vacation")})
    run = CliRunner()

    def read(*arguments: str, given: bytes = b"") -> tuple[int, str]:
        done = run.invoke(cli, ["-C", str(folder), "bounces", "read", *arguments], input=given)
        return (1 if done.exception and done.exit_code == 1 else done.return_value or done.exit_code), done.output

    assert json.loads(read("--maildir", str(mail), "--json")[1]) == {
        "read": 2, "hard": 0, "soft": 0, "ours": 0, "complaint": 0, "ignored": 1, "unmatched": 1, "repeated": 0,
        "suppressed": 0, "unsubscribed": 0, "kept": str(mail / "unmatched"),
    }  # fmt: skip
    assert read()[0] == 2
    assert read("-", "--maildir", str(mail))[0] == 2
    assert read("-", given=email("person"))[0] == 1
    code, said = read("-", "--unmatched", str(tmp_path / "kept"), given=email("person"))
    assert (code, f"What matches no recipient is in {tmp_path / 'kept'}" in said) == (0, True)
    assert [one.read_bytes() for one in (tmp_path / "kept").iterdir()] == [email("person")]
    (folder / "newsletter.toml").write_text("[smtp\n", encoding="utf-8")
    assert run.invoke(cli, ["-C", str(folder), "bounces", "read", "-"], standalone_mode=False).return_value == 75
