"""The journal: what it keeps of a database, and what an older copy, a move and a return of that database get from it.

The long proofs, with processes and a relay, are in `tests/proofs.py`.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, address_hash, make_worker, start_delivery

from newsletter.app.operating.database import adopt_database, connect, upgrade_database
from newsletter.app.operating.doctor import Grade, examine
from newsletter.app.project import Project
from newsletter.config import Config, DatabaseSection
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Rejected, Reply, Unknown
from newsletter.errors import JournalError, NoDatabaseError, NotAdoptedError, StaleDatabaseError
from newsletter.reporting.reconcile import reconcile
from newsletter.scheduler import project_scheduler
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.journal.files import Appender, JournalFiles, OptOutLine, Receipt
from newsletter.storage.journal.journal import Journal, place_of
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.reconcile import read_counts
from newsletter.storage.ledger.resolve import resend_unknown

WORKER = make_worker("one")
_NUMBERS = itertools.count(2)
PEOPLE = [f"reader{n}@example.com" for n in range(6)]
OK, NO = Accepted(Reply(250, "2.0.0", "ok")), Rejected(Reply(550, "5.1.1", "reader4@example.com is gone"))
ENDS: list[tuple[Decision, Outcome | None]] = [
    (Decision.done(), OK),
    (Decision.done(), OK),
    (Decision.hold("line lost"), Unknown("line lost")),
    (Decision.fail("no"), NO),
    (Decision.requeue(NOW, "reset"), None),
]
"""Of the first five; what became of the sixth nobody knows."""


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    return project_in(tmp_path, database_url)


def project_in(folder: Path, url: str, adopt: str = "") -> Project:
    folder.mkdir(exist_ok=True)
    return Project(folder=folder, config=Config(database=DatabaseSection(url=url, adopt=adopt)))


@pytest.fixture
def opened(project: Project) -> Iterator[Database]:
    """A delivery to six people, all of whom were sent to."""
    with closing(connect(project)) as database:
        add_people(database, PEOPLE, add_list(database))
        start_delivery(database)
        send(database, project)
        yield database


def send(database: Database, project: Project, *, delivery: str = "delivery1") -> list[Claim]:
    """What a sender of this host does, for everybody who is due."""
    ledger, worker = StoredLedger(database), make_worker(f"worker{next(_NUMBERS)}")
    with closing(project.journal(database)) as journal:
        journal.require_current(delivery)
        ledger.register(worker, 1e9, NOW)
        claims = sorted(ledger.claim(delivery, worker, 9, NOW), key=lambda one: one.address)
        asked = [PermitRequest(one, f"{one.recipient}@x", "b" * 64) for one in claims]
        assert ledger.record(worker, [], asked, NOW) == [True] * len(claims)
        journal.append(worker, asked, [])
        settled = [Settlement(one, *end) for one, end in zip(claims, ENDS, strict=False)]
        ledger.record(worker, settled, [], NOW)
        journal.append(worker, [], settled)
        ledger.deregister(worker, NOW)
    return claims


def put_back(database: Database, *, rows: str = "waiting") -> None:
    """What a copy looks like that was made when the delivery was frozen, and nobody had been sent to."""
    with database.write() as connection:
        connection.execute(sa.delete(tables.attempts))
        change = {"state": rows, "epoch": 0, "worker": "", "sha256": "", "dated_at": None, "reason": ""}
        connection.execute(sa.update(tables.recipients).values(**change))
        connection.execute(sa.update(tables.deliveries).values(state="sending"))


def forget_delivery(database: Database) -> None:
    """As a copy that was made before the delivery."""
    with database.write() as connection:
        for table in (tables.attempts, tables.recipients, tables.editions, tables.delivery_lists, tables.deliveries):
            connection.execute(sa.delete(table))


def states(database: Database, delivery: str = "delivery1") -> list[str]:
    found = {one.address: one.state.value for one in Deliveries(database).recipients(delivery)}
    return [found[address] for address in PEOPLE]


def state(database: Database, delivery: str = "delivery1") -> DeliveryState:
    return Deliveries(database).get(delivery).state


def test_an_older_copy_is_told_once_and_stopped(opened: Database, project: Project) -> None:
    put_back(opened)
    with pytest.raises(
        StaleDatabaseError, match=r"older copy.*first: 1 aborted, 2 accepted, 1 rejected, 2 unknown.*delivery1"
    ):
        connect(project)
    assert state(opened) is DeliveryState.PAUSED
    connect(project).close()


def test_nobody_gets_it_twice_and_who_was_refused_is_free(opened: Database, project: Project) -> None:
    put_back(opened)
    with pytest.raises(StaleDatabaseError):
        connect(project)
    Deliveries(opened).resume("delivery1", DeliveryState.SENDING, NOW, since=DeliveryState.PAUSED)
    assert [one.address for one in send(opened, project)] == [PEOPLE[3], PEOPLE[4]]
    assert states(opened) == ["excluded", "excluded", "unknown", "accepted", "accepted", "unknown"]
    with opened.read() as connection:
        assert reconcile(Deliveries(opened).get("delivery1"), read_counts(connection, "delivery1")) == ()


def test_a_copy_of_before_the_delivery_bars_its_issue(opened: Database, project: Project) -> None:
    forget_delivery(opened)
    with pytest.raises(StaleDatabaseError, match="first: "):
        connect(project)
    start_delivery(opened, "again")
    assert states(opened, "again") == ["excluded", "excluded", "unknown", "waiting", "waiting", "unknown"]
    start_delivery(opened, "other", issue="second")
    assert states(opened, "other") == ["waiting"] * 6
    assert resend_unknown(opened, "again", NOW) == 2
    assert {one.address for one in send(opened, project, delivery="again")} == {PEOPLE[n] for n in (2, 3, 4, 5)}


def test_a_mixture_of_two_files_is_found_row_by_row(opened: Database, project: Project) -> None:
    """The rows are of before, the attempts of today, all but one."""
    with opened.write() as connection:
        connection.execute(sa.update(tables.recipients).values(state="waiting", epoch=0))
        connection.execute(sa.update(tables.deliveries).values(state="sending"))
    with closing(project.journal(opened)) as journal:
        with pytest.raises(StaleDatabaseError, match="2 accepted"):
            journal.require_current("delivery1")
        Deliveries(opened).resume("delivery1", DeliveryState.SENDING, NOW, since=DeliveryState.PAUSED)
        journal.require_current("delivery1")


def test_everything_scheduled_waits_in_an_older_copy(opened: Database, project: Project) -> None:
    put_back(opened)
    with opened.write() as connection:
        connection.execute(sa.update(tables.deliveries).values(state="scheduled", scheduled_at=NOW))
    with pytest.raises(StaleDatabaseError):
        connect(project)
    assert state(opened) is DeliveryState.MISSED


def test_claims_of_a_copy_put_back_in_the_moment_before_are_refused(opened: Database, project: Project) -> None:
    with closing(project.journal(opened)) as journal:
        journal.require_current("delivery1")
        put_back(opened)
        opened.generation += 1  # as the next connection notices
        with pytest.raises(StaleDatabaseError):
            journal.require_current("delivery1")


def test_service_is_told_and_goes_on(opened: Database, project: Project) -> None:
    put_back(opened)
    told: list[str] = []
    connect(project, tell=told.append).close()
    assert ["older copy" in text for text in told] == [True]


def test_doctor_names_what_it_found_and_changes_nothing(opened: Database, project: Project) -> None:
    def findings() -> list[tuple[Grade, str]]:
        return [(one.grade, one.message) for one in examine(project, lambda _: "hello") if one.about == "journal"]

    assert findings() == []
    put_back(opened)
    for _ in range(2):
        [(grade, message)] = [
            (one.grade, one.message) for one in examine(project, lambda _: "") if "older" in one.message
        ]
        assert (grade, "2 accepted" in message) == (Grade.BAD, True)
    assert state(opened) is DeliveryState.SENDING
    with pytest.raises(StaleDatabaseError):
        connect(project)
    [(grade, message)] = findings()
    assert (grade, "2 accepted" in message) == (Grade.GOOD, True)


def test_each_host_replays_its_own_journal(opened: Database, project: Project, tmp_path: Path) -> None:
    second = project_in(tmp_path / "second", project.config.database.url)
    (second.folder / "secret.toml").write_bytes((project.folder / "secret.toml").read_bytes())
    with closing(second.journal(opened)) as journal:
        identity = journal.adopt(NOW)
    theirs = Receipt("first", "delivery1", "r" * 26, 1, "theirs", address_hash(PEOPLE[5]), ("weekly",), "accepted")
    JournalFiles(second.folder / "journal").write_receipts(identity, [theirs])
    put_back(opened)
    for host in (project, second):
        with pytest.raises(StaleDatabaseError):
            connect(host)
        connect(host).close()
    start_delivery(opened, "again")
    assert states(opened, "again")[5] == "excluded"


def test_outcomes_that_only_the_journal_has_are_recorded(opened: Database, project: Project) -> None:
    """The database was away when its sender was ended."""
    with opened.write() as connection:
        connection.execute(sa.update(tables.attempts).values(outcome="", reply=""))
        connection.execute(sa.update(tables.recipients).values(state="unknown", reply="", settled_at=None))
        connection.execute(sa.update(tables.deliveries).values(state="sending"))
    with closing(project.journal(opened)) as journal:
        journal.require_current("delivery1")
    assert states(opened) == ["accepted", "accepted", "unknown", "rejected", "waiting", "unknown"]
    with opened.read() as connection:
        assert reconcile(Deliveries(opened).get("delivery1"), read_counts(connection, "delivery1")) == ()


def journal_files(project: Project, database: Database) -> tuple[JournalFiles, str]:
    with closing(project.journal(database)) as journal:
        return JournalFiles(project.folder / "journal"), journal.identity


def test_receipts_of_one_attempt_count_once_and_the_known_outcome_holds(opened: Database, project: Project) -> None:
    """An operator found out that the third and the sixth had arrived, on a host that had only the ledger's word."""
    files, identity = journal_files(project, opened)
    for one in list(files.receipts(identity)):
        outcome = "accepted" if one.outcome in ("", "unknown") else ""
        files.write_receipts(identity, [replace(one, outcome=outcome)])
        files.write_receipts(identity, [replace(one, outcome="unknown")])
    forget_delivery(opened)
    with pytest.raises(StaleDatabaseError, match=r"first: 1 aborted, 4 accepted, 1 rejected\)"):
        connect(project)
    start_delivery(opened, "again")
    assert states(opened, "again") == ["excluded", "excluded", "excluded", "waiting", "waiting", "excluded"]


