"""Recurring schedules: each time comes once, whoever leads; the oldest unsent issue leaves; what happens is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import add_list, add_people

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.recurring import coming_times, start_recurring
from newsletter.delivery.delivery import DeliveryState
from newsletter.scheduler import next_time, project_scheduler
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER, take_lease
from newsletter.storage.database.tables import leases
from newsletter.storage.journal.replay import stop_everything
from newsletter.storage.ledger.deliveries import Deliveries, Lease
from newsletter.storage.scheduling.occurrences import Occurrences, Turn

WEDNESDAY = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
THURSDAY = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)  # 09:00 in Berlin
WEEK = timedelta(days=7)
SCHEDULE = '\n[[schedules]]\nat = "every Thursday 09:00"\nlist = "weekly"\ntimezone = "Europe/Berlin"\n'
ISSUE = 'title: "{0}"\ndate: {1}\nlanguage: en\n{2}blocks:\n  - text: "Hello from {0}."\n'


def write_issue(folder: Path, slug: str, day: str, send: str = "", text: str = ISSUE) -> None:
    file = folder / "issues" / slug / "issue.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.format(slug.title(), day, f"send: {send}\n" if send else ""))


def make_project(folder: Path, settings: str = SCHEDULE) -> Project:
    start_project(folder)
    (folder / "issues" / "welcome" / "issue.yaml").unlink()
    (folder / "issues" / "welcome" / "issue.de.yaml").unlink()
    with (folder / "newsletter.toml").open("a") as file:
        file.write(settings)
    return open_project(folder, {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__TLS": "none"})


@pytest.fixture
def project(tmp_path: Path, database: Database) -> Project:
    """A schedule for Thursdays that was seen on Wednesday, two issues for it, and one that is dated later."""
    add_people(database, ["ana@example.org"], add_list(database))
    made = make_project(tmp_path / "project")
    write_issue(made.folder, "second", "2026-11-25")
    write_issue(made.folder, "first", "2026-11-20")
    write_issue(made.folder, "later", "2026-12-24")
    assert start_recurring(made, database, WEDNESDAY, next_time) == []
    return made


def sent(database: Database) -> list[tuple[str, DeliveryState]]:
    return sorted((one.issue, one.state) for one in Deliveries(database).all())


def test_oldest_unsent_issue_leaves_at_each_time_and_none_twice(database: Database, project: Project) -> None:
    for _ in range(3):
        start_recurring(project, database, THURSDAY - timedelta(seconds=1), next_time)
    assert sent(database) == []
    for seconds in (0, 2, 4):
        start_recurring(project, database, THURSDAY + timedelta(seconds=seconds), next_time)
    assert sent(database) == [("first", DeliveryState.SCHEDULED)]
    assert Deliveries(database).all()[0].scheduled_at == THURSDAY
    start_recurring(project, database, THURSDAY + WEEK, next_time)
    assert [issue for issue, _ in sent(database)] == ["first", "second"]
    nothing = start_recurring(project, database, THURSDAY + 2 * WEEK, next_time)
    assert [(one.outcome, one.note) for one in nothing] == [
        (Turn.NOTHING, "no issue dated 2026-12-10 or earlier was waiting")
    ]
    assert [issue for issue, _ in sent(database)] == ["first", "second"]


def test_scheduler_starts_it_and_clock_that_jumps_back_starts_nothing_again(
    database: Database, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "newsletter.scheduler")
    with project.journal(database) as journal:
        for clock in (THURSDAY, THURSDAY - timedelta(days=1), THURSDAY - timedelta(hours=1), THURSDAY):
            running = project_scheduler(project, database, journal, clock=lambda clock=clock: clock)  # type: ignore[misc]
            running.look()
            running.stop()
    assert sent(database) == [("first", DeliveryState.PREPARING)]
    assert "schedule=every Thursday 09:00 (Europe/Berlin) to weekly" in caplog.text


def test_scheduler_without_the_lease_makes_nothing(database: Database, project: Project) -> None:
    stale = take_lease(database, SCHEDULER, "asleep", 60)
    with database.write() as connection:
        connection.execute(sa.update(leases).values(lease_until=0.0))
    fresh = take_lease(database, SCHEDULER, "awake", 60)
    assert stale is not None
    assert fresh is not None
    assert start_recurring(project, database, THURSDAY, next_time, Lease(SCHEDULER, stale)) == []
    assert sent(database) == []
    assert len(start_recurring(project, database, THURSDAY, next_time, Lease(SCHEDULER, fresh))) == 1


def test_time_that_passed_long_ago_is_missed_and_the_next_one_comes(database: Database, project: Project) -> None:
    late = THURSDAY + 2 * WEEK + timedelta(hours=6, seconds=1)
    [missed] = start_recurring(project, database, late, next_time)
    assert missed.outcome is Turn.MISSED
    assert missed.note == "no scheduler was running at 2026-11-26 09:00 CET, nor at the 2 times after that"
    assert sent(database) == []
    start_recurring(project, database, THURSDAY + 3 * WEEK + timedelta(hours=5), next_time)
    assert sent(database) == [("first", DeliveryState.SCHEDULED)]


def test_issue_with_a_mistake_is_told_and_not_passed_over(database: Database, project: Project) -> None:
    write_issue(project.folder, "first", "2026-11-20", text=ISSUE + "  - texxt: oops\n")
    [refused] = start_recurring(project, database, THURSDAY, next_time)
    assert (refused.outcome, refused.note) == (Turn.REFUSED, "first cannot be sent: 1 problem found")
    assert sent(database) == []


def test_empty_list_is_told(database: Database, project: Project) -> None:
    add_list(database, "daily")
    write_issue(
        project.folder, "first", "2026-11-20", "{list: daily, at: every Thursday 09:00, timezone: Europe/Berlin}"
    )
    start_recurring(project, database, WEDNESDAY, next_time)
    told = {one.outcome: one.note for one in start_recurring(project, database, THURSDAY, next_time)}
    assert "first cannot be sent: There is no confirmed subscription to daily" in told[Turn.REFUSED]
    assert [issue for issue, _ in sent(database)] == ["second"]


def test_issues_take_turns_that_name_the_same_time_themselves(tmp_path: Path, database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database))
    project = make_project(tmp_path / "project", "")
    (project.issues / "defaults.yaml").write_text('send: {list: weekly, at: "every Thursday 09:00"}\n')
    for number, slug in enumerate(("one", "two")):
        write_issue(project.folder, slug, f"2026-11-2{number}")
    write_issue(project.folder, "own", "2026-11-01", '{at: "2026-11-01 09:00"}')
    start_recurring(project, database, WEDNESDAY, next_time)
    start_recurring(project, database, THURSDAY + timedelta(hours=1), next_time)
    assert [issue for issue, _ in sent(database)] == ["one"]
    start_recurring(project, database, THURSDAY + timedelta(hours=1) + WEEK, next_time)
    assert [issue for issue, _ in sent(database)] == ["one", "two"]


def test_schedule_leaves_issues_of_other_lists_of_own_times_and_from_before(tmp_path: Path, database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database), add_list(database, "daily"))
    project = make_project(tmp_path / "project", SCHEDULE + "since = 2026-11-10\n")
    write_issue(project.folder, "archived", "2019-01-01")
    write_issue(project.folder, "daily", "2026-11-11", "{list: daily}")
    write_issue(project.folder, "timed", "2026-11-12", '{list: weekly, at: "2026-11-30 09:00"}')
    write_issue(project.folder, "mine", "2026-11-13", "{list: weekly}")
    start_recurring(project, database, WEDNESDAY, next_time)
    [coming] = coming_times(project, database, WEDNESDAY, next_time)
    assert (str(coming.schedule), coming.at, coming.issue, coming.note) == (
        "every Thursday 09:00 (Europe/Berlin) to weekly", THURSDAY, "mine", "",
    )  # fmt: skip
    start_recurring(project, database, THURSDAY, next_time)
    assert [issue for issue, _ in sent(database)] == ["mine"]
    [coming] = coming_times(project, database, THURSDAY, next_time)
    assert (coming.at, coming.issue) == (THURSDAY + WEEK, "")


def test_older_copy_of_the_database_begins_its_schedules_anew(database: Database, project: Project) -> None:
    with database.write() as connection:
        stop_everything(database, connection, "an older copy", THURSDAY)
    now = THURSDAY + timedelta(minutes=5)
    assert start_recurring(project, database, now, next_time) == []
    assert start_recurring(project, database, now, next_time) == []
    assert [one.outcome for one in Occurrences(database).since(THURSDAY)] == [Turn.BEGUN]
    assert len(start_recurring(project, database, THURSDAY + WEEK, next_time)) == 1


def test_moved_hour_is_noted(tmp_path: Path, database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database))
    project = make_project(tmp_path / "project", SCHEDULE.replace("every Thursday 09:00", "every day 02:30"))
    write_issue(project.folder, "night", "2026-03-01")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    start_recurring(project, database, before, next_time)
    assert "02:30 does not exist" in coming_times(project, database, before, next_time)[0].note
    [one] = start_recurring(project, database, datetime(2026, 3, 29, 1, 30, tzinfo=UTC), next_time)
    assert (one.outcome, one.note) == (
        Turn.DELIVERY, "Clocks go forward then: 02:30 does not exist, it starts at 03:30 CEST",
    )  # fmt: skip
