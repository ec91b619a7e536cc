"""What a monitor reads, and that nobody else can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from integration.web.conftest import START, theme_of
from starlette.testclient import TestClient

from newsletter.app.operating.metrics import HELP, Metrics
from newsletter.audience.consent import Consent
from newsletter.storage.database import tables
from newsletter.storage.journal.files import OptOutLine
from newsletter.web.public import Site, metrics_route, public_app

if TYPE_CHECKING:
    from pathlib import Path

    from integration.web.conftest import World

TOKEN = "a token of sixteen or more"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
SAMPLE = re.compile(r'newsletter_[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? [0-9.]+')


@pytest.fixture
def monitor(world: World) -> Iterator[TestClient]:
    site = Site("The Weekly", theme_of(), "en")
    pages = public_app(
        world.database, world.journal, signer=lambda: world.signer, site=site, public_url="https://news.example.org",
        clock=world.clock,
        monitor=metrics_route(Metrics(world.database, world.journal).read, TOKEN, world.clock),
    )  # fmt: skip
    with TestClient(pages) as client:
        yield client


def samples(client: TestClient) -> dict[str, float]:
    answer = client.get("/metrics", headers=SHOWN)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert all(SAMPLE.fullmatch(line) for line in lines if not line.startswith("#"))
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_without_the_token_there_is_no_such_page(world: World, monitor: TestClient) -> None:
    assert world.client.get("/metrics", headers=SHOWN).status_code == 404  # nobody asked for it
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": TOKEN}, {"Authorization": "Bearer ü" + TOKEN}):
        answer = monitor.get("/metrics", headers={key.encode(): value.encode() for key, value in headers.items()})
        assert answer.status_code == 404
        assert answer.text == monitor.get("/nowhere").text


def test_state_of_a_delivery_can_be_read(world: World, monitor: TestClient) -> None:
    people = [world.add(number, {1: Consent.CONFIRMED}, address=f"p{number}@example.org") for number in range(1, 5)]
    table = tables.recipients
    with world.database.write() as connection:
        states = dict(zip(people, ["waiting", "deferred", "accepted", "accepted"], strict=True))
        for one, state in states.items():
            connection.execute(sa.update(table).where(table.c.id == one).values(state=state, provider="google"))
        connection.execute(sa.update(tables.deliveries).values(state="sending", started_at=START))
        made = {"epoch": 1, "worker": "w", "permitted_at": START}
        rows = [{"recipient_id": one, "outcome": outcome} | made for one, outcome in zip(
            people[1:], ["deferred", "accepted", "accepted"], strict=True)]  # fmt: skip
        connection.execute(sa.insert(tables.attempts), rows)
        pauses = [("", "google", START + timedelta(days=1)), ("", "@mail.example", None), ("", "", START)]
        for delivery, share, until in pauses:
            row = {"delivery": delivery, "share": share, "until": until, "since": START, "times": 1, "reason": "busy"}
            connection.execute(sa.insert(tables.pauses), row)
        alert = {"key": "a", "kind": "delivery.stuck", "text": 'a "text"', "since": START, "tries": 0, "told": []}
        connection.execute(sa.insert(tables.alerts), alert)
    found = samples(monitor)
    expected = {
        "database_up": 1, "journal_lag_seconds": 0, 'deliveries{state="sending"}': 1, 'deliveries{state="halted"}': 0,
        'recipients{state="waiting"}': 1, 'recipients{state="accepted"}': 2, 'recipients{state="unknown"}': 0,
        'attempts{outcome="deferred",provider="google"}': 1, 'attempts{outcome="accepted",provider="google"}': 2,
        'pauses{of="provider",until="time"}': 1, 'pauses{of="domain",until="resumed"}': 1,
        'pauses{of="relay",until="time"}': 0, 'subscriptions{consent="confirmed"}': 4, "notices_waiting": 0,
        'alerts{kind="delivery.stuck"}': 1,
    }  # fmt: skip
    assert {name: found.get(f"newsletter_{name}") for name in expected} == expected
    assert found["newsletter_oldest_waiting_seconds"] >= 1
    assert not re.search(r"example|@|2024-01-25|weekly", monitor.get("/metrics", headers=SHOWN).text)


def test_opt_out_and_lag_of_the_journal_show(world: World, monitor: TestClient) -> None:
    recipient = world.add(1, {1: Consent.CONFIRMED}, address="ana@example.org")
    world.journal.opt_out(OptOutLine(START, "one-click", recipient), is_away=True)
    world.clock.now += timedelta(days=36500)
    assert samples(monitor)["newsletter_journal_lag_seconds"] > 3600
    world.journal.replay_opt_outs()
    found = samples(monitor)
    assert found["newsletter_journal_lag_seconds"] == 0
    assert found['newsletter_subscriptions{consent="unsubscribed"}'] == 1


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_database_that_is_away_is_a_sample(world: World, monitor: TestClient, tmp_path: Path) -> None:
    (tmp_path / "newsletter.db").rename(tmp_path / "away.db")
    assert samples(monitor)["newsletter_database_up"] == 0
    (tmp_path / "away.db").rename(tmp_path / "newsletter.db")
    found = samples(monitor)
    assert found["newsletter_database_up"] == 1
    assert {re.split("[{ ]", name)[0].removeprefix("newsletter_") for name in found} <= HELP.keys()
