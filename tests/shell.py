"""A project on disk, spoken to through the shell as its users do; and what its promises say about a finished send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from recording_server import RecordingServer

from newsletter.cli.main import main

SENT_NOTHING = {"waiting", "deferred", "claimed", "rejected", "suppressed", "excluded"}
"""States in which no message can be with the relay."""


def newsletter(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A whole command as the shell runs it: its exit code and all that it printed, off a terminal.

    In this process, because starting one takes longer than most commands: `Shell.start` is for those that are killed,
    that run beside others, or of which the process itself is tested.
    """
    code: Any = None
    with CliRunner(env=environment).isolation() as (out, err, _):
        try:
            main(list(arguments))
        except SystemExit as leaving:
            code = leaving.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue().decode(), err.getvalue().decode())


class Shell:
    """Runs `newsletter` in a new project whose relay is a recording server. `program` replaces the program itself."""

    def __init__(self, folder: Path, relay: RecordingServer, **settings: str) -> None:
        self.folder = folder / "project"
        self.program: Sequence[str] = (sys.executable, "-m", "newsletter")
        self.environment = os.environ | {
            "NEWSLETTER_SMTP__HOST": relay.host,
            "NEWSLETTER_SMTP__PORT": str(relay.port),
            "NEWSLETTER_SMTP__TLS": "none",
            "NEWSLETTER_PUBLIC__URL": "http://127.0.0.1:8000",
            **{f"NEWSLETTER_{name.upper()}": value for name, value in settings.items()},
        }
        self.ok("init", str(self.folder), here=False)
        self.issue = str(self.folder / "issues" / "welcome")

    def start(self, *arguments: str, here: bool = True) -> subprocess.Popen[str]:
        """A command of its own process; whoever starts it waits for it."""
        where = ["-C", str(self.folder)] if here else []
        return subprocess.Popen(
            [*self.program, *where, *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, here: bool = True) -> subprocess.CompletedProcess[str]:
        """A command from beginning to end, in this process."""
        where = ["-C", str(self.folder)] if here else []
        return newsletter(*where, *arguments, environment=self.environment)

    def ok(self, *arguments: str, here: bool = True) -> str:
        """A command that has to succeed; what it printed."""
        done = self.run(*arguments, here=here)
        assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.ok(*arguments, "--json"))

    def invite(self, people: Sequence[tuple[str, str]], slug: str = "weekly") -> None:
        """A list with confirmed subscribers, each an address and a language."""
        self.ok("lists", "add", slug)
        file = self.folder / f"{slug}.csv"
        file.write_text("email,language\n" + "".join(f"{email},{language}\n" for email, language in people))
        self.ok("subscribers", "import", str(file), "--list", slug)

    def recipients(self, delivery: str) -> list[dict[str, Any]]:
        """The rows of a delivery, as anybody can read them."""
        return [json.loads(line) for line in self.ok("deliveries", "recipients", delivery, "--json").splitlines()]

    def report(self, delivery: str) -> dict[str, Any]:
        """The report of a delivery, whether or not its counts add up."""
        return dict(json.loads(self.run("deliveries", "report", delivery, "--json").stdout))


def readers(count: int, *languages: str) -> list[tuple[str, str]]:
    """Made-up addresses with these languages in turn."""
    return [(f"reader{n:05}@example.org", languages[n % len(languages)] if languages else "") for n in range(count)]


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The first JSON line of a process that goes on."""
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


def broken_promises(shell: Shell, server: RecordingServer, delivery: str, *, most_unknown: int) -> list[str]:
    """Everything in which a delivery that came to rest broke its word, compared with what the relay really took.

    `most_unknown`: connections times crashes. The relay recorded durably before each reply.
    """
    copies = Counter(record["rcpt"] for record in server.records())
    rows = {row["address"]: row["state"] for row in shell.recipients(delivery)}
    report = shell.report(delivery)
    counts = report["counts"]
    unknown = {address for address, state in rows.items() if state == "unknown"}
    missing = {address for address in rows if not copies[address]}
    broken = [f"twice: {address} got {count}" for address, count in copies.items() if count > 1]
    broken += [f"silently lost: {one}" for one in missing - unknown if rows[one] == "accepted"]
    stuck = {"claimed", "permitted"}  # nothing is under way any more
    broken += [f"never to be sent: {one} is {rows[one]}" for one in missing - unknown if rows[one] in stuck]
    broken += [f"sent, but {rows[one]}: {one}" for one in rows if copies[one] and rows[one] in SENT_NOTHING]
    broken += [f"not frozen: {one}" for one in copies if one not in rows]
    if len(unknown) > most_unknown:
        broken.append(f"{len(unknown)} unknown, more than {most_unknown}")
    if counts["frozen"] != sum(count for state, count in counts.items() if state != "frozen"):
        broken.append(f"the counts do not add up: {counts}")
    if {one["address"] for one in report["unknown"]} != unknown:
        broken.append("the report does not list everybody whose outcome is unknown")
    verified = json.loads(shell.run("deliveries", "verify", delivery, "--json").stdout)
    return broken + [f"not reconciled: {problem}" for problem in verified["problems"]]
