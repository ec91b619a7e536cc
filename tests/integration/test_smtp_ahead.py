"""The next envelope behind the final dot, against a relay that misbehaves there: nobody lost, doubled or mistaken."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from factories import add_list, add_people, start_delivery
from mailing import granted, letter, relay, send_behind
from recording_server import Quirk, RecordingServer, recording_server

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import open_project
from newsletter.app.sending.worker import run_worker
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Rejected, Unknown
from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport
from newsletter.errors import PermitRefusedError, RelayConnectionError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries

PEOPLE = ["ana@example.com", "bo@example.com", "cy@example.com"]
LETTERS = [letter(address) for address in PEOPLE]

both = pytest.mark.parametrize("mode", [{}, {"lock_step": True}], ids=["pipelined", "in lock-step"])


def settings(server: RecordingServer, **changes: Any) -> SmtpSettings:
    return relay(server.host, server.port, **{"tls": "none", "timeout": 20.0, "connections": 1} | changes)


def taken(server: RecordingServer) -> list[tuple[str, int]]:
    """Who got a message, on which connection."""
    return [(record["rcpt"], record["connection"]) for record in server.records()]


def packets(server: RecordingServer) -> list[list[str]]:
    """The verbs that came together."""
    found: dict[int, list[str]] = {}
    for entry in server.transcript():
        if "packet" in entry:
            found.setdefault(entry["packet"], []).append(entry.get("line", ".").split()[0])
    return list(found.values())


@both
def test_next_envelope_goes_out_before_the_reply_where_that_is_offered(tmp_path: Path, mode: dict[str, bool]) -> None:
    with recording_server(tmp_path, **mode) as server:
        outcomes = send_behind(settings(server), LETTERS)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert taken(server) == [(address, 1) for address in PEOPLE]
    one = ["MAIL", "RCPT", "DATA"]
    together = [["EHLO"], one, [".", *one], [".", *one], ["."], ["QUIT"]]
    apart = [["EHLO"], *[["MAIL"], ["RCPT"], ["DATA"], ["."]] * 3, ["QUIT"]]
    assert packets(server) == (apart if mode else together)


def test_refused_recipient_behind_the_dot_harms_neither_neighbour(tmp_path: Path) -> None:
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@")
    with recording_server(tmp_path, refusal) as server:
        ana, bo, cy = send_behind(settings(server), LETTERS)
    assert isinstance(ana, Accepted)
    assert isinstance(bo, Rejected)
    assert isinstance(cy, Accepted)
    assert taken(server) == [("ana@example.com", 1), ("cy@example.com", 1)]


def test_body_asked_for_after_a_refusal_behind_the_dot_gets_no_dot(tmp_path: Path) -> None:
    quirks = [
        Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@"),
        Quirk("data", "reply", text="354 go on", skip=1, times=1),
    ]
    with recording_server(tmp_path, *quirks) as server:
        outcomes = send_behind(settings(server), LETTERS)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted]
    assert taken(server) == [("ana@example.com", 1), ("cy@example.com", 2)]


@pytest.mark.parametrize("lost", ["", "421 4.3.2 good night"], ids=["closed", "421"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_line_lost_behind_the_reply_to_the_dot_burns_nothing(tmp_path: Path, step: str, lost: str) -> None:
    """The first message is accepted; the one whose envelope was out is sent on another connection or set back."""
    do = "reply" if lost else "drop"
    quirk = Quirk(step, do, text=lost, close=True, skip=1, times=1)
    with recording_server(tmp_path, quirk, latency=0.05) as server:
        ana, bo, cy = send_behind(settings(server), LETTERS)
    assert isinstance(ana, Accepted)
    assert isinstance(cy, Accepted)
    assert isinstance(bo, Accepted) or step != "mail"
    assert isinstance(bo, Accepted | RelayConnectionError) or bo.classification.blame == "ours"  # type: ignore[union-attr]
    assert [one for one, _ in taken(server)] == [one for one in PEOPLE if one != PEOPLE[1] or isinstance(bo, Accepted)]


@pytest.mark.parametrize("step", ["reset", "drop", "hang"])
@pytest.mark.parametrize("accepted", [True, False])
def test_reply_that_never_comes_makes_one_unknown_and_not_two(tmp_path: Path, step: str, accepted: bool) -> None:
    quirk = Quirk("dot", step, accepted=accepted, times=1)
    with recording_server(tmp_path, quirk) as server:
        ana, bo, cy = send_behind(settings(server, reply_timeout=0.3), LETTERS)
    assert isinstance(ana, Unknown)
    assert isinstance(bo, Accepted)
    assert isinstance(cy, Accepted)
    assert [address for address, _ in taken(server)] == PEOPLE[0 if accepted else 1 :]


def test_late_reply_is_not_taken_for_the_envelope_behind_it(tmp_path: Path) -> None:
    quirks = [
        Quirk("dot", "delay", seconds=0.5, times=1),
        Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@"),
    ]
    with recording_server(tmp_path, *quirks) as server:
        outcomes = send_behind(settings(server, reply_timeout=0.2), LETTERS)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Rejected, Accepted]


@pytest.mark.parametrize("text", ["250 taken", "451 4.3.0 later", "550 5.1.1 no such user"])
def test_second_reply_to_a_dot_does_not_judge_the_message_behind_it(tmp_path: Path, text: str) -> None:
    doubled = Quirk("dot", "reply", text=f"{text}\n{text}", accepted=text.startswith("2"), times=1)
    with recording_server(tmp_path, doubled) as server:
        _, bo, cy = send_behind(settings(server), LETTERS)
    for outcome, address in ((bo, PEOPLE[1]), (cy, PEOPLE[2])):
        assert isinstance(outcome, Accepted | RelayConnectionError)
        assert isinstance(outcome, Accepted) == (address in dict(taken(server)))


def test_permit_refused_behind_a_dot_closes_the_line_without_one(tmp_path: Path) -> None:
    answers = [True, False, True]

    async def permit() -> bool:
        return answers.pop(0)

    with recording_server(tmp_path) as server:
        ana, bo, cy = send_behind(settings(server), LETTERS, permit)
    assert isinstance(ana, Accepted)
    assert isinstance(bo, PermitRefusedError)
    assert isinstance(cy, Accepted)
    assert taken(server) == [("ana@example.com", 1), ("cy@example.com", 2)]


def test_message_cancelled_behind_a_dot_spoils_only_the_connection(tmp_path: Path) -> None:
    async def run(server: RecordingServer) -> list[Outcome]:
        transport = SmtpTransport(settings(server))
        first = asyncio.create_task(transport.send(*LETTERS[0], granted))
        while not server.records():
            await asyncio.sleep(0.01)
        second = asyncio.create_task(transport.send(*LETTERS[1], granted))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        outcomes = [await first, await transport.send(*LETTERS[2], granted)]
        await transport.close()
        return outcomes

    with recording_server(tmp_path, latency=0.2) as server:
        outcomes = asyncio.run(run(server))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert taken(server) == [("ana@example.com", 1), ("cy@example.com", 2)]


@both
def test_no_two_messages_of_a_connection_are_permitted_at_once(tmp_path: Path, mode: dict[str, bool]) -> None:
    """A crash makes no more unknown than there are connections, whatever is under way ahead."""

    async def run(server: RecordingServer) -> int:
        transport = SmtpTransport(settings(server, connections=2))
        permitted = most = 0

        async def one(number: int) -> None:
            async def permit() -> bool:
                nonlocal permitted, most
                permitted += 1
                most = max(most, permitted)
                return True

            nonlocal permitted
            assert isinstance(await transport.send(*letter(f"p{number}@example.com"), permit), Accepted)
            permitted -= 1

        await asyncio.gather(*map(one, range(30)))
        await transport.close()
        return most

    with recording_server(tmp_path, latency=0.005, **mode) as server:
        assert asyncio.run(run(server)) == 2
    assert len(set(taken(server))) == 30


def test_connection_without_messages_is_closed_with_quit(tmp_path: Path) -> None:
    async def run(server: RecordingServer) -> None:
        transport = SmtpTransport(settings(server, connection_idle=0.05))
        await transport.send(*LETTERS[0], granted)
        while not any("closed" in entry for entry in server.transcript()):
            await asyncio.sleep(0.01)
        await transport.send(*LETTERS[1], granted)
        await transport.close()

    with recording_server(tmp_path) as server:
        asyncio.run(run(server))
    assert taken(server) == [("ana@example.com", 1), ("bo@example.com", 2)]
    assert server.said().count("QUIT") == 2


def test_connection_of_some_age_is_replaced(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        send_behind(settings(server, connection_age=-1.0), LETTERS)
    assert taken(server) == [(address, number) for number, address in enumerate(PEOPLE, 1)]
    assert server.said().count("QUIT") == 3


def test_stop_with_an_envelope_in_advance_leaves_nothing_unknown(tmp_path: Path, database: Database) -> None:
    """SIGTERM comes while replies are awaited and the next envelopes are out."""
    add_people(database, [f"p{number}@example.org" for number in range(20)], add_list(database))
    start_delivery(database, now=datetime.now(UTC))
    start_project(tmp_path / "project")
    with recording_server(tmp_path / "relay", Quirk("dot", "delay", seconds=0.5, skip=2, times=2)) as server:
        relay = {"host": server.host, "port": str(server.port), "tls": "none", "connections": "2"}
        project = open_project(
            tmp_path / "project", {f"NEWSLETTER_SMTP__{name.upper()}": value for name, value in relay.items()}
        )

        def stop_behind_the_dots() -> None:
            while len(server.records()) < 4:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=stop_behind_the_dots)
        thread.start()
        run_worker(project, database, on_trouble=print)
        thread.join()
    states = [one.state.value for one in Deliveries(database).recipients("delivery1")]
    assert sorted(set(states)) == ["accepted", "waiting"]
    assert states.count("accepted") == len(server.records())
