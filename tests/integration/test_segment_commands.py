"""Segments from a file and the command line, as an operator meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from recording_server import RecordingServer, recording_server
from shell import Shell

FILE = """\
german:
  where: language == "de"
  description: Reads German
dated: '"weekly" in lists and joined > "2020-01-01"'
"""


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path) as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, relay: RecordingServer) -> Shell:
    shell = Shell(tmp_path, relay)
    shell.invite([("ana@example.com", "de"), ("bo@example.com", "en"), ("cy@example.com", "de")])
    (shell.folder / "segments.yaml").write_text(FILE, encoding="utf-8")
    return shell


def test_segment_is_listed_counted_and_sent_to(shell: Shell, relay: RecordingServer) -> None:
    assert [one["segment"] for one in shell.json("segments", "list")] == ["german", "dated"]
    shown = shell.json("segments", "show", "german")
    assert (shown["subscribers"], shown["lists"]) == (2, {"weekly": 2})
    assert [one["email"] for one in shown["sample"]] == ["ana@example.com", "cy@example.com"]
    assert shell.json("segments", "show", 'language == "en" and "weekly" in lists')["subscribers"] == 1
    assert shell.ok("subscribers", "list", "--where", "dated").count("@") == 3

    to_german = ("send", "welcome", "--list", "weekly", "--segment", "german")
    assert "Segment german: language" in shell.ok(*to_german, "--dry-run")
    shell.ok(*to_german, "--yes")
    assert set(relay.messages()) == {"ana@example.com", "cy@example.com"}
    assert shell.json("deliveries", "show", "last")["segment"] == 'language == "de"'
    received = shell.ok("subscribers", "list", "--where", 'not ("welcome" in received)')
    assert received.split("\t")[0] == "bo@example.com"


def test_mistake_in_a_segment_is_shown_with_its_place(shell: Shell) -> None:
    (shell.folder / "segments.yaml").write_text(FILE + 'bad: "lists == 3"\nwhere: {wher: x}\n', encoding="utf-8")
    found = {(one["file"], one["line"], one["column"], one["id"]) for one in _problems(shell)}
    assert ("segments.yaml", 6, 9, "unknown-key") in found
    (shell.folder / "segments.yaml").write_text(FILE + 'bad: "lists == 3"\n', encoding="utf-8")
    found = {(one["file"], one["line"], one["column"], one["id"]) for one in _problems(shell)}
    assert ("segments.yaml", 5, 7, "bad-condition") in found


def test_issue_that_names_no_segment_is_not_sent(shell: Shell) -> None:
    issue = shell.folder / "issues" / "welcome" / "issue.yaml"
    text = issue.read_text(encoding="utf-8")
    issue.write_text(text.replace("send:\n", "send:\n  segment: germn\n"), encoding="utf-8")
    assert "bad-segment" in {one["id"] for one in _problems(shell)}
    refused = shell.run("send", "welcome", "--yes")
    assert (refused.returncode, "There is no segment 'germn'" in refused.stderr) == (2, True)
    assert "Did you mean 'german'" in refused.stderr
    assert shell.run("send", "welcome", "--segment", "country =", "--yes").returncode == 2


def _problems(shell: Shell) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(shell.run("check", "--format", "json").stdout)
    return found
