"""A backup restored under a running sender: what is gone is let go, new deliveries leave, SIGTERM still ends it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from recording_server import recording_server
from shell import Shell, readers

MANY, FEW = 800, 20


def test_sender_goes_on_after_an_older_copy_was_put_back(tmp_path: Path) -> None:
    # The first delivery would take 40 seconds, far longer than putting the copy back does.
    with recording_server(tmp_path / "relay", latency=0.2) as server:
        shell = Shell(tmp_path, server, sending__connections="4")
        shell.invite(readers(MANY), "many")
        shell.invite(readers(FEW), "few")
        shell.ok("db", "backup", str(tmp_path / "copy.db"))
        worker = shell.start("worker")
        try:
            _send(shell, "many")
            while len(server.records()) < FEW:
                time.sleep(0.05)
            shell.ok("db", "restore", str(tmp_path / "copy.db"), "--yes")
            assert len(server.records()) < MANY, "the first delivery was not under way any more"
            assert shell.json("deliveries", "list") == []
            # The copy knows nothing of the first delivery; that people may get its issue again is what restore says.
            second = _send(shell, "few")
            while worker.poll() is None and shell.json("deliveries", "show", second)["state"] != "finished":
                time.sleep(0.2)
        finally:
            worker.terminate()
            _, complaints = worker.communicate(timeout=120)
        assert worker.returncode == 0, complaints
        assert shell.json("deliveries", "show", second)["counts"]["accepted"] == FEW


def _send(shell: Shell, people: str) -> str:
    """The id of a new delivery that a worker sends."""
    said = shell.ok("send", shell.issue, "--list", people, "--yes", "--detach", "--json")
    return str(json.loads(said.splitlines()[0])["delivery"])
