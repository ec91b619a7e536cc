"""An older copy of the database file put back by hand, in the middle of a delivery: nobody gets a second message."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from shutil import copyfile

from recording_server import recording_server
from shell import Shell, first_line, readers


def test_older_copy_of_the_file_sends_nothing_until_a_person_resumes(tmp_path: Path) -> None:
    with recording_server(tmp_path / "relay", latency=0.2) as server:
        shell = Shell(tmp_path, server, sending__connections="4")
        shell.invite(readers(60))
        sender = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = first_line(sender)["delivery"]
        while len(server.records()) < 8:
            time.sleep(0.02)
        with closing(sqlite3.connect(shell.folder / "newsletter.db")) as database:
            database.execute("VACUUM INTO ?", (str(tmp_path / "older.db"),))
        while len(server.records()) < 40:
            time.sleep(0.02)
        sender.kill()
        sender.communicate()
        before = Counter(one["rcpt"] for one in server.records())
        for file in shell.folder.glob("newsletter.db*"):
            file.unlink()
        copyfile(tmp_path / "older.db", shell.folder / "newsletter.db")

        refused = shell.run("deliveries", "resume", delivery)
        assert refused.returncode == 1
        assert "older copy" in refused.stderr
        assert delivery in refused.stderr
        worker = shell.start("worker")
        try:
            time.sleep(3)  # a worker looks every second for what it may send
            listed = shell.ok("deliveries", "list")
        finally:
            worker.terminate()
            worker.communicate()
        assert "paused" in listed
        assert "people may have got this issue since" in listed
        assert Counter(one["rcpt"] for one in server.records()) == before
        assert max(before.values()) == 1

        assert shell.run("deliveries", "resume", delivery).returncode in (0, 3)
        assert len(server.records()) > sum(before.values())
