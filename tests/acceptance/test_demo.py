"""`newsletter demo`, from a shell, in a copy of this project: the whole path, twice, and where to look afterwards."""

from __future__ import annotations

import email.policy
import json
import mailbox
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from shell import newsletter

from newsletter.app.issues.new_issue import start_issue
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import open_project
from newsletter.demo.demo import run_demo

ROOT = Path(__file__).parents[2]
RECIPIENTS = 300 - 3 * 5  # of the sample: five each have left, are suppressed, have not confirmed


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("news")
    shutil.copyfile(ROOT / "newsletter.toml", folder / "newsletter.toml")
    shutil.copytree(ROOT / "issues", folder / "issues")
    return folder


@pytest.fixture(scope="module")
def first(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsletter", "-C", str(project), "demo"]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_demo_ends_by_itself_with_every_message_caught(first: subprocess.CompletedProcess[str], project: Path) -> None:
    assert first.returncode == 0, first.stderr
    files = sorted((project / ".demo" / "caught" / "eml").iterdir())
    assert len(files) == 2 * RECIPIENTS
    assert len(mailbox.Maildir(project / ".demo" / "caught" / "maildir")) == 2 * RECIPIENTS
    received = Counter[tuple[str, str, str]]()
    for file in files:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert not message.defects
        received[str(message["To"]), str(message["List-Id"]), str(message["Subject"])] += 1
    assert set(received.values()) == {1}


def test_demo_says_who_got_what_and_who_was_left_out(first: subprocess.CompletedProcess[str]) -> None:
    told = first.stdout
    assert "12 rejected" in told
    assert "Checked     2 issues, 0 problems\n" in told
    assert "5 unsubscribed" in told
    assert "5 pending" in told
    assert told.count("5 suppressed: by an operator") == 2
    assert f"{RECIPIENTS} accepted" in told
    assert "of these 300 subscribers 5 unsubscribed and 5 were suppressed" in told
    [editions, _] = re.findall(r"editions +(\d+) en, (\d+) zh", told)
    assert sum(map(int, editions)) == RECIPIENTS
    assert f"0 accepted, {RECIPIENTS} excluded" in told.replace("\n", " ")


def test_demo_index_shows_every_message_without_a_server(
    first: subprocess.CompletedProcess[str], project: Path
) -> None:
    demo = project / ".demo"
    assert (demo / "index.html").read_text(encoding="utf-8").count('target="mail"') == 2 * RECIPIENTS
    page = (demo / "mails" / "0001.html").read_text(encoding="utf-8")
    assert "http://localhost:8000/assets" not in page
    name = page.split("../build/assets/")[1].split('"')[0]
    assert (demo / "build" / "assets" / name).is_file()


def test_demo_touches_nothing_of_the_project(first: subprocess.CompletedProcess[str], project: Path) -> None:
    assert sorted(path.name for path in project.iterdir()) == [".demo", "issues", "newsletter.toml"]


def test_demo_run_again_works_and_tells_programs(first: subprocess.CompletedProcess[str], project: Path) -> None:
    """With one issue less: nothing of the demo before is left."""
    shutil.rmtree(min((project / "issues").glob("2*")))
    again = newsletter("-C", str(project), "demo", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["balances"], told["caught"], told["accepted"]) == (True, RECIPIENTS, RECIPIENTS)
    assert [delivery["counts"]["accepted"] for delivery in told["deliveries"]] == [RECIPIENTS]
    assert Path(told["where_to_look"]["index"]).is_file()
    assert len(list((project / ".demo" / "caught" / "eml").iterdir())) == RECIPIENTS


def test_demo_never_empties_a_folder_that_is_not_its_own(project: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = newsletter("-C", str(project), "demo", "--out", str(tmp_path))
    assert refused.returncode == 1
    assert "no demo made it" in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    refused = newsletter("-C", str(project), "demo", "--out", str(tmp_path / "thesis.txt" / "demo"))
    assert refused.returncode == 1
    assert "Not a directory" in refused.stderr


def test_demo_of_issues_with_warnings_says_who_shows_them(tmp_path: Path) -> None:
    start_project(tmp_path)
    project = open_project(tmp_path, {})
    start_issue(project, "Birds", [], date(2026, 11, 23), "birds")  # warns of what is still to be written

    class EnoughError(Exception):
        """The first line is all that is wanted."""

    def say(line: str) -> None:
        raise EnoughError(line)

    with pytest.raises(EnoughError, match=r"2 issues, [1-9]\d* problems?; newsletter check shows them$"):
        run_demo(project, tmp_path / ".demo", say)
