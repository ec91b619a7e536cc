"""Preferences over HTTP: what a forwarded email can do, the fresh link, and a change of address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
from integration.web.conftest import START, edition
from integration.web.doors import ANA, URL, Doors, open_doors

from newsletter.app.audience.subscribers import show_subscriber
from newsletter.audience.consent import Consent
from newsletter.errors import NotFoundError
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience.events import append_event, reasons_given
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.audience import preview_audience
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.storage.ledger.freeze import freeze

NEW = "ana.new@example.org"


@pytest.fixture
def doors(database: Database, database_url: str, tmp_path: Path) -> Iterator[Doors]:
    yield from open_doors(database, database_url, tmp_path)


def subscribed(doors: Doors) -> str:
    """Subscribe Ana to the weekly; the path of the unsubscribe link in her welcome."""
    doors.sign_up(ANA, "/subscribe/weekly", name="Ana Lind")
    [(_, welcome)] = doors.work()
    return str(welcome["List-Unsubscribe"]).strip("<>").removeprefix(URL)


def fresh(doors: Doors, leave: str) -> str:
    """Have a fresh link mailed; its path."""
    doors.clock.now += timedelta(days=1)
    assert "Look in your inbox" in doors.press(f"{leave}/link").text
    [(recipient, message)] = doors.work()
    assert recipient == ANA
    assert "List-Unsubscribe" not in message
    return doors.link_in(message)


def everything(doors: Doors) -> list[object]:
    return [doors.rows(one) for one in (tables.subscribers, tables.subscriptions, tables.notices, tables.events)]


def test_forwarded_email_can_pause_and_undo_and_shows_nothing(doors: Doors, database: Database) -> None:
    leave = subscribed(doors)
    own = fresh(doors, leave)
    before = everything(doors)
    seen = [doors.client.request(method, path) for path in (leave, own) for method in ("GET", "GET", "HEAD")]
    seen += [doors.client.get(f"{leave}/{one}") for one in ("pause", "resume", "link")]
    seen += [doors.client.post(f"{leave}/{one}") for one in ("pause", "resume", "link")]
    assert everything(doors) == before
    forwarded = [one.text for one in seen if str(one.request.url).find("/own/") < 0]
    assert not any(word in text for text in forwarded for word in (ANA, "Ana", "Lind"))
    assert 'action="resume"' in doors.press(f"{leave}/pause").text
    assert doors.consents() == {"weekly": Consent.CONFIRMED}
    with database.write() as connection:  # the pages' clock is not the database's
        connection.execute(sa.update(tables.subscribers).values(paused_until=doors.clock.now + timedelta(weeks=5000)))
    preview = preview_audience(database, "issue", ["weekly"])
    assert (list(preview.candidates), preview.not_eligible) == ([], {"paused": 1})
    assert "You get our issues again" in doors.press(f"{leave}/resume").text
    assert [one.address for one in preview_audience(database, "issue", ["weekly"]).candidates] == [ANA]
    assert [row.kind for row in doors.rows(tables.events)] == ["paused", "resumed"]


def test_fresh_link_changes_lists_language_and_time_zone_for_a_day(doors: Doors) -> None:
    own = fresh(doors, subscribed(doors))
    page = doors.client.get(own)
    assert ANA in page.text
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["cache-control"] == "no-store"
    form = {"do": "save", "list": "news", "language": "de", "timezone": "Europe/Berlin"}
    saved = doors.client.post(own, data=form)
    assert "Ihre Änderungen sind gespeichert" in saved.text
    record = show_subscriber(doors.project, doors.database, ANA)
    assert record.subscriber
    assert (record.subscriber.language, record.subscriber.timezone, record.subscriber.name) == (
        "de", "Europe/Berlin", "Ana Lind",
    )  # fmt: skip
    assert doors.consents() == {"news": Consent.CONFIRMED, "weekly": Consent.UNSUBSCRIBED}
    assert doors.client.post(own, data=form | {"timezone": "Mars/Base"}).status_code == 400
    assert doors.client.post(own, data=form | {"list": "team"}).status_code == 200
    assert "team" not in doors.consents()
    about = json.loads(doors.client.post(own, data={"do": "export"}).text)
    assert (about["email"], about["signups"][0]["lists"]) == (ANA, ["Weekly"])
    doors.clock.now += timedelta(hours=25)
    assert doors.client.get(own).status_code == 404
    assert doors.client.post(own, data={"do": "export"}).status_code == 404


def test_one_fresh_link_a_day_and_none_for_the_suppressed(doors: Doors) -> None:
    leave = subscribed(doors)
    fresh(doors, leave)
    same = doors.press(f"{leave}/link")
    assert (same.status_code, doors.work()) == (200, [])


def test_forgetting_me_needs_a_tick_and_leaves_no_trace(doors: Doors) -> None:
    leave = subscribed(doors)
    own = fresh(doors, leave)
    assert doors.client.post(own, data={"do": "erase"}).status_code == 400
    assert doors.consents() == {"weekly": Consent.CONFIRMED}
    assert "You are forgotten" in doors.client.post(own, data={"do": "erase", "sure": "yes"}).text
    assert ANA not in str(everything(doors))
    assert doors.client.get(own).status_code == 404
    doors.press(f"{leave}/link")
    assert doors.work() == []


def address_link(doors: Doors, own: str, email: str = NEW) -> list[tuple[str, EmailMessage]]:
    assert "Look in your inbox" in doors.client.post(own, data={"do": "address", "email": email}).text
    return doors.work()


def test_new_address_is_confirmed_and_old_links_stay_and_no_issue_comes_twice(doors: Doors, database: Database) -> None:
    leave = subscribed(doors)
    own = fresh(doors, leave)
    deliveries = Deliveries(database)
    for number in (1, 2):
        order = NewDelivery(
            id=f"delivery{number}", issue="one", hash="0" * 64, lists=("weekly",), editions=(edition(),)
        )
        deliveries.create(order, doors.clock())
    freeze(database, "delivery1", doors.clock())
    with database.write() as connection:
        connection.execute(sa.update(tables.recipients).values(state="accepted"))
    [(recipient, message)] = address_link(doors, own)
    assert recipient == NEW
    assert message["Auto-Submitted"] == "auto-generated"
    path = doors.link_in(message)
    before = everything(doors)
    assert NEW not in doors.client.get(path).text
    assert doors.client.post(path).status_code == 400
    assert everything(doors) == before
    assert "Your address was changed" in doors.press(path).text
    assert "Your address was changed" in doors.press(path).text
    with pytest.raises(NotFoundError):
        show_subscriber(doors.project, database, ANA)
    record = show_subscriber(doors.project, database, NEW)
    assert record.address == NEW
    assert record.proofs
    freeze(database, "delivery2", doors.clock())
    rows = [row for row in doors.rows(tables.recipients) if row.delivery_id == "delivery2"]
    assert [(row.address, row.state, row.reason) for row in rows] == [(NEW, "excluded", "already_received")]
    assert doors.client.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert doors.consents(NEW) == {"weekly": Consent.UNSUBSCRIBED}
    undo = re.search(r"(/r/\w+)", doors.press(leave).text)
    assert undo
    assert "Welcome back" in doors.press(undo[1]).text


def test_address_that_somebody_else_has_is_not_taken(doors: Doors) -> None:
    own = fresh(doors, subscribed(doors))
    doors.sign_up("bob@example.org", "/subscribe/weekly")
    doors.work()
    doors.clock.now += timedelta(hours=1)
    assert address_link(doors, own, "bob@example.org") == []
    [(_, message)] = address_link(doors, own)
    doors.sign_up(NEW, "/subscribe/weekly")
    doors.clock.now += timedelta(days=2)
    doors.work()
    assert "Nothing was changed" in doors.press(doors.link_in(message)).text
    assert doors.consents() == doors.consents(NEW) == {"weekly": Consent.CONFIRMED}


def test_reason_for_leaving_is_optional_asked_afterwards_and_counted_once(doors: Doors, database: Database) -> None:
    leave = subscribed(doors)
    assert doors.client.post(f"{leave}/reason", data={"reason": "too-often"}).status_code == 200
    assert not doors.rows(tables.events)  # nobody has unsubscribed
    left = doors.press(leave)
    assert re.findall(r'type="radio" name="reason" value="([\w-]+)"', left.text)[0] == "too-often"
    for reason in ("never-asked", "too-often", "nonsense"):
        doors.client.post(f"{leave}/reason", data={"reason": reason})
    assert [(row.kind, row.data.get("reason")) for row in doors.rows(tables.events)] == [
        ("unsubscribed", None),
        ("reason", "never-asked"),
    ]


def test_reasons_are_in_the_report_of_their_delivery(database: Database) -> None:
    with database.write() as connection:
        for number, reason in enumerate(("other", "too-often", "too-often")):
            said = Event(EventKind.REASON, START, delivery="d", data={"reason": reason}, key=f"reason:{number}")
            append_event(database, connection, said)
        append_event(database, connection, Event(EventKind.REASON, START, delivery="e", data={"reason": "other"}))
        assert reasons_given(connection, "d") == {"too-often": 2, "other": 1}


def test_one_subscriber_cannot_have_many_strangers_written_to(doors: Doors) -> None:
    own = fresh(doors, subscribed(doors))
    sent = [address_link(doors, own, f"stranger{number}@example.org") for number in range(5)]
    assert [len(one) for one in sent] == [1, 1, 1, 0, 0]
