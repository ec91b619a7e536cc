"""The sending process: what becomes of messages under way when something goes wrong beside them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories import add_list, add_people, make_order, start_delivery
from recording_server import Quirk, recording_server

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending import background
from newsletter.app.sending import worker as working
from newsletter.app.sending.worker import run_worker
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.errors import ConfigError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries

NOW = datetime.now(UTC).replace(microsecond=0)
ADDRESSES = ["ana@example.org", "bo@example.org"]


def make_project(folder: Path, port: int) -> Project:
    start_project(folder)
    settings = {"host": "127.0.0.1", "port": str(port), "tls": "none"}
    return open_project(folder, {f"NEWSLETTER_SMTP__{name.upper()}": value for name, value in settings.items()})


def test_mistake_while_preparing_lets_messages_under_way_end_in_peace(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(database, ADDRESSES, add_list(database))
    start_delivery(database, now=NOW)
    store = Deliveries(database)
    store.create(make_order("broken", issue="second"), NOW)

    with recording_server(tmp_path / "relay", Quirk("dot", "delay", seconds=0.5, times=2)) as relay:

        def fails_behind_the_dots(*_: object, **__: object) -> None:
            patience_ends = time.monotonic() + 20
            while len(relay.records()) < 2 and time.monotonic() < patience_ends:
                time.sleep(0.01)  # they are recorded by the relay, which says so a little later
            raise ZeroDivisionError("a mistake of ours")

        monkeypatch.setattr(background, "freeze", fails_behind_the_dots)
        with pytest.raises(ZeroDivisionError):
            run_worker(make_project(tmp_path / "project", relay.port), database, on_trouble=print)

    assert [one.state for one in store.recipients("delivery1")] == [RecipientState.ACCEPTED] * 2


def test_failures_of_both_parts_are_told_as_they_happen(caplog: pytest.LogCaptureFixture) -> None:
    told_meanwhile: list[str] = []

    async def run() -> None:
        stop = asyncio.Event()

        async def fails() -> None:
            raise ZeroDivisionError("a mistake of ours with ana@example.org")

        async def awaits_replies() -> None:
            await stop.wait()
            told_meanwhile.extend(caplog.messages)
            raise ConfigError("the password file is gone")

        await working._together(stop, fails(), awaits_replies())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert [text.partition(":")[0] for text in told_meanwhile] == ["ZeroDivisionError at app/sending/worker.py"]
    assert [text.partition(";")[0] for text in caplog.messages[1:]] == ["the password file is gone"]
