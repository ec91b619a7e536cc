"""An older copy of the database restored by hand, in the middle of a delivery: nobody gets a second message.

Whatever is running meanwhile: nothing, a foreground send, or a service whose readers go on leaving.
"""

from __future__ import annotations

import email
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import httpx2
import pytest
from recording_server import RecordingServer, recording_server
from shell import Shell, first_line, readers

PEOPLE = 60


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay", latency=0.2) as server:
        yield server


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def shell(tmp_path: Path, relay: RecordingServer, port: int) -> Shell:
    shell = Shell(tmp_path, relay, sending__connections="4", public__url=f"http://127.0.0.1:{port}")
    shell.invite(readers(PEOPLE))
    return shell


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does; the test's time limit is the only clock."""
    while not true():
        time.sleep(0.02)


def copies(relay: RecordingServer) -> Counter[str]:
    """How often each address got it."""
    return Counter(one["rcpt"] for one in relay.records())


def copy_then_go_on(shell: Shell, relay: RecordingServer) -> Path:
    """A copy made after a few messages, once many more have left."""
    older = shell.folder.parent / "older.db"
    until(lambda: len(relay.records()) >= 8)
    with closing(sqlite3.connect(shell.folder / "newsletter.db")) as database:
        database.execute("VACUUM INTO ?", (str(older),))
    until(lambda: len(relay.records()) >= 32)
    return older


def put_back(older: Path, shell: Shell) -> None:
    for file in shell.folder.glob("newsletter.db*"):
        file.unlink()
    copyfile(older, shell.folder / "newsletter.db")


def test_restored_and_sent_again_nobody_gets_it_twice(shell: Shell, relay: RecordingServer) -> None:
    backup = shell.folder.parent / "backup.db"
    shell.ok("db", "backup", str(backup))
    shell.ok("send", shell.issue, "--list", "weekly", "--yes")
    assert "welcome: 60 accepted" in shell.ok("db", "restore", str(backup), "--yes")
    again = shell.run("send", shell.issue, "--list", "weekly", "--yes")
    assert (again.returncode, "got this issue before" in again.stderr) == (0, True)
    assert max(copies(relay).values()) == 1
    assert len(copies(relay)) == PEOPLE


def test_sender_that_lives_on_sends_nothing_more_either(shell: Shell, relay: RecordingServer) -> None:
    sender = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--json")
    delivery = first_line(sender)["delivery"]
    put_back(copy_then_go_on(shell, relay), shell)
    _, complaints = sender.communicate()
    assert sender.returncode == 3
    assert "older copy" in complaints
    shown = shell.json("deliveries", "show", delivery)
    assert shown["state"] == "paused"
    assert "older copy" in shown["reason"]
    reached = copies(relay)
    assert max(reached.values()) == 1
    assert len(reached) < PEOPLE

    assert shell.run("deliveries", "resume", delivery).returncode in (0, 3)
    assert len(copies(relay)) == PEOPLE
    assert shell.report(delivery)["problems"] == []


def test_service_goes_on_in_the_file_that_lies_there(shell: Shell, relay: RecordingServer, port: int) -> None:
    """What it would send is stopped; who leaves after the copy was restored has left for everybody who looks."""
    service = shell.start("serve", "--port", str(port))
    try:
        assert service.stdout is not None
        assert str(port) in service.stdout.readline()
        send = shell.start("send", shell.issue, "--list", "weekly", "--yes", "--detach", "--json")
        delivery = first_line(send)["delivery"]
        send.communicate()
        put_back(copy_then_go_on(shell, relay), shell)
        until(lambda: "paused" in shell.run("deliveries", "show", delivery).stdout)  # refused if it is told first
        reached = len(relay.records())
        link = link_of(next((shell.folder.parent / "relay" / "raw").glob("*.eml")))
        answer = httpx2.post(link, data={"List-Unsubscribe": "One-Click"})
        time.sleep(3)  # a sender looks every second for what it may send
    finally:
        service.terminate()
        service.communicate()
    assert answer.status_code == 200
    assert (len(relay.records()), max(copies(relay).values())) == (reached, 1)
    with closing(sqlite3.connect(shell.folder / "newsletter.db")) as database:
        left = database.execute("SELECT count(*) FROM subscriptions WHERE consent = 'unsubscribed'").fetchone()
    assert left == (1,)


def link_of(message: Path) -> str:
    """Where one click leaves."""
    header = email.message_from_bytes(message.read_bytes())["List-Unsubscribe"]
    return "".join(str(header).split()).strip("<>")
