"""A send through the shell into a real SMTP server: each frozen recipient exactly one message, whatever happens."""

from __future__ import annotations

import email
import email.policy
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from recording_server import Quirk, RecordingServer, recording_server
from shell import Shell, broken_promises, first_line, readers

if TYPE_CHECKING:
    from conftest import PostgresqlServer

CONNECTIONS = 4
MUTANTS = Path(__file__).parents[1] / "mutants.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay") as running:
        yield running


def test_send_gives_each_recipient_one_message_in_their_language(tmp_path: Path, server: RecordingServer) -> None:
    shell = Shell(tmp_path, server)
    shell.invite(readers(150, "en", "de", "de-AT", "fr", ""))
    shell.ok("subscribers", "suppress", "reader00000@example.org", "--reason", "asked to")
    shell.ok("subscribers", "unsubscribe", "reader00001@example.org")

    process = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
    out, complaints = process.communicate()

    assert process.returncode == 0, complaints
    first, last = map(json.loads, out.splitlines())
    delivery = first["delivery"]
    assert (last["delivery"], last["state"]) == (delivery, "finished")
    assert (last["counts"]["frozen"], last["counts"]["accepted"], last["counts"]["suppressed"]) == (149, 148, 1)
    assert broken_promises(shell, server, delivery, most_unknown=0) == []
    shown = shell.json("deliveries", "show", delivery)
    assert (shown["counts"], shown["left_out"]) == (last["counts"], {"unsubscribed": 1})
    rows = {row["address"]: row for row in shell.recipients(delivery)}
    for address, [data] in server.messages().items():
        message = email.message_from_bytes(data, policy=email.policy.default)
        number = int(address[6:11])
        expected = "de" if number % 5 in (1, 2) else "en"
        assert not any(part.defects for part in message.walk())
        assert (message["Message-ID"], rows[address]["language"]) == (f"<{rows[address]['message_id']}>", expected)
        body = message.get_body(("html",))
        assert body is not None
        assert f'lang="{expected}"' in body.get_content()

    again = shell.run("send", shell.issue, "--list", "weekly", "--yes")
    assert (again.returncode, "No message was sent" in again.stdout) == (0, True)
    assert len(server.records()) == 148


def test_send_off_a_terminal_needs_yes(tmp_path: Path, server: RecordingServer) -> None:
    shell = Shell(tmp_path, server)
    shell.invite(readers(3))

    assert shell.run("send", shell.issue, "--list", "weekly").returncode == 2
    assert shell.json("deliveries", "list") == []
    assert shell.run("send", shell.issue, "--list", "weekly", "--dry-run").returncode == 0
    assert server.records() == []


def kill_at(process: subprocess.Popen[str], server: RecordingServer, count: int, pause: float) -> None:
    """Wait until the relay has taken so many messages, a moment longer, and kill."""
    record = server.folder / "record.jsonl"
    while not record.exists() or record.read_bytes().count(b"\n") < count:
        assert process.poll() is None, "it ended before it was to be killed"
        time.sleep(0.005)
    time.sleep(pause)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def send_with_kills(shell: Shell, server: RecordingServer, points: range, kills: int, chance: random.Random) -> str:
    """Send, killed without warning at some of these points, in messages, and resumed each time; the delivery's id."""
    process = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
    delivery = str(first_line(process)["delivery"])
    for point in sorted(chance.sample(points, kills)):
        kill_at(process, server, point, chance.uniform(0.0, 0.03))
        process = shell.start("deliveries", "resume", delivery, "--json")
    process.communicate()
    return delivery


def test_killed_send_loses_nobody_and_doubles_nobody(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    with recording_server(tmp_path / "relay", latency=0.003) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS))
        shell.invite(readers(300, "en", "de"))

        delivery = send_with_kills(shell, server, range(15, 220), kills=4, chance=random.Random(seed))

        assert broken_promises(shell, server, delivery, most_unknown=4 * CONNECTIONS) == [], f"seed {seed}"
        assert shell.json("deliveries", "show", delivery)["state"] == "finished"
        counts = shell.json("deliveries", "show", delivery)["counts"]
        assert counts["accepted"] + counts["unknown"] == 300, f"seed {seed}"


def test_second_send_takes_nothing_twice_from_a_killed_one(tmp_path: Path) -> None:
    with recording_server(tmp_path / "relay", latency=0.01) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS))
        shell.invite(readers(80))
        process = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = str(first_line(process)["delivery"])
        kill_at(process, server, 30, 0.0)

        second = shell.run("send", shell.issue, "--list", "weekly", "--yes", "--json")
        assert f"Delivery {delivery} of this issue is sending" in second.stderr
        shell.run("deliveries", "resume", delivery)

        copies = Counter(record["rcpt"] for record in server.records())
        unknown = {row["address"] for row in shell.recipients(delivery) if row["state"] == "unknown"}
        assert max(copies.values()) == 1
        assert {one for one, _ in readers(80)} - set(copies) <= unknown
        assert len(unknown) <= CONNECTIONS
        assert shell.report(delivery)["balances"]
        assert shell.report(json.loads(second.stdout.splitlines()[0])["delivery"])["balances"]