def test_ledger_adds_to_the_journal_what_it_knows_better_and_nothing_else(opened: Database, project: Project) -> None:
    files, identity = journal_files(project, opened)
    before = sorted(files.receipts(identity), key=lambda one: one.key)
    with opened.write() as connection:  # the outcomes came after the copy was made
        connection.execute(sa.update(tables.attempts).values(outcome=""))
        connection.execute(sa.update(tables.recipients).values(state="unknown"))
    for _ in range(2):
        adopt_database(project, opened)
        assert sorted(files.receipts(identity), key=lambda one: one.key) == before
    with opened.write() as connection:  # an operator found out
        connection.execute(sa.update(tables.recipients).values(state="accepted"))
    for _ in range(2):
        adopt_database(project, opened)
        added = [one for one in files.receipts(identity) if one not in before]
        assert [one.outcome for one in added] == ["accepted"] * 2


def test_comparison_that_is_asked_for_during_another_is_made_after_it(
    opened: Database, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts, waited = JournalFiles.receipts, list[bool]()

    def slow(files: JournalFiles, identity: str, issue: str | None = None) -> Iterator[Receipt]:
        asking = threading.Thread(target=journal.compare_again)
        asking.start()
        asking.join(5)
        waited.append(asking.is_alive())
        return receipts(files, identity, issue)

    with project.journal(opened) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(JournalFiles, "receipts", slow)
            journal.require_current("delivery1")
        assert waited == [False]
        with opened.write() as connection:  # a dead sender's rows are recovered
            connection.execute(sa.update(tables.attempts).values(outcome=""))
            connection.execute(sa.update(tables.recipients).values(state="unknown"))
        journal.require_current("delivery1")
    assert states(opened) == ["accepted", "accepted", "unknown", "rejected", "waiting", "unknown"]


# Moves and copies


def test_nothing_leaves_from_a_copy_elsewhere_before_it_is_adopted(
    opened: Database, project: Project, tmp_path: Path
) -> None:
    staging = project_in(tmp_path / "staging", project.config.database.url)
    (staging.folder / "secret.toml").write_bytes((project.folder / "secret.toml").read_bytes())
    with closing(connect(staging)) as database, closing(staging.journal(database)) as journal:
        for _ in range(2):
            with pytest.raises(NotAdoptedError, match=journal.identity):
                journal.require_current("delivery1")
        messages = [one.message for one in examine(staging, lambda _: "") if one.about == "journal"]
        assert ["before it is adopted" in one for one in messages] == [True]
        with database.write() as connection:
            connection.execute(sa.update(tables.deliveries).values(state="scheduled", scheduled_at=NOW))
        scheduler = project_scheduler(staging, database, journal, clock=lambda: NOW)
        scheduler.look()
        assert state(database) is DeliveryState.SCHEDULED
        adopt_database(staging, database)
        journal.require_current("delivery1")
        scheduler.look()
        assert state(database) is DeliveryState.PREPARING
        put_back(opened)
        with pytest.raises(StaleDatabaseError):  # what the ledger knew is in this journal, too
            connect(staging)


def test_copy_of_the_whole_folder_is_a_copy_too(opened: Database, project: Project, tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    shutil.copytree(project.folder / "journal", staging / "journal")
    with closing(Journal(staging, opened)) as journal:
        with pytest.raises(NotAdoptedError):
            journal.keep_up()
        journal.adopt(NOW)
        journal.keep_up()
    with closing(project.journal(opened)) as journal:  # the other one goes on
        journal.keep_up()


def test_a_container_says_in_its_environment_what_it_sends_from(
    opened: Database, project: Project, tmp_path: Path
) -> None:
    with closing(project.journal(opened)) as journal:
        identity = journal.identity
    for named, durable in ((identity, False), ("another", False)):
        config = project_in(tmp_path / named, project.config.database.url, adopt=named)
        with closing(config.journal(opened)) as journal:
            assert journal.is_durable is durable
            if named == identity:
                journal.keep_up()
            else:
                with pytest.raises(NotAdoptedError):
                    journal.keep_up()


def test_worker_that_joins_living_ones_is_not_asked(opened: Database, project: Project, tmp_path: Path) -> None:
    ledger = StoredLedger(opened)
    ledger.register(WORKER, 30.0, NOW)
    with closing(Journal(tmp_path / "elsewhere", opened)) as journal:
        for _ in range(2):  # a copy has the lease, too, and nobody who renews it
            with pytest.raises(NotAdoptedError):
                journal.keep_up()
        ledger.renew(WORKER, 60.0)
        journal.keep_up()


def test_database_older_than_what_is_kept_waits_to_be_adopted(opened: Database, project: Project) -> None:
    [file] = (project.folder / "journal" / "receipts" / "first").iterdir()
    long_ago = (NOW - timedelta(days=400)).timestamp()
    os.utime(file, (long_ago, long_ago))
    with closing(project.journal(opened)) as journal:
        journal.keep_up()
    assert not file.exists()
    connect(project).close()
    forget_delivery(opened)
    with closing(project.journal(opened)) as journal:
        with pytest.raises(NotAdoptedError):
            journal.keep_up()
        adopt_database(project, opened)
        journal.keep_up()


def test_two_processes_remove_old_receipts_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = JournalFiles(tmp_path)
    for delivery in ("one", "two"):
        files.write_receipts("db", [Receipt("first", delivery, "r", 1, "w", "h", ())])
    stat = Path.stat

    def slower(file: Path, **options: bool) -> os.stat_result:
        if file.name.startswith("one"):
            file.unlink(missing_ok=True)  # by the other process
        return stat(file, **options)

    monkeypatch.setattr(Path, "stat", slower)
    files.prune("db", NOW + timedelta(days=4000))
    assert list(files.receipts("db")) == []
    files.write_receipts("db", [Receipt("first", "three", "r", 1, "w", "h", ())])

    def broken(file: Path, **options: bool) -> os.stat_result:
        if file.name.startswith("three"):
            raise PermissionError(13, "Permission denied")
        return stat(file, **options)

    monkeypatch.setattr(Path, "stat", broken)
    with pytest.raises(JournalError, match="Permission denied"):
        files.prune("db", NOW)


def test_no_new_database_is_made_where_email_was_sent_from(tmp_path: Path) -> None:
    project = project_in(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}")
    with closing(connect(project)) as database:
        add_people(database, PEOPLE, add_list(database))
        start_delivery(database)
        send(database, project)
    for file in tmp_path.glob("newsletter.db*"):
        file.unlink()
    for attempt in (connect, upgrade_database):
        with pytest.raises(NoDatabaseError, match="has sent email from it") as caught:
            attempt(project)
        assert "db restore" in caught.value.hint
    connect(project_in(tmp_path, f"sqlite:///{tmp_path / 'other.db'}")).close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////srv/press/data/newsletter.db", "sqlite:///data/newsletter.db"),
        ("sqlite:////srv/press/../newsletter.db", "sqlite:////srv/newsletter.db"),
        ("postgresql://db.example:5433/press", "postgresql://db.example:5433/press"),
    ],
)
def test_place_of_a_database_moves_with_the_folder(url: str, place: str) -> None:
    assert place_of(url, Path("/srv/press")) == place


