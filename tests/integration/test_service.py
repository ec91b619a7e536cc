"""The parts of the service that are about processes: restarted when they die, asked once to stop."""

from __future__ import annotations

import socket
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.errors import RequestError
from newsletter.service import Sender, listen


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does; the test's time limit is the only clock."""
    while not true():
        time.sleep(0.02)


def script(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text)]


def test_sender_is_started_again_when_it_dies(tmp_path: Path) -> None:
    births = tmp_path / "births"
    births.touch()
    sender = Sender(script(f"open({str(births)!r}, 'a').write('born\\n'); raise SystemExit(9)"), pauses=(0.01,))
    sender.start()
    until(lambda: births.read_text().count("born") >= 3)
    sender.ask_to_stop()
    sender.wait()
    number = births.read_text().count("born")
    assert number >= 3


def test_sender_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As while the program is being replaced by a newer one."""
    program, births = tmp_path / "program", tmp_path / "births"
    sender = Sender([str(program)], pauses=(0.01,))
    sender.start()
    until(lambda: len(caplog.messages) >= 2)
    assert caplog.messages[0] == (
        "the sender process could not be started (No such file or directory); it is started again in 0.01 s"
    )
    draft = tmp_path / "draft"
    draft.write_text(f"#!/bin/sh\necho born >> '{births}'\n")
    draft.chmod(0o700)
    draft.rename(program)
    until(births.exists)
    sender.ask_to_stop()
    sender.wait()


def test_sender_asked_to_stop_finishes_and_is_not_started_again(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    diary.touch()
    sender = Sender(
        script(
            f"""
            import signal, sys
            def write(word):
                with open({str(diary)!r}, "a") as out:
                    out.write(word + "\\n")
            def finish(*_):
                write("finished")
                sys.exit(0)
            signal.signal(signal.SIGTERM, finish)
            write("born")
            while True:
                signal.pause()
            """
        ),
        pauses=(0.01,),
    )
    sender.start()
    until(lambda: "born" in diary.read_text())
    sender.ask_to_stop()
    sender.ask_to_stop()
    sender.wait()
    assert diary.read_text() == "born\nfinished\n"


def test_sender_asked_to_stop_before_it_was_started_stays_away(tmp_path: Path) -> None:
    births = tmp_path / "births"
    sender = Sender(script(f"open({str(births)!r}, 'a')"))
    sender.ask_to_stop()
    sender.start()
    sender.wait()
    assert not births.exists()


def test_port_in_use_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RequestError, match=f"Cannot listen on 127.0.0.1 port {port}") as caught:
            listen("127.0.0.1", port)
    assert "--port" in caught.value.hint


def test_unknown_host_is_a_sentence() -> None:
    with pytest.raises(RequestError, match=r"Cannot listen on nowhere\.invalid"):
        listen("nowhere.invalid", 0)
