"""One and four `newsletter worker` processes on one PostgreSQL server, through the job queue, and what they wait for.

    bench/shares.py [--people N] [--rounds N] [--workers 1,4]

The relay answers each final dot after 20 ms; each worker has eight connections. *steady*: from the first permit to the
last outcome. *lock waits*: samples of pg_locks, one each 5 ms, in which somebody waited longer than 10 ms for a row or
another transaction. The relay, the server and the workers share this machine: `CPU` tells how much of it they used.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from send import ISSUE, PROJECT, Figures, _instant, _people, postgresql

from newsletter.app.operating.database import connect
from newsletter.app.project import open_project

CONNECTIONS = 8
LATE = 20  # milliseconds


class Waits(threading.Thread):
    """Samples of who waits for a row's lock, until told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.samples, self.long, self.longest, self._url, self._stop_it = 0, 0, 0.0, url, threading.Event()

    def run(self) -> None:
        """Look every 5 ms."""
        query = (
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0) FROM pg_locks"
            " WHERE NOT granted AND waitstart IS NOT NULL AND locktype IN ('tuple', 'transactionid')"
        )
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop_it.wait(0.005):
                row = connection.execute(query).fetchone()
                waited = float(row[0]) if row else 0.0
                self.samples += 1
                self.long += waited > 0.010
                self.longest = max(self.longest, waited)

    def stop(self) -> None:
        """End the thread."""
        self._stop_it.set()
        self.join()


def measure(url: str, port: int, people: int, workers: int) -> Figures:
    """One delivery through so many workers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(PROJECT / "issues", folder / "issues")
        shutil.copy(PROJECT / "newsletter.toml", folder)
        changes = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": port, "SENDING__CONNECTIONS": CONNECTIONS}
        changes |= {"DATABASE__URL": url}
        environment = os.environ | {f"NEWSLETTER_{key}": str(value) for key, value in changes.items()}
        _people(folder, environment, people)
        command = [sys.executable, "-m", "newsletter"]
        with (folder / "log").open("w") as log:
            running = [
                subprocess.Popen([*command, "worker"], cwd=folder, env=environment, stdout=log, stderr=log)
                for _ in range(workers)
            ]
            waits = Waits(url)
            try:
                time.sleep(4)  # they register: shares are made for those that are there
                waits.start()
                before = os.times()
                subprocess.run(
                    [*command, "send", ISSUE, "--list", "all", "--yes", "--detach"], cwd=folder, env=environment,
                    check=True, capture_output=True,
                )  # fmt: skip
                first, last, count = _finished(folder, environment, people)
            finally:
                waits.stop()
                for one in running:
                    one.send_signal(signal.SIGTERM)
                for one in running:
                    one.wait()
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return {
            "steady": count / (last - first), "cpu": used / people * 1e6,
            "samples": waits.samples, "long": waits.long, "longest": waits.longest * 1000,
        }  # fmt: skip


def _finished(folder: Path, environment: dict[str, str], people: int) -> tuple[float, float, int]:
    """First permit, last outcome, and how many were accepted, once all are."""
    query = sa.text("SELECT min(permitted_at), max(settled_at), count(*) FROM attempts WHERE outcome = 'accepted'")
    with closing(connect(open_project(folder, environment))) as database:
        for _ in range(1200):
            with database.read() as connection:
                first, last, count = connection.execute(query).one()
            if count == people:
                return _instant(first), _instant(last), count
            time.sleep(0.25)
    raise SystemExit(f"{count} of {people} were accepted:\n{(folder / 'log').read_text()[-3000:]}")


def _told(one: Figures) -> str:
    return (
        f"{one['steady']:6.0f} /s, {one['cpu']:5.0f} µs of CPU a message (with the start of the processes), lock waits"
        f" over 10 ms in {one['long']:.0f} of {one['samples']:.0f} samples (longest {one['longest']:.1f} ms)"
    )


def main() -> None:
    """Print each round, then medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=lambda text: [int(n) for n in text.split(",")], default=[1, 4])
    options = parser.parse_args()
    found: dict[int, list[Figures]] = {}
    script = [sys.executable, str(Path(__file__).with_name("sink.py")), "--late", str(LATE)]
    with postgresql() as new_url, subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdout is not None
        port = int(relay.stdout.readline())
        try:
            for turn in range(options.rounds):
                for workers in options.workers if turn % 2 else reversed(options.workers):
                    figures = measure(new_url(), port, options.people, workers)
                    found.setdefault(workers, []).append(figures)
                    print(f"{workers} workers: {_told(figures)}, load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            relay.kill()
    print(json.dumps({n: statistics.median(one["steady"] for one in rounds) for n, rounds in found.items()}))
    for n in options.workers[1:]:
        pairs: Any = zip(found[n], found[options.workers[0]], strict=True)
        ratios = [one["steady"] / two["steady"] for one, two in pairs]
        print(f"{n} ÷ {options.workers[0]}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
