"""Import, freeze and claim for few people and for eight times as many: what costs the same per person stays near 1."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import open_project
from newsletter.app.sending.propose import checked_issue, confirm, forecast, propose
from newsletter.audience.consent import OptIn
from newsletter.delivery.ledger.ledger import Worker
from newsletter.demo.sample import write_sample
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.freeze import freeze

FEW, MANY = 2500, 20_000
CLAIMED = 1000


def measure(folder: Path, count: int) -> dict[str, float]:
    """Microseconds per person of each step, in a new project with so many people."""
    start_project(folder)
    project = open_project(folder, {})
    database = connect(project)
    now = datetime.now(UTC)
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    file = folder / "people.csv"
    write_sample(file, count=count)
    ready = checked_issue(project, folder / "issues/welcome", now=now)
    ledger, worker = StoredLedger(database), Worker("bench", "here", "now", 1)
    ledger.register(worker, 600, now)

    def timed(step: Callable[[], object], people: int = count) -> float:
        started = time.perf_counter()
        step()
        return (time.perf_counter() - started) / people * 1e6

    order = ImportOrder(file=file, lists=("all",))
    times = {
        "import": timed(lambda: import_subscribers(project, database, order, now=now)),
        "import again": timed(lambda: import_subscribers(project, database, order, now=now)),
        "look ahead": timed(lambda: forecast(database, ready, ("all",))),
    }
    proposal = propose(project, database, folder / "issues/welcome", ("all",), now=now)
    delivery = confirm(project, database, proposal, now=now).id
    times["freeze"] = timed(lambda: freeze(database, delivery, now))
    later = datetime.now(UTC)
    times["claim"] = timed(lambda: [ledger.claim(delivery, worker, 100, later) for _ in range(CLAIMED // 100)], CLAIMED)
    database.close()
    return times


def main() -> None:
    """Print microseconds per person, and the ratios."""
    with tempfile.TemporaryDirectory() as name:
        few, many = (measure(Path(name) / str(count), count) for count in (FEW, MANY))
    print(f"{'a person, in µs':16}{FEW:>8}{MANY:>8}{'ratio':>8}")
    for step, before in few.items():
        print(f"{step:16}{before:8.0f}{many[step]:8.0f}{many[step] / before:8.2f}")


if __name__ == "__main__":
    main()
