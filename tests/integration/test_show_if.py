"""show_if in a project: mistakes at their places, personas in checks and builds, the same bytes at every try."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from letters import composed

from newsletter.app.composing import claim_outside, message_context
from newsletter.app.issues.building import build
from newsletter.app.issues.editions import compile_editions
from newsletter.app.issues.examine import check, examine
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.compiler.edition import edition_from_json, edition_to_json
from newsletter.problem import has_errors

ISSUE = """\
title: "Meetings"
date: 2026-12-01
language: en
blocks:
  - text: "Here is what we plan."
    show_if: country in ["DE", "GB"]
  - heading: "In Germany"
    show_if: country == "DE"
  - text: "[Berlin](https://berlin.example.net/) on Friday."
    show_if: country == "DE"
  - heading: "In Britain"
    show_if: country == "GB"
  - text: "[London](https://london.example.net/) on Monday."
    show_if: country == "GB"
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    start_project(tmp_path)
    (tmp_path / "issues" / "meetings.yaml").write_text(ISSUE, encoding="utf-8")
    return open_project(tmp_path, {})


def told(project: Project) -> list[tuple[str, str]]:
    problems = check(project, [project.issues / "meetings.yaml"])
    return [(one.id, str(one.place)) for one in problems if one.place.file == "issues/meetings.yaml"]


def test_check_composes_the_email_of_each_persona(project: Project) -> None:
    assert told(project) == [("empty-edition", "issues/meetings.yaml:5:3")]  # for the one of whom nothing is known
    (project.issues / "meetings.yaml").write_text(f"{ISSUE}  - divider: true\n  - spacer: 20\n", encoding="utf-8")
    assert told(project) == [("empty-edition", "issues/meetings.yaml:5:3")]  # lines and gaps say nothing
    (project.issues / "meetings.yaml").write_text(f"{ISSUE}  - For all.\n", encoding="utf-8")
    assert told(project) == []
    personas = project.issues / "personas.yaml"
    personas.write_text(json.dumps([{"id": "far", "email": "far@exa..mple", "attributes": {"country": "DE"}}]))
    assert ("compose", "issues/meetings.yaml") in told(project)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('country == "GB"\n  - text', 'country = "GB"\n  - text', ("bad-condition", "issues/meetings.yaml:12:22")),
        ('country in ["DE", "GB"]', "'country in [DE]'", ("bad-condition", "issues/meetings.yaml:6:27")),
        ('country in ["DE", "GB"]', '\'country == "DE" or "GB"\'', ("bad-condition", "issues/meetings.yaml:6:34")),
        ('country in ["DE", "GB"]', "true", ("wrong-type", "issues/meetings.yaml:6:14")),
        ('country in ["DE", "GB"]', "!member", ("tag", "issues/meetings.yaml:6:14")),
        ('country in ["DE", "GB"]', "", ("empty-value", "issues/meetings.yaml:6:5")),
        ('    show_if: country in ["DE", "GB"]', "    when: member", ("unknown-key", "issues/meetings.yaml:6:5")),
    ],
)
def test_mistake_is_told_at_its_place(project: Project, old: str, new: str, problem: tuple[str, str]) -> None:
    assert ISSUE.count(old) == 1
    (project.issues / "meetings.yaml").write_text(ISSUE.replace(old, new), encoding="utf-8")
    assert problem in told(project)


def test_build_shows_a_persona_their_variant(project: Project) -> None:
    report = build(project, [project.issues / "meetings.yaml"], project.folder / "out")
    assert not has_errors(report.problems), report.problems
    text = (project.folder / "out" / "meetings" / "en.txt").read_text(encoding="utf-8")
    html = (project.folder / "out" / "meetings" / "en.html").read_text(encoding="utf-8")
    assert "In Britain\n----------\n\nLondon [1] on Monday.\n\n[1] https://london.example.net/" in text  # Kim's
    assert [("London" in part, "Berlin" in part) for part in (text, html)] == [(True, False)] * 2
    assert [link["url"] for link in report.editions[0]["links"] if ".example.net" in link["url"]] == [  # type: ignore[attr-defined]
        "https://berlin.example.net/", "https://london.example.net/",
    ]  # fmt: skip


def test_translation_keeps_the_conditions(project: Project) -> None:
    german = ISSUE.replace("Here is what we plan", "Das planen wir").replace("In Germany", "In Deutschland")
    german = german.replace("In Britain", "Auf der Insel").replace(" on ", " am ").replace("Meetings", "Treffen")
    for text in (german.replace("language: en\n", ""), "".join(
        line for line in german.splitlines(keepends=True) if "show_if" not in line and "language" not in line
    )):  # fmt: skip
        (project.issues / "meetings.de.yaml").write_text(text, encoding="utf-8")
        editions = examine(project, project.issues / "meetings.yaml").editions
        assert [len(one.conditions) for one in editions.values()] == [3, 3]
    (project.issues / "meetings.de.yaml").write_text(german.replace('country == "DE"', "country", 1), encoding="utf-8")
    problems = examine(project, project.issues / "meetings.yaml").problems
    assert ("misplaced-key", "issues/meetings.de.yaml:8:5") in [(one.id, str(one.place)) for one in problems]


def test_message_is_the_same_at_every_try(project: Project) -> None:
    loaded = examine(project, project.issues / "meetings.yaml").issue
    assert loaded is not None
    edition = compile_editions(project, loaded).editions["en"]
    again = edition_from_json(json.loads(json.dumps(edition_to_json(edition))))
    assert compile_editions(project, loaded).editions["en"].hash == edition.hash
    claim = claim_outside(
        "build", recipient="abc", address="kim@reader.example", language="en", values={"country": "DE"},
        now=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    context = message_context(project, {"weekly": "Weekly"})
    made = [composed(one, claim, context) for one in (edition, again, edition)]
    assert len({one.sha256 for one in made}) == 1
    assert b"berlin.example.net" in made[0].data
    assert b"london.example.net" not in made[0].data
