"""A send with a ledger against a bare smtplib loop that keeps none: the same messages to the same sink, in one run."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.dry_run import dry_run
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.worker import send_now
from newsletter.audience.consent import OptIn
from newsletter.demo.sample import write_sample
from newsletter.storage.database.database import Database

PEOPLE = 1500
ISSUE = Path("issues/welcome")


def prepare(folder: Path, port: int) -> tuple[Project, Database]:
    """A new project with people on a list, whose relay is the sink."""
    start_project(folder)
    project = open_project(folder, {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port)})
    database = connect(project)
    now = datetime.now(UTC)
    add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
    write_sample(folder / "people.csv", count=PEOPLE)
    import_subscribers(project, database, ImportOrder(file=folder / "people.csv", lists=("all",)), now=now)
    return project, database


def bare(files: list[Path], port: int) -> float:
    """Seconds of one smtplib connection for ready-made messages."""
    mails = [file.read_bytes() for file in files]
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for mail in mails:
            client.sendmail("bench@news.example", ["reader@home.example"], mail)
    return time.perf_counter() - started


def main() -> None:
    """Print both, and the ratio."""
    sink = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sink.py"))], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    port = int(sink.stdout.readline())
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project, database = prepare(folder, port)
            now = datetime.now(UTC)
            written = dry_run(project, database, folder / ISSUE, ("all",), out=folder / "dry", now=now)
            seconds = bare(sorted((folder / "dry").glob("*.eml")), port)
            print(f"smtplib, no ledger, ready-made messages   {written.messages / seconds:7.0f} a second")
            delivery = confirm(
                project, database, propose(project, database, folder / ISSUE, ("all",), now=now), now=now
            )
            started = time.perf_counter()
            send_now(project, database, delivery.id)
            ours = time.perf_counter() - started
            print(f"ours: freeze, compose, permit, settle     {written.messages / ours:7.0f} a second")
            print(f"ratio                                     {seconds / ours:7.2f}")
            database.close()
    finally:
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