def test_correction_while_sending_reaches_those_still_waiting(tmp_path: Path) -> None:
    """docs/howto/correct-a-mistake.md: cancel, correct, send again; later once more, for a newcomer."""
    with recording_server(tmp_path / "relay", latency=0.05) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS))
        shell.invite(readers(80, "en"))
        issue = Path(shell.issue, "issue.yaml")
        right = issue.read_text("utf-8")
        issue.write_text(right.replace('subject: "Welcome aboard"', 'subject: "Wlecome aboard"'), encoding="utf-8")
        process = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
        while len(server.records()) < 20:
            time.sleep(0.01)
        shell.ok("deliveries", "cancel", str(first_line(process)["delivery"]))
        process.communicate()
        wrong = len(server.records())

        issue.write_text(right, encoding="utf-8")
        shell.ok("send", shell.issue, "--list", "weekly", "--yes")
        shell.invite([("newcomer@example.org", "en")], slug="new")
        shell.ok("send", shell.issue, "--list", "weekly", "--list", "new", "--yes")

        messages = server.messages()
        assert set(messages) == {one for one, _ in readers(80)} | {"newcomer@example.org"}
        assert {len(copies) for copies in messages.values()} == {1}
        subjects = Counter(str(email.message_from_bytes(data)["Subject"]) for [data] in messages.values())
        assert 20 <= wrong < 80
        assert subjects == {"Wlecome aboard": wrong, "Welcome aboard": 81 - wrong}


def test_workers_share_a_delivery_and_survive_each_other(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    """Three sender processes on PostgreSQL; one is killed, the others take over, and a stop leaves nothing unknown."""
    url = postgresql_server.filled(tmp_path)
    with recording_server(tmp_path / "relay", latency=0.01) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS), sending__lease="3", database__url=url)
        shell.invite(readers(240, "en", "de"))
        first, _ = shell.ok("send", shell.issue, "--list", "weekly", "--yes", "--json", "--detach").splitlines()
        delivery = json.loads(first)["delivery"]
        workers = [shell.start("worker") for _ in range(3)]
        try:
            kill_at(workers[0], server, 80, 0.0)
            while shell.json("deliveries", "show", delivery)["state"] != "finished":
                assert [worker.poll() for worker in workers[1:]] == [None, None]
                time.sleep(0.2)
        finally:
            for worker in workers:
                worker.terminate()
                worker.communicate()

        assert [worker.returncode for worker in workers[1:]] == [0, 0]
        assert broken_promises(shell, server, delivery, most_unknown=CONNECTIONS) == []
    postgresql_server.drop(url)


@pytest.mark.parametrize(
    ("mutant", "kills"), [("cursor-at-claim", 2), ("mark-after-reply", 3), ("retry-on-disconnect", 0)]
)
def test_oracle_notices_a_sender_that_breaks_its_promises(tmp_path: Path, mutant: str, kills: int) -> None:
    """The proof that the test above can fail: senders made the way that loses or doubles mail."""
    seed = random.randrange(2**32)
    lost_reply = Quirk("dot", "reset", accepted=True, every=50)
    quirks = [lost_reply] if mutant == "retry-on-disconnect" else []
    with recording_server(tmp_path / "relay", *quirks, latency=0.003) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS))
        shell.invite(readers(200))
        shell.program = (sys.executable, str(MUTANTS), mutant)

        # In the first half: who is lost by one kill is not sent to until the next.
        delivery = send_with_kills(shell, server, range(10, 100), kills=kills, chance=random.Random(seed))

        broken = broken_promises(shell, server, delivery, most_unknown=kills * CONNECTIONS + 4)
        expected = "silently lost" if mutant == "cursor-at-claim" else "twice"
        assert any(one.startswith(expected) for one in broken), (f"seed {seed}", broken)


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with recording_server(tmp_path / "relay", latency=0.05) as server:
        shell = Shell(tmp_path, server, sending__connections=str(CONNECTIONS))
        shell.invite(readers(100))
        process = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = str(first_line(process)["delivery"])
        while len(server.records()) < 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()

        last = json.loads(out.splitlines()[-1])
        assert (process.returncode, last["state"]) == (3, "sending")
        assert set(last["counts"]) - {name for name, count in last["counts"].items() if not count} == {
            "frozen", "accepted", "waiting",
        }  # fmt: skip
        assert last["counts"]["accepted"] == len(server.records())
        assert broken_promises(shell, server, delivery, most_unknown=0) == []

        assert shell.run("deliveries", "resume", delivery).returncode == 0
        assert broken_promises(shell, server, delivery, most_unknown=0) == []
        assert len(server.records()) == 100
