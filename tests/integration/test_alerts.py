"""Alerts: what an operator must see is told once by each way, tried again when it fails, and names no subscriber."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from factories import add_list, add_people, start_delivery
from recording_server import recording_server

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import Project, open_project
from newsletter.app.sending.alerts import alert, compose_alert, conditions, sign
from newsletter.delivery.delivery import DeliveryState
from newsletter.errors import ConfigError
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER
from newsletter.storage.ledger.deliveries import Deliveries, Lease
from newsletter.storage.scheduling.alerts import Alert, Alerts
from newsletter.storage.scheduling.occurrences import Occurrence, Occurrences, Turn

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HALT = "too many refusals: 550 5.7.1 <ana@example.org> blocked"


class Receiver(HTTPServer):
    """A receiver of webhooks that answers with these statuses in turn."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.got: list[tuple[dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(self.server.statuses.pop(0))
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    with Receiver(*statuses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def make_project(folder: Path, **settings: str) -> Project:
    if not folder.exists():
        start_project(folder)
    environment = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": "1", "SMTP__TLS": "none"} | settings
    return open_project(folder, {f"NEWSLETTER_{key}": value for key, value in environment.items()})


def hooked(folder: Path, server: Receiver) -> Project:
    return make_project(folder, ALERTS__WEBHOOK=f"http://127.0.0.1:{server.server_port}/hook", ALERTS__SECRET=SECRET)


def halt(database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database))
    start_delivery(database, now=NOW)
    Deliveries(database).move("delivery1", DeliveryState.HALTED, since=DeliveryState.SENDING, reason=HALT)


