"""The SMTP door against servers that are not ours: aiosmtpd, and postfix's smtp-sink."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from mailing import letter, relay, send_all, send_behind
from tools import require

from newsletter.delivery.compose.envelope import Envelope as SentEnvelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from newsletter.delivery.transports.smtp.pool import SmtpSettings
from newsletter.errors import RelayConnectionError, TransportError

Send: TypeAlias = Callable[[SmtpSettings, Sequence[tuple[SentEnvelope, Message]]], list[Outcome | BaseException]]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Keeper:
    """Keeps what aiosmtpd hands over."""

    def __init__(self) -> None:
        self.kept: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.kept.append(envelope)
        return "250 2.0.0 kept"


def test_aiosmtpd_gets_the_same_bytes_and_reads_them_without_defects() -> None:
    keeper = Keeper()
    port = free_port()
    controller = Controller(keeper, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        letters = [letter(), letter("用户@example.com"), letter("bo@example.com", lines=500)]
        outcomes = send_all(relay("127.0.0.1", port, tls="none", timeout=20), letters)
    finally:
        controller.stop()
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    for (envelope, message), kept in zip(letters, keeper.kept, strict=True):
        assert kept.content == message.data
        assert (kept.mail_from, kept.rcpt_tos) == (envelope.return_path, [envelope.recipient])
        assert not message_from_bytes(message.data, policy=policy.SMTP).defects


in_turn_and_behind = pytest.mark.parametrize("send", [send_all, send_behind], ids=["in turn", "behind the dot"])


@contextmanager
def sink(folder: Path, *arguments: str) -> Iterator[SmtpSettings]:
    """Postfix's smtp-sink, which writes what it takes to `caught` in the folder."""
    program = require("smtp-sink")
    folder.chmod(0o777)
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, *arguments, "-D", "caught", f"127.0.0.1:{port}", "10"], cwd=folder)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "smtp-sink ended by itself"
                time.sleep(0.02)
        yield relay("127.0.0.1", port, tls="none", timeout=10, reply_timeout=10, connections=1)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that smtp-sink may write into when it runs as nobody."""
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o755)
    return tmp_path


def caught(folder: Path) -> list[str]:
    """The recipients of what smtp-sink wrote."""
    file = folder / "caught"
    return re.findall(r"^X-Rcpt-Args: <(.*)>", file.read_text(), re.MULTILINE) if file.exists() else []


@in_turn_and_behind
def test_sink_takes_everything(folder: Path, send: Send) -> None:
    people = [f"p{number}@example.com" for number in range(50)]
    with sink(folder) as settings:
        outcomes = send(settings, [letter(address) for address in people])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert caught(folder) == people


@in_turn_and_behind
def test_sink_that_leaves_at_the_dot_makes_unknowns_which_had_been_accepted(folder: Path, send: Send) -> None:
    people = [f"p{number}@example.com" for number in range(20)]
    with sink(folder, "-q", ".") as settings:
        outcomes = send(settings, [letter(address) for address in people])
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)
    assert caught(folder) == people


@in_turn_and_behind
@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_sink_that_leaves_before_the_dot_judges_nothing(folder: Path, command: str, send: Send) -> None:
    with sink(folder, "-q", command) as settings:
        outcomes = send(settings, [letter(), letter()])
    assert all(isinstance(outcome, RelayConnectionError) for outcome in outcomes)
    assert caught(folder) == []


@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA"])
def test_sink_that_says_421_burns_nothing(folder: Path, command: str) -> None:
    with sink(folder, "-Q", command) as settings:
        outcomes: list[Any] = send_all(settings, [letter(), letter()])
    for outcome in outcomes:
        assert isinstance(outcome, TransportError | Deferred)
        assert isinstance(outcome, TransportError) or outcome.classification.blame == "ours"
    assert caught(folder) == []


@pytest.mark.parametrize(("option", "kind"), [("-r", Deferred), ("-f", Rejected)])
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_sink_that_refuses_is_understood(folder: Path, option: str, kind: type, command: str) -> None:
    with sink(folder, option, command) as settings:
        outcomes = send_all(settings, [letter(), letter()])
    assert all(isinstance(outcome, kind) for outcome in outcomes)


def test_sink_that_breaks_off_inside_the_body_is_no_verdict_about_the_address(folder: Path) -> None:
    with sink(folder, "-A", "0") as settings:
        [outcome] = send_all(settings, [letter(lines=20_000)])
    assert isinstance(outcome, RelayConnectionError | Unknown) or (
        isinstance(outcome, Rejected) and outcome.classification.blame == "ours"
    )
