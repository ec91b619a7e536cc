"""One-click unsubscribes (RFC 8058) through a real server process: rate, median and 99th percentile.

    bench/oneclick.py [--people N] [--databases sqlite,postgresql]

16 connections POST the link of one recipient after another: kept open, opened anew for each, and kept open while the
sender of the same service delivers to everybody. Afterwards the database must have each one, else the bench fails.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from round_trips import sink
from send import ISSUE, PROJECT, _people, postgresql

from newsletter.app.operating.database import connect
from newsletter.app.project import Project, open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.storage.database import tables as t
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.freeze import freeze
from newsletter.tokens import Purpose

CONNECTIONS = 16
BODY = b"List-Unsubscribe=One-Click"


def links(project: Project, database: Database) -> list[tuple[str, int]]:
    """Path of the link and subscriber of each recipient of a new delivery, in an order of their own."""
    now = datetime.now(UTC)
    delivery = confirm(
        project, database, propose(project, database, project.folder / ISSUE, ("all",), now=now), now=now
    ).id
    freeze(database, delivery, now)
    signer, found = project.keys.signer, sa.select(t.recipients.c.id, t.recipients.c.subscriber_id)
    with database.read() as connection:
        rows = connection.execute(found.order_by(t.recipients.c.id)).all()
    return [(f"/u/{signer.sign(Purpose.UNSUBSCRIBE, one)}", who) for one, who in rows]


@contextmanager
def serving(folder: Path, environment: dict[str, str], command: str) -> Iterator[tuple[str, int, int]]:
    """`newsletter web` or `serve`: host, port and process."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "newsletter", command, "--port", "0"], cwd=folder, env=environment,
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert process.stdout
        url = urlsplit(process.stdout.readline().split("Serving on ")[-1].split(",")[0].strip())
        assert url.hostname, (folder / "log").read_text()
        assert url.port
        try:
            yield url.hostname, url.port, process.pid
        finally:
            process.terminate()
            process.wait()


async def post_all(host: str, port: int, paths: list[str], *, keep: bool) -> tuple[float, list[float]]:
    """Seconds for all, and of each."""
    left, each = iter(paths), list[float]()

    async def one_connection() -> None:
        reader = writer = None
        for path in left:
            began = time.perf_counter()
            if writer is None or not keep:
                reader, writer = await asyncio.open_connection(host, port)
            assert reader
            writer.write(
                b"POST %b HTTP/1.1\r\nHost: news\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: %d\r\nConnection: %b\r\n\r\n%b"
                % (path.encode(), len(BODY), b"keep-alive" if keep else b"close", BODY)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head.decode()
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            each.append(time.perf_counter() - began)
            if not keep:
                writer.close()
        if writer is not None:
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began, each


def cpu_of(process: int) -> float:
    """Seconds that it used by now (Linux)."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def lost(database: Database, subscribers: list[int]) -> int:
    """How many of them are still subscribed, or have no event of an unsubscribe."""
    out = sa.select(t.subscriptions.c.subscriber_id).where(t.subscriptions.c.consent == "unsubscribed")
    told = sa.select(t.events.c.subscriber_id).where(t.events.c.kind == "unsubscribed")
    with database.read() as connection:
        return len(
            set(subscribers) - (set(connection.execute(out).scalars()) & set(connection.execute(told).scalars()))
        )


def measure(url: str, people: int) -> None:
    """A new project on one database; prints a line for each way."""
    with tempfile.TemporaryDirectory() as name, sink(pipelining=True) as port, ExitStack() as stack:
        folder = Path(name)
        shutil.copytree(PROJECT / "issues", folder / "issues")
        shutil.copy(PROJECT / "newsletter.toml", folder)
        changes = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port)} | ({"DATABASE__URL": url} if url else {})
        environment = os.environ | {f"NEWSLETTER_{key}": value for key, value in changes.items()}
        _people(folder, environment, people)
        project = open_project(folder, environment)
        database = stack.enter_context(closing(connect(project)))
        found = links(project, database)
        share = people // 3
        for number, (way, command, keep) in enumerate(
            [("kept open", "web", True), ("opened anew", "web", False), ("kept open, sender at work", "serve", True)]
        ):
            mine = found[number * share : (number + 1) * share]
            with serving(folder, environment, command) as (host, port_of_pages, process):
                before = cpu_of(process)
                seconds, each = asyncio.run(post_all(host, port_of_pages, [path for path, _ in mine], keep=keep))
                used = cpu_of(process) - before
            gone = lost(database, [who for _, who in mine])
            ordered = sorted(each)
            print(
                f"{'PostgreSQL' if url else 'SQLite':<10}  {way:<26} {len(each) / seconds:6.0f} POST/s"
                f"   p50 {statistics.median(each) * 1000:5.1f} ms   p99 {ordered[len(each) * 99 // 100] * 1000:6.1f} ms"
                f"   longest {ordered[-1] * 1000:6.1f} ms"
                f"   {used / len(each) * 1e6:5.0f} µs of CPU each   {gone} lost",
                flush=True,
            )
            assert not gone


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=12_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    if "sqlite" in chosen.databases:
        measure("", chosen.people)
    if "postgresql" in chosen.databases:
        with postgresql() as new:
            measure(new(), chosen.people)


if __name__ == "__main__":
    main()
