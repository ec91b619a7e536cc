"""A backup put back under a running sender: what is gone is let go, new deliveries leave, SIGTERM still ends it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from recording_server import recording_server
from shell import Shell, readers


def test_sender_goes_on_after_an_older_copy_was_put_back(tmp_path: Path) -> None:
    with recording_server(tmp_path / "relay", latency=0.05) as server:
        shell = Shell(tmp_path, server, sending__connections="4")
        shell.invite(readers(80))
        shell.ok("db", "backup", str(tmp_path / "copy.db"))
        worker = shell.start("worker")
        try:
            shell.ok("send", shell.issue, "--list", "weekly", "--yes", "--detach")
            while len(server.records()) < 20:
                time.sleep(0.05)
            shell.ok("db", "restore", str(tmp_path / "copy.db"), "--yes")
            # The copy knows nothing of the first delivery; that people may get its issue again is what restore says.
            second = json.loads(
                shell.ok("send", shell.issue, "--list", "weekly", "--yes", "--detach", "--json").splitlines()[0]
            )
            while worker.poll() is None and shell.json("deliveries", "show", second["delivery"])["state"] != "finished":
                time.sleep(0.2)
        finally:
            worker.terminate()
            _, complaints = worker.communicate(timeout=120)
        assert worker.returncode == 0, complaints
        assert shell.json("deliveries", "show", second["delivery"])["counts"]["accepted"] == 80
