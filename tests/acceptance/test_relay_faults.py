"""A send through the shell to a relay that refuses, hangs up or says nothing: nobody lost, nobody twice unlisted."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from recording_server import Quirk, recording_server
from shell import Shell, broken_promises, readers


def test_lost_replies_are_unknown_until_a_person_decides(tmp_path: Path) -> None:
    taken = Quirk("dot", "drop", accepted=True, match="^reader0000[0-4]")
    untaken = Quirk("dot", "drop", match="^reader0000[5-9]", times=5)
    with recording_server(tmp_path / "relay", taken, untaken) as server:
        shell = Shell(tmp_path, server)
        shell.invite(readers(40))

        done = shell.run("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = json.loads(done.stdout.splitlines()[0])["delivery"]

        assert done.returncode == 3
        unknown = {row["address"] for row in shell.recipients(delivery) if row["state"] == "unknown"}
        assert unknown == {f"reader{n:05}@example.org" for n in range(10)}
        assert broken_promises(shell, server, delivery, most_unknown=10) == []
        assert len(server.records()) == 35

        # Going on by itself sends none of them again.
        shell.run("deliveries", "resume", delivery)
        assert len(server.records()) == 35

        named = [flag for n in range(5) for flag in ("--recipient", f"reader{n:05}@example.org")]
        shell.ok("deliveries", "resolve", delivery, "--unknown", "accepted", *named)
        shell.ok("deliveries", "resolve", delivery, "--unknown", "resend")
        assert shell.run("deliveries", "resume", delivery).returncode == 0
        assert Counter(record["rcpt"] for record in server.records()) == {one: 1 for one, _ in readers(40)}
        assert broken_promises(shell, server, delivery, most_unknown=0) == []
        assert len(shell.report(delivery)["sent_again"]) == 5


@pytest.mark.parametrize("way", ["resume", "cancel"])
def test_send_meanwhile_leaves_out_who_is_sent_it_again(tmp_path: Path, way: str) -> None:
    lost = Quirk("dot", "drop", accepted=True, match="^reader00000", times=1)
    with recording_server(tmp_path / "relay", lost) as server:
        shell = Shell(tmp_path, server)
        shell.invite(readers(3))
        send = ["send", shell.issue, "--list", "weekly", "--yes", "--json"]
        first = json.loads(shell.run(*send).stdout.splitlines()[0])["delivery"]
        shell.ok("deliveries", "resolve", first, "--unknown", "resend")
        if way == "cancel":
            shell.ok("deliveries", "cancel", first)

        second = json.loads(shell.run(*send).stdout.splitlines()[0])["delivery"]
        shell.run("deliveries", "resume", first)

        copies = Counter(record["rcpt"] for record in server.records())
        again = 1 if way == "resume" else 0
        assert copies == {
            "reader00000@example.org": 1 + again,
            "reader00001@example.org": 1,
            "reader00002@example.org": 1,
        }
        assert shell.report(second)["counts"].get("accepted", 0) == 0
        assert len(shell.report(first)["sent_again"]) == again
        assert shell.report(first)["counts"].get("unknown", 0) == 1 - again
        for delivery in (first, second):
            assert shell.report(delivery)["problems"] == []


def test_faults_before_the_dot_cost_nobody_their_message(tmp_path: Path) -> None:
    steps = ("connect", "ehlo", "mail", "rcpt", "data", "body")
    quirks = [Quirk(step, "reset", skip=3, every=9, times=6) for step in steps]
    quirks.append(Quirk("rcpt", "reply", text="421 4.3.2 closing", close=True, skip=5, every=11, times=5))
    with recording_server(tmp_path / "relay", *quirks) as server:
        shell = Shell(tmp_path, server)
        shell.invite(readers(150))

        done = shell.run("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = json.loads(done.stdout.splitlines()[0])["delivery"]

        assert (done.returncode, json.loads(done.stdout.splitlines()[-1])["counts"]["accepted"]) == (0, 150)
        assert broken_promises(shell, server, delivery, most_unknown=0) == []


def test_deferred_recipients_wait_for_a_later_resume(tmp_path: Path) -> None:
    busy = Quirk("rcpt", "reply", text="451 4.7.1 come back later", match="^reader0000[0-4]", times=5)
    with recording_server(tmp_path / "relay", busy) as server:
        shell = Shell(tmp_path, server, sending__retry="3")
        shell.invite(readers(20))

        done = shell.run("send", shell.issue, "--list", "weekly", "--yes", "--json")
        delivery = json.loads(done.stdout.splitlines()[0])["delivery"]
        assert (done.returncode, json.loads(done.stdout.splitlines()[-1])["counts"]["deferred"]) == (3, 5)

        time.sleep(3)
        assert shell.run("deliveries", "resume", delivery).returncode == 0
        assert broken_promises(shell, server, delivery, most_unknown=0) == []
        assert len(server.records()) == 20