# Files


def test_journal_holds_no_address_and_no_reply(opened: Database, project: Project) -> None:
    for file in (project.folder / "journal").rglob("*"):
        assert "example.com" not in str(file)
        assert not file.is_file() or b"example.com" not in file.read_bytes()


def test_what_was_torn_is_skipped(tmp_path: Path) -> None:
    files = JournalFiles(tmp_path)
    found = [Receipt("first", "d", f"r{n}", 1, "w", f"h{n}", ("weekly",), "accepted", "250") for n in range(3)]
    files.write_receipts("db", found)
    [file] = (tmp_path / "receipts" / "first").iterdir()
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        told = list(files.receipts("db", "first"))
        assert [replace(one, outcome="accepted", reply="250") for one in told] == found[: len(told)]
        assert list(files.last_receipts("db")) == told[-1:]
    file.write_bytes(whole.replace(b'["permit","r1"', b'["permit","r1"' + b"\x00" * 9))
    assert [one.recipient for one in files.receipts("db")] == ["r0", "r2"]
    assert list(files.receipts("another database")) == list(files.receipts("db", "another issue")) == []


@pytest.mark.parametrize("issue", ["2024-01-25", "..", "新的前沿" * 30, "a/b", ""])
def test_any_issue_has_receipts(tmp_path: Path, issue: str) -> None:
    files = JournalFiles(tmp_path / "journal")
    one = Receipt(issue, "d", "r", 1, "w", "h", ())
    files.write_receipts("db", [one])
    assert list(files.receipts("db", issue)) == [one]
    assert [one.name for one in tmp_path.iterdir()] == ["journal"]


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let no file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_line_that_a_full_disk_cuts_off_spoils_none_after_it(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    appender = Appender(tmp_path / "file", {"database": "db"})
    line = len(json.dumps(["permit", "cut off"], separators=(",", ":")))
    for room in (10, line + 1, 0):  # the second lacks but its last byte, after the end of the first
        full_disk((tmp_path / "file").stat().st_size + room)
        with pytest.raises(JournalError):
            appender.append_durably([["permit", "cut off"]])
    full_disk(10_000)
    appender.append_durably([["permit", "whole"]])
    appender.close()
    lines = (tmp_path / "file").read_bytes().split(b"\n")
    assert [json.loads(one) for one in (lines[0], lines[-2])] == [{"database": "db"}, ["permit", "whole"]]


def test_file_that_a_full_disk_did_not_take_is_made_later(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    for room in (0, 5):
        full_disk(room)
        with pytest.raises(JournalError):
            Appender(tmp_path / "file", {"database": "db"})
    full_disk(10_000)
    Appender(tmp_path / "file", {"database": "db"}).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_that_root_makes_belong_to_the_service(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    files = JournalFiles(tmp_path / "journal")
    files.remember("db", "here")
    files.opt_out("db", word(0))
    files.wait(True)
    files.write_receipts("db", [Receipt("first", "d", "r", 1, "w", "h", ())])
    made = list(tmp_path.rglob("*"))
    assert len(made) == 9
    assert {(file.stat().st_uid, file.stat().st_gid) for file in made} == {(1234, 1235)}


# Opt-outs


def test_repeated_clicks_append_nothing(opened: Database, project: Project) -> None:
    out, back = word(0), word(0, "confirmed")
    with project.journal(opened) as journal:
        files = JournalFiles(project.folder / "journal")
        for one in (out, out, back, out):
            journal.opt_out(replace(one, recipient="r"), may_repeat=True)
        assert len(files.opt_outs(journal.identity)) == 3
        journal.opt_out(replace(out, recipient="s"), is_away=True)
        journal.opt_out(replace(out, recipient="s"), is_away=True)
        assert len(files.opt_outs(journal.identity)) == 4
        later = replace(out, recipient="s", at=out.at + timedelta(minutes=1))
        journal.opt_out(later, is_away=True)
        journal.opt_out(later)  # the database shows that it is new
        assert len(files.opt_outs(journal.identity)) == 6


def left(database: Database) -> Counter[str]:
    query = sa.select(tables.subscriptions.c.consent)
    with database.read() as connection:
        return Counter(connection.execute(query).scalars())


def word(number: int, consent: str = "unsubscribed", minutes: int = 1) -> OptOutLine:
    at = NOW + timedelta(minutes=minutes)
    return OptOutLine(at, "one-click", "", address_hash(PEOPLE[number]), {"weekly": consent})


def test_newest_of_several_opt_outs_and_returns_holds(opened: Database, project: Project) -> None:
    with closing(project.journal(opened)) as journal:
        for one in (word(0), word(1), word(1, "confirmed", 2), word(2, "confirmed", 1), word(2, minutes=2)):
            journal.opt_out(one)
        assert journal.replay_opt_outs().changes == 2
        assert left(opened) == {"unsubscribed": 2, "confirmed": 4}
        journal.opt_out(word(0, "confirmed", 3))
        assert [journal.replay_opt_outs().changes for _ in range(2)] == [1, 0]
    assert left(opened) == {"unsubscribed": 1, "confirmed": 5}


def test_who_joined_and_left_after_the_copy_stays_out(opened: Database, project: Project) -> None:
    stranger = OptOutLine(NOW, "page", "", "s" * 26, {"weekly": "unsubscribed", "gone": "unsubscribed"})
    with closing(project.journal(opened)) as journal:
        journal.opt_out(stranger)
        journal.opt_out(OptOutLine(NOW, "command", "", "e" * 26, {}, "erased"))
        journal.replay_opt_outs()
        assert journal.replay_opt_outs().changes == 0
    assert left(opened) == {"unsubscribed": 1, "confirmed": 6}
    with opened.read() as connection:
        assert connection.execute(sa.select(tables.suppressions.c.reason)).scalars().all() == ["erased"]


def test_opt_outs_of_a_database_that_was_away_are_applied_before_anything_leaves(
    opened: Database, project: Project
) -> None:
    recipient = next(one for one in Deliveries(opened).recipients("delivery1") if one.address == PEOPLE[0])
    with closing(project.journal(opened)) as pages, closing(project.journal(opened)) as sender:
        sender.require_current("delivery1")
        assert pages.identity
        pages.opt_out(OptOutLine(NOW, "one-click", recipient.id), is_away=True)
        sender.require_current("delivery1")
        assert left(opened) == {"unsubscribed": 1, "confirmed": 5}


def test_opt_outs_that_could_not_be_read_are_still_waiting(opened: Database, project: Project) -> None:
    recipient = next(one for one in Deliveries(opened).recipients("delivery1") if one.address == PEOPLE[0])
    with project.journal(opened) as journal:
        journal.opt_out(OptOutLine(NOW, "one-click", recipient.id), is_away=True)
        (project.folder / "journal" / "opt-outs" / "folder").mkdir()  # no file: it cannot be read
        with pytest.raises(JournalError):
            journal.replay_opt_outs()
        assert JournalFiles(project.folder / "journal").is_waiting
    assert left(opened) == {"confirmed": 6}


def test_return_is_no_opt_out_in_the_record(opened: Database, project: Project) -> None:
    with closing(project.journal(opened)) as journal:
        recipient = next(iter(Deliveries(opened).recipients("delivery1"))).id
        journal.opt_out(OptOutLine(NOW, "page", recipient))
        journal.replay_opt_outs()
        [left_by] = [one for one in everybody(opened) if one.consent == "unsubscribed"]
        back = OptOutLine(NOW + timedelta(minutes=1), "page", recipient, left_by.address_hash, {"weekly": "confirmed"})
        journal.opt_out(back)
        journal.replay_opt_outs()
    assert left(opened) == {"confirmed": 6}
    with opened.read() as connection:
        assert connection.execute(sa.select(tables.events.c.kind)).scalars().all() == ["unsubscribed"]


def everybody(database: Database) -> list[Any]:
    query = sa.select(tables.subscribers.c.address_hash, tables.subscriptions.c.consent).join(tables.subscriptions)
    with database.read() as connection:
        return list(connection.execute(query).all())