def test_halt_is_told_once_by_signed_webhook_and_again_when_it_comes_again(tmp_path: Path, database: Database) -> None:
    halt(database)
    store = Deliveries(database)
    with receiver(204, 200) as server:
        project = hooked(tmp_path / "project", server)
        assert [alert(project, database, NOW + timedelta(seconds=10 * tick)) for tick in range(3)] == [1, 0, 0]
        [(headers, body)] = server.got
        assert json.loads(body) == {
            "type": "delivery.halted",
            "timestamp": "2026-11-26T08:00:00+00:00",
            "data": {
                "text": "Delivery delivery1 of first is halted: too many refusals: 550 5.7.1 <[address]> blocked",
                "delivery": "delivery1",
            },
        }
        again = sign(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        assert headers["webhook-signature"] == again["webhook-signature"]
        store.resume("delivery1", DeliveryState.SENDING, NOW, since=DeliveryState.HALTED)
        assert alert(project, database, NOW) == 0
        store.move("delivery1", DeliveryState.HALTED, since=DeliveryState.SENDING, reason=HALT)
        assert alert(project, database, NOW + timedelta(hours=1)) == 1
        assert len({headers["webhook-id"] for headers, _ in server.got}) == 2


def test_alert_that_fails_is_tried_again_a_few_times_under_the_same_id(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    halt(database)
    with receiver(500, 302, 404, 500, 500) as server:
        project, now = hooked(tmp_path / "project", server), NOW
        for _ in range(8):
            assert alert(project, database, now) == 0
            assert alert(project, database, now + timedelta(seconds=59)) == 0
            now += timedelta(hours=1, seconds=1)
        assert len(server.got) == 5
        assert len({headers["webhook-id"] for headers, _ in server.got}) == 1
    assert "could not be told by webhook" in caplog.text
    assert "is given up after 5 tries" in caplog.text


def test_way_that_fails_does_not_repeat_the_other(tmp_path: Path, database: Database) -> None:
    halt(database)
    with receiver(500, 200) as server, recording_server(tmp_path / "relay") as relay:
        project = make_project(
            tmp_path / "project", SMTP__PORT=str(relay.port), ALERTS__EMAIL="ops@example.org, boss@example.org",
            ALERTS__WEBHOOK=f"http://127.0.0.1:{server.server_port}/", ALERTS__SECRET=SECRET,
        )  # fmt: skip
        assert alert(project, database, NOW) == 0
        assert alert(project, database, NOW + timedelta(minutes=2)) == 1
        assert sorted(record["rcpt"] for record in relay.records()) == ["boss@example.org", "ops@example.org"]
        [data, _] = [data for copies in relay.messages().values() for data in copies]
    assert b"ana@example.org" not in data
    assert b"Auto-Submitted: auto-generated" in data


def test_words_of_an_alert_are_sound_bytes_of_an_email(tmp_path: Path) -> None:
    one = Alert("key", "delivery.missed", "Delivery ünï is missed: 早 " * 40, "delivery1", NOW, 0, frozenset())
    envelope, message = compose_alert(make_project(tmp_path / "project"), one, "ops@example.org", NOW)
    assert (envelope.recipient, message.id.partition("@")[0]) == ("ops@example.org", one.id)
    head, _, body = message.data.partition(b"\r\n\r\n")
    assert "missed: 早" in base64.b64decode(body).decode()
    assert b"Subject: " in head
    assert message.data.count(b"\n") == message.data.count(b"\r\n")


def test_delivery_that_does_not_move_is_told_after_a_while(tmp_path: Path, database: Database) -> None:
    add_people(database, ["ana@example.org", "bo@example.org"], add_list(database))
    start_delivery(database, now=NOW)
    with receiver(200) as server:
        project = hooked(tmp_path / "project", server)
        assert [alert(project, database, NOW + timedelta(minutes=minute)) for minute in (0, 9, 11, 30)] == [0, 0, 1, 0]
        [(_, body)] = server.got
        assert json.loads(body)["data"]["text"] == (
            "Delivery delivery1 of first is stuck: nothing of it has moved for 10 minutes"
        )


def test_delivery_that_waits_for_deferred_recipients_is_not_stuck(tmp_path: Path, database: Database) -> None:
    add_people(database, ["ana@example.org"], add_list(database))
    start_delivery(database, now=NOW)
    with database.write() as connection:
        later = "UPDATE recipients SET state = 'deferred', next_at = '2026-11-26 10:00:00'"
        connection.exec_driver_sql(later)
    project = make_project(tmp_path / "project", ALERTS__EMAIL="ops@example.org")
    assert list(conditions(project, database, NOW)) == []


def test_times_of_schedules_that_sent_nothing_are_told_for_a_week(tmp_path: Path, database: Database) -> None:
    store = Occurrences(database)
    for days, turn in ((0, Turn.BEGUN), (1, Turn.NOTHING), (2, Turn.REFUSED), (3, Turn.MISSED)):
        store.record(Occurrence("every day 08:00", NOW + timedelta(days=days), turn, "why"), NOW, None)
    project = make_project(tmp_path / "project")
    kinds = [one.kind for one in conditions(project, database, NOW + timedelta(days=3, hours=1))]
    assert kinds == ["schedule.nothing", "schedule.refused", "schedule.missed"]
    assert list(conditions(project, database, NOW + timedelta(days=11))) == []


def test_scheduler_that_lost_its_lease_tells_nothing(tmp_path: Path, database: Database) -> None:
    halt(database)
    project = make_project(tmp_path / "project", ALERTS__EMAIL="ops@example.org")
    assert alert(project, database, NOW, Lease(SCHEDULER, 7)) == 0
    assert Alerts(database).due(NOW) == []


def test_signature_is_that_of_the_standard() -> None:
    """The example of the specification, Standard Webhooks 1.0."""
    headers = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "settings",
    [
        {"ALERTS__WEBHOOK": "https://example.org/hook"},
        {"ALERTS__WEBHOOK": "https://example.org/hook", "ALERTS__SECRET": "whsec_c2hvcnQ="},
        {"ALERTS__WEBHOOK": "ftp://example.org/hook", "ALERTS__SECRET": SECRET},
        {"ALERTS__EMAIL": "ops"},
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        make_project(tmp_path / "project", **settings)
