"""What importing and freezing an audience cost, against the same rows written raw: SQLite, and a server of our own.

Raw import: csv, a keyed hash for each address, executemany (SQLite) or COPY into subscribers and subscriptions.
Raw freeze: one INSERT … SELECT of the same rows, without a decision about any.

The freeze follows straight after the import and commits chunk by chunk; the commit of the raw ones is not counted.

.venv/bin/python bench/audience.py [--only sqlite|postgresql] [--json FILE] [20000]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ledger import Spent
from workers import server

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.audience.consent import OptIn
from newsletter.demo.sample import write_sample
from newsletter.storage.database import tables as t
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.ledger.freeze import freeze
from newsletter.tokens import keyed_hash

_CHUNK = 5000


def ours(folder: Path, url: str) -> dict[str, float]:
    """Import the file and freeze a delivery to everybody: seconds and CPU seconds of each, and MB at most."""
    start_project(folder)
    project = open_project(folder, os.environ | {"NEWSLETTER_DATABASE__URL": url})
    database, now = connect(project), datetime.now(UTC)
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    before = _megabytes()
    importing, freezing = Spent(), Spent()
    with importing.measured():
        import_subscribers(project, database, ImportOrder(file=folder.parent / "people.csv", lists=("all",)), now=now)
    imported = _megabytes()
    delivery = _proposed(project, database, folder)
    with freezing.measured():
        freeze(database, delivery, now)
    found = {"import": importing.wall, "import CPU": importing.cpu, "import MB": imported, "MB before": before}
    found |= {"freeze": freezing.wall, "freeze CPU": freezing.cpu, "bare freeze": _bare_freeze(database)}
    database.close()
    return found


def _megabytes() -> float:
    """At most so far; `getrusage` would begin with what our parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _proposed(project: Project, database: Database, folder: Path) -> str:
    now = datetime.now(UTC)
    return confirm(
        project, database, propose(project, database, folder / "issues/welcome", ("all",), now=now), now=now
    ).id


def _bare_freeze(database: Database) -> float:
    """Seconds of inserting as many rows again, for another issue."""
    spent, table = Spent(), t.recipients
    other = {"id": sa.literal("x") + table.c.id, "issue": sa.literal("other"), "delivery_id": sa.literal("other")}
    with database.write() as connection:
        row = sa.select(*(other.get(c.name, c).label(c.name) for c in t.deliveries.c if c.name != "id"))
        row = row.add_columns(sa.literal("other").label("id")).limit(1)
        connection.execute(sa.insert(t.deliveries).from_select([c.name for c in row.selected_columns], row))
        query = sa.select(*(other.get(c.name, c) for c in table.c)).join(t.subscribers).order_by(table.c.subscriber_id)
        with spent.measured():
            connection.execute(sa.insert(table).from_select(table.c.keys(), query))
    return spent.wall


def raw_import(file: Path, url: str) -> dict[str, float]:
    """The same file, without a check of any cell."""
    database, now = open_database(url), datetime.now(UTC)
    require_current(database)
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    spent = Spent()
    with spent.measured(), database.write() as connection, file.open(encoding="utf-8", newline="") as source:
        moment = now if connection.dialect.name == "postgresql" else str(now.replace(tzinfo=None))
        people = [
            (n, row["email"], keyed_hash(b"k" * 32, row["email"].lower()), row.get("name", ""), "{}", moment, moment)
            for n, row in enumerate(csv.DictReader(source), 1)
        ]
        columns = ["id", "address", "address_hash", "name", "attributes", "created_at", "updated_at"]
        _put(connection, "subscribers", columns, people)
        said = ((n, 1, "confirmed", moment) for n in range(1, len(people) + 1))
        _put(connection, "subscriptions", ["subscriber_id", "list_id", "consent", "changed_at"], said)
    database.close()
    return {"raw import": spent.wall, "raw import CPU": spent.cpu}


def _put(connection: sa.Connection, table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    cursor: Any = connection.connection.cursor()
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
        return
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def measure(count: int, urls: Iterator[str] | None) -> dict[str, float]:
    """All figures of one size. Each step has a process of its own, whose memory tells."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(folder / "people.csv", count=count)
        new: Callable[[str], str] = lambda file: next(urls) if urls else f"sqlite:///{folder / file}"  # noqa: E731
        found: dict[str, float] = {"people": count}
        for step, place in (("ours", folder / "project"), ("raw_import", folder / "people.csv")):
            command = [sys.executable, __file__, "--step", step, str(place), new(f"{step}.db")]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found |= json.loads(done.stdout)
    found["import ÷ raw"] = found["import"] / found["raw import"]
    found["import CPU ÷ raw"] = found["import CPU"] / found["raw import CPU"]
    found["freeze ÷ bare"] = found["freeze"] / found["bare freeze"]
    return found


def _report(kind: str, found: dict[str, float], file: str) -> None:
    print(f"{kind}: seconds, MB and ratios")
    print("\n".join(f"{name:<20} {value:12,.2f}" for name, value in found.items()), flush=True)
    if file:
        with Path(file).open("a", encoding="utf-8") as kept:
            print(json.dumps(found | {"kind": kind, "at": time.time(), "load": os.getloadavg()[0]}), file=kept)


def main() -> None:
    """Print every figure; with --json, append them to a file, one line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", default=["20000"])
    parser.add_argument("--only", choices=["sqlite", "postgresql"], default="")
    parser.add_argument("--json", default="")
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        place, url = chosen.counts
        print(json.dumps({"ours": ours, "raw_import": raw_import}[chosen.step](Path(place), url)))
        return
    for count in map(int, chosen.counts):
        if chosen.only != "postgresql":
            _report("SQLite", measure(count, None), chosen.json)
        if chosen.only != "sqlite":
            with server() as new:
                _report("PostgreSQL", measure(count, iter(new, "")), chosen.json)


if __name__ == "__main__":
    main()
