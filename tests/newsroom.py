"""A project that `newsletter serve` runs: its relay, its public address and a list of three subscribers."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recording_server import RecordingServer
from shell import Shell

ADDRESSES = ("ana@example.org", "bo@example.org", "cleo@example.org")


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does; the test's time limit is the only clock."""
    while not true():
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        if thread.name != str(pid)
        for child in (thread / "children").read_text().split()
    ]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Newsroom(Shell):
    """A project on disk with its relay, its public address and a list, spoken to through the shell."""

    def __init__(self, folder: Path, relay: RecordingServer) -> None:
        self.relay = relay
        self.port = free_port()
        super().__init__(folder, relay, public__url=f"http://127.0.0.1:{self.port}")
        self.invite([(address, "en") for address in ADDRESSES])

    def start_series(self) -> None:
        """A series of two steps, the second three days after the first, that begins with a confirmation."""
        folder = self.folder / "series" / "welcome"
        folder.mkdir(parents=True)
        (folder / "series.yaml").write_text("list: weekly\nsteps:\n  - issue: hello\n  - {issue: tips, wait: 3 days}\n")
        for name in ("hello", "tips"):
            step = f'title: "{name}"\ndate: 2026-01-01\nlanguage: en\nblocks:\n  - text: "This is {name}."\n'
            (folder / f"{name}.yaml").write_text(step)
        self.ok("series", "start", "welcome", "--yes")

    def let_days_pass(self, days: int) -> None:
        """For all who are in a series."""
        with closing(sqlite3.connect(self.folder / "newsletter.db", timeout=30)) as database, database:
            for table, column in (("subscriptions", "series_from"), ("series_steps", "since")):
                earlier = f"strftime('%Y-%m-%d %H:%M:%S.000000', {column}, '-{days} days')"
                database.execute(f"update {table} set {column} = {earlier} where {column} is not null")

    def schedule(self, slug: str) -> str:
        """A delivery whose time has come since it was scheduled; its id."""
        path = str(self.folder / "issues" / slug)
        told = self.ok("send", path, "--list", "weekly", "--at", "2099-01-01 09:00", "--yes", "--json")
        delivery = str(json.loads(told.splitlines()[0])["delivery"])
        with closing(sqlite3.connect(self.folder / "newsletter.db", timeout=30)) as database, database:
            due = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000000"
            database.execute("update deliveries set scheduled_at = ? where id = ?", (due, delivery))
        return delivery

    def state(self, delivery: str) -> dict[str, object]:
        return dict(self.json("deliveries", "show", delivery))

    def finish(self, delivery: str) -> None:
        """Wait until the service has sent a delivery."""
        until(lambda: self.state(delivery)["state"] == "finished")

    @contextmanager
    def serving(self, files: int = 1000) -> Iterator[subprocess.Popen[str]]:
        """The service, from the line that says where it listens; killed at the end if it still runs.

        It may have that many `files` open at a time.
        """
        program = [*self.program, "-C", str(self.folder), "serve", "--port", str(self.port)]
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *program],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert f"http://127.0.0.1:{self.port}" in process.stdout.readline()
            until(lambda: bool(children(process.pid)))
            yield process
        finally:
            process.kill()
            process.communicate()


def header(message: bytes, name: str) -> str:
    """A header as it stands in the bytes, unfolded by hand."""
    head = message.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").decode("ascii")
    (value,) = [line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith(name + ":")]
    return value
