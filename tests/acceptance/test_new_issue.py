"""`newsletter new`: an issue that checks, warns of what is left to write, and is never written over."""

from __future__ import annotations

import json
from pathlib import Path

from shell import newsletter
from writing import write_project


def test_new_issue_passes_its_check_and_warns_of_what_is_to_be_written(tmp_path: Path) -> None:
    write_project(tmp_path)
    made = newsletter("-C", str(tmp_path), "new", "A second week", "--url", "https://one.example.org/a", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    facts = json.loads(made.stdout)
    assert facts["issue"].endswith("-a-second-week")
    assert Path(facts["file"]) == tmp_path / "issues" / facts["issue"] / "issue.yaml"
    done = newsletter("-C", str(tmp_path), "check", facts["file"], "--format", "json")
    assert done.returncode == 0
    assert {(problem["id"], problem["severity"]) for problem in json.loads(done.stdout)} == {("placeholder", "warning")}


def test_new_issue_that_is_there_already_fails_and_keeps_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert newsletter("-C", str(tmp_path), "new", "Again").returncode == 0
    second = newsletter("-C", str(tmp_path), "new", "Again")
    assert second.returncode == 1
    assert "is already there" in second.stderr
    assert "Traceback" not in second.stderr


def test_new_issue_with_a_bad_link_is_wrong_usage_and_says_why(tmp_path: Path) -> None:
    write_project(tmp_path)
    done = newsletter("-C", str(tmp_path), "new", "Links", "--url", "www.example.org/x")
    assert done.returncode == 2
    assert "Write https://www.example.org/x" in done.stderr
    assert len(list((tmp_path / "issues").iterdir())) == 4
