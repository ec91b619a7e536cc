"""Series: who gets which step when; nobody twice and nobody too late; stopped, restored, changed and imported."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from factories import add_list
from recording_server import RecordingServer, recording_server

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.subscribers import (
    NewSubscriber,
    add_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
)
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.alerts import conditions
from newsletter.app.sending.propose import confirm as confirm_delivery
from newsletter.app.sending.propose import propose
from newsletter.app.sending.report import summary_of
from newsletter.app.sending.series import (
    list_series,
    propose_series,
    show_series,
    start_series,
    stop_series,
    take_on_due,
)
from newsletter.app.sending.steer import resume
from newsletter.app.sending.worker import send_now
from newsletter.audience.consent import Consent
from newsletter.cli.main import cli
from newsletter.delivery.delivery import DeliveryState
from newsletter.errors import AuthoringError, NotFoundError, StaleDatabaseError
from newsletter.scheduler import project_scheduler
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Archive
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.scheduling.series import SeriesStore

NOW = datetime.now(UTC).replace(microsecond=0)
"""Of the last step; the relay gets what is due now."""
DAY = timedelta(days=1)
STEP = 'title: "{0}"\ndate: 2026-01-01\nlanguage: en\nblocks:\n  - text: "This is {0}."\n'
SERIES = "list: weekly\nsteps:\n  - issue: hello\n  - issue: tips\n    wait: 3 days\n"


def write_step(project: Project, name: str, title: str = "") -> None:
    (project.folder / "series" / "welcome" / f"{name}.yaml").write_text(STEP.format(title or name))


def write_series(project: Project, text: str = SERIES) -> None:
    folder = project.folder / "series" / "welcome"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "series.yaml").write_text(text)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay") as server:
        yield server


def make_project(folder: Path, url: str, port: int = 1) -> Project:
    start_project(folder)
    settings = {
        "SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__TLS": "none", "DATABASE__URL": url,
        "PUBLIC__URL": "https://news.example.org",
    }  # fmt: skip
    project = open_project(folder, {f"NEWSLETTER_{name}": value for name, value in settings.items()})
    write_series(project)
    for name in ("hello", "tips"):
        write_step(project, name)
    return project


@pytest.fixture
def project(tmp_path: Path, database_url: str, relay: RecordingServer) -> Project:
    return make_project(tmp_path / "project", database_url, relay.port)


@pytest.fixture
def opened(project: Project) -> Iterator[Database]:
    with closing(connect(project)) as database:
        add_list(database)
        yield database


def start(project: Project, database: Database, at: datetime) -> None:
    start_series(database, propose_series(project, database, "welcome", now=at), now=at)


def confirm(project: Project, database: Database, who: str, at: datetime, *, back: bool = False) -> None:
    words = "they asked for it" if back else ""
    consent = Consent.CONFIRMED if back else None
    add_subscriber(
        project, database, NewSubscriber(f"{who}@example.org"), ["weekly"], consent=consent, basis=words, now=at
    )


def sweep(project: Project, database: Database, at: datetime) -> dict[str, int]:
    """Step → how many it took on."""
    with project.journal(database) as journal:
        return {step.issue: count for step, count, _ in take_on_due(project, database, journal, at)}


def got(database: Database) -> list[tuple[str, str, str]]:
    """Who is a recipient of what, and the state of it."""
    rows = sa.select(tables.recipients.c.address, tables.recipients.c.issue, tables.recipients.c.state)
    with database.read() as connection:
        return sorted((row[0].partition("@")[0], row[1], row[2]) for row in connection.execute(rows))


def send_all(project: Project, database: Database) -> None:
    for one in Deliveries(database).all(DeliveryState.SENDING):
        assert send_now(project, database, one.id).delivery.state is DeliveryState.FINISHED


def test_each_gets_every_step_at_its_moment_and_once(
    opened: Database, project: Project, relay: RecordingServer
) -> None:
    confirm(project, opened, "early", NOW - 30 * DAY)
    start(project, opened, NOW - 10 * DAY)
    confirm(project, opened, "ana", NOW - 3 * DAY)
    assert sweep(project, opened, NOW - 3 * DAY - timedelta(seconds=1)) == {}
    confirm(project, opened, "bob", NOW)
    assert sweep(project, opened, NOW) == {"welcome/hello": 2, "welcome/tips": 1}
    assert sweep(project, opened, NOW) == {}
    send_all(project, opened)
    confirm(project, opened, "cleo", NOW)
    assert sweep(project, opened, NOW) == {"welcome/hello": 1}
    send_all(project, opened)
    assert got(opened) == [
        ("ana", "welcome/hello", "accepted"),
        ("ana", "welcome/tips", "accepted"),
        ("bob", "welcome/hello", "accepted"),
        ("cleo", "welcome/hello", "accepted"),
    ]
    mails = relay.messages()
    assert {who: len(found) for who, found in mails.items()} == {
        "ana@example.org": 2, "bob@example.org": 1, "cleo@example.org": 1,
    }  # fmt: skip
    for mail in (message for found in mails.values() for message in found):
        assert b"List-Unsubscribe: <https://news.example.org/" in mail
        assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail
        assert b"January" not in mail, "a step shows no date"
    for one in Deliveries(opened).all():
        assert summary_of(opened, one.id).problems == ()
    assert Archive(opened).issues() == []
    with pytest.raises(NotFoundError):
        Deliveries(opened).id_of("last")
    assert Deliveries(opened).get(Deliveries(opened).id_of("welcome/tips")).frozen_count == 1


def test_who_leaves_pauses_or_is_suppressed_gets_no_further_step(opened: Database, project: Project) -> None:
    start(project, opened, NOW - 10 * DAY)
    for who in ("ana", "bob", "cleo"):
        confirm(project, opened, who, NOW - 4 * DAY)
    assert sweep(project, opened, NOW - 4 * DAY) == {"welcome/hello": 3}
    unsubscribe_subscriber(project, opened, "ana@example.org", None, now=NOW - 2 * DAY)
    suppress_subscriber(project, opened, "bob@example.org", "", now=NOW - 2 * DAY)
    with opened.write() as connection:
        cleo = tables.subscribers.c.address == "cleo@example.org"
        connection.execute(sa.update(tables.subscribers).where(cleo).values(paused_until=NOW + 20 * DAY))
    assert sweep(project, opened, NOW) == {}
    assert sweep(project, opened, NOW + 21 * DAY) == {"welcome/tips": 1}, "after the pause the step is not lost"
    confirm(project, opened, "ana", NOW + 22 * DAY, back=True)
    assert sweep(project, opened, NOW + 22 * DAY) == {}, "what they had does not come again"
    assert sweep(project, opened, NOW + 25 * DAY) == {"welcome/tips": 1}


def test_who_leaves_before_the_message_and_comes_back_gets_the_step(
    opened: Database, project: Project, relay: RecordingServer
) -> None:
    start(project, opened, NOW - 10 * DAY)
    for who in ("ana", "bob"):
        confirm(project, opened, who, NOW - DAY)
    assert sweep(project, opened, NOW - DAY) == {"welcome/hello": 2}
    unsubscribe_subscriber(project, opened, "ana@example.org", None, now=NOW - DAY)
    send_all(project, opened)
    assert got(opened) == [("ana", "welcome/hello", "excluded"), ("bob", "welcome/hello", "accepted")]
    assert sweep(project, opened, NOW) == {}
    confirm(project, opened, "ana", NOW, back=True)
    assert sweep(project, opened, NOW) == {"welcome/hello": 1}
    assert sweep(project, opened, NOW) == {}
    send_all(project, opened)
    assert got(opened) == [("ana", "welcome/hello", "accepted"), ("bob", "welcome/hello", "accepted")]
    assert {who: len(found) for who, found in relay.messages().items()} == {"ana@example.org": 1, "bob@example.org": 1}
    (hello, _) = SeriesStore(opened).running()
    assert summary_of(opened, hello.delivery).problems == ()


def test_who_pauses_before_the_message_gets_the_step_after_the_pause(opened: Database, project: Project) -> None:
    start(project, opened, NOW - 10 * DAY)
    confirm(project, opened, "ana", NOW - DAY)
    assert sweep(project, opened, NOW - DAY) == {"welcome/hello": 1}
    with opened.write() as connection:
        connection.execute(sa.update(tables.subscribers).values(paused_until=NOW + 20 * DAY))
    send_all(project, opened)
    assert got(opened) == [("ana", "welcome/hello", "excluded")]
    assert sweep(project, opened, NOW) == {}
    assert sweep(project, opened, NOW + 21 * DAY) == {"welcome/hello": 1, "welcome/tips": 1}


def test_step_that_can_take_on_nobody_is_an_alert(opened: Database, project: Project) -> None:
    start(project, opened, NOW - DAY)
    confirm(project, opened, "ana", NOW)
    settings = {"NEWSLETTER_SMTP__HOST": "smtp.example.net", "NEWSLETTER_DATABASE__URL": project.config.database.url}
    real = open_project(project.folder, settings)
    (told,) = conditions(real, opened, NOW)
    assert (told.kind, told.text.partition(":")[0]) == (
        "series.stopped", "The step welcome/hello of a series takes on nobody",
    )  # fmt: skip
    assert list(conditions(project, opened, NOW)) == []
    assert list(conditions(real, opened, NOW - 2 * DAY)) == []


def test_new_step_reaches_only_those_whose_moment_is_to_come(opened: Database, project: Project) -> None:
    start(project, opened, NOW - 20 * DAY)
    confirm(project, opened, "old", NOW - 15 * DAY)
    confirm(project, opened, "new", NOW - 9 * DAY)
    sweep(project, opened, NOW - 5 * DAY)
    write_series(project, SERIES + "  - issue: more\n    wait: 1 week\n")
    write_step(project, "more")
    assert [one.is_changed for one in show_series(project, opened, "welcome", NOW)] == [False, False, False]
    start(project, opened, NOW - 2 * DAY)
    assert sweep(project, opened, NOW) == {}
    assert sweep(project, opened, NOW + 2 * DAY) == {"welcome/more": 1}
    assert ("old", "welcome/more", "waiting") not in got(opened)


def test_changed_step_says_so_and_nobody_gets_both_texts(opened: Database, project: Project) -> None:
    start(project, opened, NOW - 5 * DAY)
    confirm(project, opened, "ana", NOW - 2 * DAY)
    sweep(project, opened, NOW - 2 * DAY)
    write_step(project, "hello", "Hello again")
    assert [one.is_changed for one in show_series(project, opened, "welcome", NOW)] == [True, False]
    before = {one.id for one in Deliveries(opened).all()}
    start(project, opened, NOW - DAY)
    assert len({one.id for one in Deliveries(opened).all()} - before) == 1
    confirm(project, opened, "bob", NOW - DAY)
    assert sweep(project, opened, NOW) == {"welcome/hello": 1}
    assert [issue for _, issue, _ in got(opened)] == ["welcome/hello"] * 2


def test_stopped_series_sends_nothing_and_does_not_catch_up(opened: Database, project: Project) -> None:
    start(project, opened, NOW - 5 * DAY)
    confirm(project, opened, "ana", NOW - 4 * DAY)
    stop_series(opened, "welcome")
    with pytest.raises(NotFoundError):
        stop_series(opened, "welcome")
    assert sweep(project, opened, NOW - 3 * DAY) == {}
    start(project, opened, NOW - 2 * DAY)
    assert sweep(project, opened, NOW) == {"welcome/tips": 1}


def test_import_starts_no_series_unless_told(opened: Database, project: Project, tmp_path: Path) -> None:
    start(project, opened, NOW - DAY)
    for name, more in (("quiet", False), ("told", True)):
        file = tmp_path / f"{name}.csv"
        file.write_text(f"email\n{name}@example.org\n")
        order = ImportOrder(file, ("weekly",), start_series=more)
        import_subscribers(project, opened, order, now=NOW)
    assert sweep(project, opened, NOW) == {"welcome/hello": 1}
    assert got(opened) == [("told", "welcome/hello", "waiting")]


def test_paused_step_takes_on_nobody_until_it_is_resumed(opened: Database, project: Project) -> None:
    start(project, opened, NOW - DAY)
    confirm(project, opened, "ana", NOW)
    with opened.write() as connection:
        connection.execute(sa.update(tables.deliveries).values(state="halted", reason="login refused"))
    assert sweep(project, opened, NOW) == {}
    with opened.write() as connection:
        connection.execute(sa.update(tables.deliveries).values(state="finished"))
    assert sweep(project, opened, NOW) == {"welcome/hello": 1}


def test_older_copy_of_the_database_sends_no_step_twice(tmp_path: Path, relay: RecordingServer) -> None:
    file = tmp_path / "news.sqlite3"
    project = make_project(tmp_path / "project", f"sqlite:///{file}", relay.port)
    with closing(connect(project)) as database:
        add_list(database)
        start(project, database, NOW - DAY)
        confirm(project, database, "ana", NOW)
        sweep(project, database, NOW - timedelta(seconds=1))
        send_all(project, database)
        with closing(connect(project)) as other:
            other.copy_to(tmp_path / "copy")
        sweep(project, database, NOW)
        send_all(project, database)
    for ending in ("", "-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy", file)
    with pytest.raises(StaleDatabaseError):
        connect(project)
    with closing(connect(project)) as database:
        assert {one.state for one in Deliveries(database).all()} == {DeliveryState.PAUSED}
        assert sweep(project, database, NOW) == {}, "everything waits for an operator"
        for one in Deliveries(database).all():
            resume(project, database, one.id, NOW)
        send_all(project, database)
        assert sweep(project, database, NOW) == {"welcome/hello": 1}
        send_all(project, database)
        assert got(database) == [("ana", "welcome/hello", "excluded")]
    assert len(relay.messages()["ana@example.org"]) == 1


def test_scheduler_takes_on_and_database_keeps_it_over_a_restart(opened: Database, project: Project) -> None:
    start(project, opened, NOW - DAY)
    confirm(project, opened, "ana", NOW)
    for _ in range(2):
        with project.journal(opened) as journal:
            running = project_scheduler(project, opened, journal, clock=lambda: NOW)
            running.look()
            running.stop()
    assert got(opened) == [("ana", "welcome/hello", "waiting")]


def test_mistakes_are_told_with_their_place_and_nothing_starts(opened: Database, project: Project) -> None:
    write_series(project, "list: weekly\nsteps:\n  - issue: hello\n    wait: soon\n")
    with pytest.raises(AuthoringError) as bad:
        propose_series(project, opened, "welcome", now=NOW)
    assert [(str(one.place), one.id) for one in bad.value.problems] == [("series/welcome/series.yaml:4:11", "bad-wait")]
    write_series(project, "list: weekly\nsteps:\n  - issue: hello\n  - issue: hello\n  - issue: gone\n")
    with pytest.raises(AuthoringError) as bad:
        propose_series(project, opened, "welcome", now=NOW)
    assert [one.id for one in bad.value.problems] == ["same-slug", "missing-step"]
    write_series(project, SERIES.replace("weekly", "nobody"))
    with pytest.raises(NotFoundError):
        propose_series(project, opened, "welcome", now=NOW)
    assert SeriesStore(opened).running() == []


def test_issue_that_is_sent_again_reaches_newcomers_alone(opened: Database, project: Project) -> None:
    for who, others in (("ana", 0), ("bob", 1)):
        confirm(project, opened, who, NOW)
        proposal = propose(project, opened, Path("welcome"), ["weekly"], now=NOW)
        assert (proposal.forecast.waiting, proposal.forecast.recipients) == (1, 1 + others)
        send_now(project, opened, confirm_delivery(project, opened, proposal, now=NOW).id)
    states = ["accepted", "excluded", "accepted"]
    assert [(who, state) for who, _, state in got(opened)] == list(zip(["ana", "ana", "bob"], states, strict=True))


def test_commands_check_start_and_show_a_series(opened: Database, project: Project) -> None:
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["-C", str(project.folder), *words], standalone_mode=False, env=environment)
        assert result.exception is None, result.output
        assert (result.return_value or 0) == code, result.output
        return result.output

    environment = {"NEWSLETTER_DATABASE__URL": project.config.database.url, "NEWSLETTER_SMTP__HOST": "127.0.0.1"}
    write_step(project, "hello", "{{ subscriber.nam }}")
    (project.folder / "series" / "welcome" / "tips.yaml").write_text("title: 1\n")
    assert "series/welcome/tips.yaml:1:8" in run("check", code=1)
    for name in ("hello", "tips"):
        write_step(project, name)
    assert "stopped" in run("series", "list")
    started = run("series", "start", "welcome", "--yes")
    assert [line.split()[:4] for line in started.splitlines()[1:3]] == [
        ["welcome/hello", "at", "once", "hello"],
        ["welcome/tips", "3", "days", "tips"],
    ]
    assert [name for name, _, running in list_series(project, opened) if running] == ["welcome"]
    confirm(project, opened, "ana", datetime.now(UTC))
    shown = run("series", "show", "welcome")
    assert "1, next" in shown
    run("series", "stop", "welcome")
    assert "stopped" in run("series", "show", "welcome")
