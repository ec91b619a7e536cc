"""Importing and kill -9: afterwards either nobody was imported or everybody, and the same command ends the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from shell import newsletter

from newsletter.storage.database import tables
from newsletter.storage.database.database import Database

ROWS = 6_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a list and a file that takes a while."""
    (tmp_path / "newsletter.toml").write_text('[newsletter]\nname = "The Example"\n')
    lines = [f"person{n}@example.org,Person {n},{'x' * 80}\n" for n in range(ROWS)]
    lines[7] = "nobody,Nobody,\n"
    lines[9] = "PERSON1@example.org,Again,\n"
    (tmp_path / "people.csv").write_text("email,name,note\n" + "".join(lines))
    return tmp_path


def start(project: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(project), *arguments],
        env=os.environ | {"NEWSLETTER_DATABASE__URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def bytes_written(database: Database, project: Path) -> int:
    """What a transaction has put on the disk so far, committed or not."""
    if database.shown_url.startswith("sqlite"):
        log = project / "newsletter.db-wal"
        return log.stat().st_size if log.exists() else 0
    with database.read() as connection:
        return int(connection.execute(sa.text("SELECT pg_relation_size('subscribers')")).scalar_one())


def people(database: Database) -> tuple[int, int]:
    """How many subscribers and how many subscriptions there are."""
    with database.read() as connection:
        subscribers, subscriptions = (
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (tables.subscribers, tables.subscriptions)
        )
    return subscribers, subscriptions


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_import_that_is_killed_leaves_nothing_half_done(
    project: Path, database: Database, database_url: str, share: float
) -> None:
    where = {"NEWSLETTER_DATABASE__URL": database_url}
    newsletter("-C", str(project), "lists", "add", "weekly", environment=where).check_returncode()
    before = bytes_written(database, project)
    command = ("subscribers", "import", str(project / "people.csv"), "--list", "weekly", "--json")

    process = start(project, database_url, *command)
    while process.poll() is None and bytes_written(database, project) - before < share * ROWS * 150:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert people(database) in ((0, 0), (ROWS - 2, ROWS - 2))
    assert not output or people(database) == (ROWS - 2, ROWS - 2)
    was_done = people(database) != (0, 0)

    again = newsletter("-C", str(project), *command, environment=where)
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    assert report["rows"] == ROWS == sum(report[name] for name in ("imported", "updated", "skipped", "rejected"))
    assert (report["imported"], report["skipped"]) == ((0, ROWS - 1) if was_done else (ROWS - 2, 1))
    assert report["rejected"] == 1
    assert people(database) == (ROWS - 2, ROWS - 2)
    assert len((project / "people.csv.rejects.csv").read_text("utf-8-sig").splitlines()) == 2
