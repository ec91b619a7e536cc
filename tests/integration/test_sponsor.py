"""After a sponsor's last day an issue is neither built, scheduled nor started."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import add_list, add_people
from shell import newsletter

from newsletter.app.issues.building import build
from newsletter.app.issues.examine import check
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.dry_run import dry_run
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.steer import reschedule, start_due
from newsletter.delivery.delivery import DeliveryState
from newsletter.errors import AuthoringError, WrongUsageError
from newsletter.problem import Severity, has_errors
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries

ISSUE = """\
title: "Maps"
date: 2026-12-20
language: en
blocks:
  - text: Hello.
  - sponsor: "Sample Maps"
    url: https://maps.example.org/
    until: 2026-12-24
"""
LAST = datetime(2026, 12, 24, 20, 0, tzinfo=UTC)
AFTER = LAST + timedelta(days=1)
"""In every time zone the next day."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    start_project(folder)
    (folder / "issues" / "maps.yaml").write_text(ISSUE, encoding="utf-8")
    return open_project(folder, {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_NEWSLETTER__TIMEZONE": "UTC"})


@pytest.fixture
def issue(project: Project, database: Database) -> Path:
    add_people(database, ["ana@example.org"], add_list(database))
    return project.issues / "maps.yaml"


def test_build_is_refused_after_its_last_day(project: Project, tmp_path: Path) -> None:
    paths = [project.issues / "maps.yaml"]
    assert not has_errors(build(project, paths, tmp_path / "out", LAST.date()).problems)
    report = build(project, paths, tmp_path / "late", AFTER.date())
    [error] = [one for one in report.problems if one.severity is Severity.ERROR]
    assert (error.id, error.place.line, error.place.column, error.path) == ("sponsor-over", 8, 12, "blocks[1].until")
    assert not (tmp_path / "late").exists()
    [warning] = [one for one in check(project, paths, now=AFTER) if one.id == "sponsor-over"]
    assert warning.severity is Severity.WARNING


def test_command_builds_by_today(project: Project) -> None:
    file = project.issues / "maps.yaml"
    file.write_text(ISSUE.replace("2026-12-24", "2020-01-01"), encoding="utf-8")
    done = newsletter("-C", str(project.folder), "build", "maps", "--json")
    assert done.returncode == 1
    assert [one["id"] for one in json.loads(done.stdout)["problems"] if one["severity"] == "error"] == ["sponsor-over"]


def test_start_after_its_last_day_is_refused(project: Project, database: Database, issue: Path) -> None:
    with pytest.raises(WrongUsageError, match="2026-12-25 20:00 UTC is after 2026-12-24, the last day of a sponsor"):
        propose(project, database, issue, ["weekly"], now=LAST, at=AFTER.isoformat())
    with pytest.raises(AuthoringError):
        propose(project, database, issue, ["weekly"], now=AFTER)
    with pytest.raises(AuthoringError):
        dry_run(project, database, issue, ["weekly"], now=AFTER)
    assert Deliveries(database).all() == []


def test_scheduled_delivery_is_not_moved_nor_started_after_its_last_day(
    project: Project, database: Database, issue: Path
) -> None:
    at = LAST + timedelta(hours=3)
    proposal = propose(project, database, issue, ["weekly"], now=LAST, at=at.isoformat())
    delivery = confirm(project, database, proposal, now=LAST)
    with pytest.raises(WrongUsageError, match="the last day of a sponsor"):
        reschedule(project, database, delivery.id, AFTER, LAST)
    assert Deliveries(database).get(delivery.id).scheduled_at == at

    [missed] = start_due(project, database, at + timedelta(hours=2))  # within max_lateness, past midnight
    assert missed.state is DeliveryState.MISSED
    assert missed.reason == "2026-12-24 was the last day of a sponsor in this issue"
