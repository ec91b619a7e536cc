"""What a look at a delivery costs, by number of recipients: show, list, report, verify. SQLite, or a server's URL.

.venv/bin/python bench/report.py [--url postgresql:///bench] 10000 100000
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.report import next_of, report_on, summary_of, verify
from newsletter.audience.consent import OptIn
from newsletter.storage.database import tables as t
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.counters import count_states
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze

_CHUNK = 5000


def add_subscribers(database: Database, count: int, now: datetime) -> None:
    """Insert `count` confirmed subscribers of a new list named `all`."""
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    with database.write() as connection:
        list_id = connection.execute(sa.select(t.lists.c.id)).scalar_one()
        for first in range(1, count + 1, _CHUNK):
            numbers = range(first, min(count + 1, first + _CHUNK))
            rows = [
                {"id": n, "address": f"r{n}@mail.example", "address_hash": f"{n:026d}", "name": "A", "attributes": {},
                 "created_at": now, "updated_at": now}
                for n in numbers
            ]  # fmt: skip
            connection.execute(sa.insert(t.subscribers), rows)
            said = {"list_id": list_id, "consent": "confirmed", "changed_at": now}
            connection.execute(sa.insert(t.subscriptions), [{"subscriber_id": n} | said for n in numbers])


def accept_all(database: Database, now: datetime) -> None:
    """Write what a delivery leaves of which every message was accepted at the first attempt."""
    attempt = sa.select(
        t.recipients.c.id, sa.literal(1), sa.literal("w"), sa.literal(now, t.Instant), sa.literal("accepted"),
        sa.literal("250 ok"),
    )  # fmt: skip
    names = ["recipient_id", "epoch", "worker", "permitted_at", "outcome", "reply"]
    with database.write() as connection:
        connection.execute(sa.update(t.recipients).values(state="accepted", epoch=1, attempts=1, settled_at=now))
        connection.execute(sa.insert(t.attempts).from_select(names, attempt))


def best(step: Callable[[], object], runs: int = 5) -> float:
    """Milliseconds of the quickest of several runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def measure(folder: Path, count: int, url: str) -> dict[str, float]:
    """Milliseconds of each way to look at a delivery to so many people, in a new project."""
    start_project(folder)
    project = open_project(folder, os.environ | ({"NEWSLETTER_DATABASE__URL": url} if url else {}))
    database, now = connect(project), datetime.now(UTC)
    try:
        add_subscribers(database, count, now)
        proposal = propose(project, database, Path("welcome"), ("all",), now=now)
        delivery = confirm(project, database, proposal, now=now).id
        freeze(database, delivery, now)
        waiting = best(lambda: summary_of(database, delivery))
        accept_all(database, now)
        deliveries = Deliveries(database)
        with database.read() as connection:
            counting = best(lambda: count_states(connection, delivery))
        return {
            "count states": counting,
            "show": best(lambda: summary_of(database, delivery)),
            "show, all waiting": waiting,
            "list": best(lambda: next_of(database, deliveries.all())),
            "report": best(lambda: report_on(database, delivery), 2),
            "verify": best(lambda: verify(database, delivery), 2),
        }
    finally:
        database.close()


def main() -> None:
    """Print milliseconds by number of recipients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--url", default="", help="an empty PostgreSQL database; with one count only")
    chosen = parser.parse_args()
    for count in chosen.counts:
        with tempfile.TemporaryDirectory() as folder:
            times = measure(Path(folder), count, chosen.url)
        print(f"{count:,} recipients")
        for name, milliseconds in times.items():
            print(f"  {name:<18} {milliseconds:9.1f} ms")


if __name__ == "__main__":
    main()
