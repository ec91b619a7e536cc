"""Lists and start of a send: the command counts more than the issue, and somebody must say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.app.project import Project, open_project
from newsletter.app.sending.choosing import choose_lists, choose_start, own_time
from newsletter.authoring.issue import SendPlan
from newsletter.errors import WrongUsageError

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, {"NEWSLETTER_NEWSLETTER__TIMEZONE": "Europe/Berlin"})


def test_lists_of_the_command_count_more_than_those_of_the_issue() -> None:
    plan = SendPlan(lists=("weekly", "friends"))
    assert choose_lists(plan, ("all",)) == ("all",)
    assert choose_lists(plan, ()) == ("weekly", "friends")


def test_lists_that_nobody_names_are_wrong_usage() -> None:
    with pytest.raises(WrongUsageError, match="To whom"):
        choose_lists(SendPlan(), ())


def test_start_is_now_unless_somebody_says_when(project: Project) -> None:
    assert choose_start(project, SendPlan(), None, None, now=NOW) is None


def test_start_of_the_issue_is_taken_only_when_asked_for(project: Project) -> None:
    plan = SendPlan(at="2027-07-01 09:00", timezone="Asia/Tokyo")
    assert choose_start(project, plan, None, None, now=NOW) is None
    assert choose_start(project, plan, "issue", None, now=NOW) == datetime(2027, 7, 1, 0, 0, tzinfo=UTC)
    assert choose_start(project, plan, "2027-07-02 09:00", None, now=NOW) == datetime(2027, 7, 2, 7, 0, tzinfo=UTC)


def test_time_of_the_issue_is_named_while_it_is_to_come(project: Project) -> None:
    assert own_time(project, SendPlan(at="2026-11-23 10:01"), now=NOW) == "2026-11-23 10:01 Europe/Berlin"
    assert own_time(project, SendPlan(at="2026-11-23 10:00"), now=NOW) == ""
    assert own_time(project, SendPlan(at="2026-11-23 10:01", timezone="Asia/Tokyo"), now=NOW) == ""
    assert own_time(project, SendPlan(), now=NOW) == ""


def test_start_of_an_issue_without_a_time_is_wrong_usage(project: Project) -> None:
    with pytest.raises(WrongUsageError, match="names no time"):
        choose_start(project, SendPlan(), "issue", None, now=NOW)


def test_start_of_the_issue_that_is_over_is_wrong_usage(project: Project) -> None:
    over = NOW - timedelta(days=2)
    with pytest.raises(WrongUsageError, match="in the past"):
        choose_start(project, SendPlan(at=f"{over:%Y-%m-%d %H:%M}"), "issue", None, now=NOW)
