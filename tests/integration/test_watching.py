"""Watching a delivery on a terminal: what is shown comes from the database, whichever processes send."""

from __future__ import annotations

import io
import threading
import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from factories import add_list, add_people, start_delivery

from newsletter.cli.watching import progress, wait_for_end
from newsletter.delivery.sender.throttle import Pause
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.pace import StoredPace


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shows(self, text: str) -> bool:
        """Whether it came to show a text within a while."""
        until = time.monotonic() + 30
        while text not in self.getvalue() and time.monotonic() < until:
            time.sleep(0.05)
        return text in self.getvalue()


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called by the test itself: pytest sets the streams anew after the fixtures."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    return terminal


@pytest.fixture
def sending(database: Database) -> Database:
    """A delivery to five people."""
    add_people(database, [f"reader{n}@example.org" for n in range(5)], add_list(database))
    start_delivery(database)
    return database


def accept(database: Database, count: int) -> None:
    """As any sending process does."""
    with database.write() as connection:
        waiting = sa.select(tables.recipients.c.id).where(tables.recipients.c.state == "waiting").limit(count)
        of = tables.recipients.c.id.in_(waiting)
        connection.execute(sa.update(tables.recipients).where(of).values(state="accepted"))


def test_progress_shows_what_other_processes_sent(sending: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    accept(sending, 2)
    with progress(sending, "delivery1"):
        assert terminal.shows("2 of 5")
        accept(sending, 2)
        assert terminal.shows("4 of 5 · ")
    assert "left" in terminal.getvalue()


def test_watching_shows_each_provider_and_what_holds_it_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_a_terminal(monkeypatch)
    people = [f"reader{n}@{domain}" for n in range(3) for domain in ("gmail.com", "gmx.de")]
    add_people(database, people, add_list(database))
    start_delivery(database)
    now = datetime.now(UTC)
    StoredPace(database).pause(Pause("delivery1", "gmx", "550 no", now, None))
    with database.write() as connection:
        states = {"reader0@gmail.com": "accepted", "reader1@gmail.com": "rejected"}
        for address, state in states.items():
            of = tables.recipients.c.address == address
            connection.execute(sa.update(tables.recipients).where(of).values(state=state))
    with progress(database, "delivery1", datetime.isoformat):
        assert terminal.shows("gmail: 2 of 3 · 1 rejected")
        assert terminal.shows("gmx: 0 of 3 · halted")


def test_progress_goes_on_when_the_delivery_is_gone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with progress(database, "gone"):
        assert terminal.shows("━")


def test_nothing_is_shown_where_there_is_no_terminal(sending: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with progress(sending, "delivery1"):
        accept(sending, 5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("end", ["finished", "cancelled", "paused", "halted", "missed"])
def test_watching_ends_when_the_delivery_is_over_or_stopped(sending: Database, end: str) -> None:
    watching = threading.Thread(target=wait_for_end, args=(sending, "delivery1"), daemon=True)
    watching.start()
    watching.join(0.2)
    assert watching.is_alive()
    with sending.write() as connection:
        connection.execute(sa.update(tables.deliveries).values(state=end))
    watching.join(30)
    assert not watching.is_alive()
