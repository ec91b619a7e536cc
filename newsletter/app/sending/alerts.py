"""Alerts: what an operator must see is told once, by email or signed webhook: missed, halted, stuck, flooded.

What is to be told follows from rows, so that it is told whichever process noticed; the leader's scheduler calls this in
a thread of its own, beside the start of deliveries. Texts name no subscriber.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import HTTPErrorProcessor, Request, build_opener

from newsletter.app.audience.signup import floods
from newsletter.app.composing import ungated
from newsletter.app.project import Project
from newsletter.app.sending.notices import signup_rules
from newsletter.app.sending.relay import transport_for
from newsletter.app.sending.series import stopped_steps
from newsletter.audience.address import parse_address
from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.headers import exact, named, text, write_headers
from newsletter.delivery.compose.message import Message
from newsletter.delivery.compose.wire import check_lines
from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.outcome import Accepted
from newsletter.errors import NewsletterError, RelayConnectionError
from newsletter.feedback.found import ReturnKind
from newsletter.feedback.rules import rules
from newsletter.storage.audience.returned import returned_since
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.counters import count_states, work_left
from newsletter.storage.ledger.deliveries import Deliveries, Lease, read_delivery
from newsletter.storage.ledger.pace import StoredPace
from newsletter.storage.scheduling.alerts import Alert, Alerts, Condition
from newsletter.storage.scheduling.occurrences import Occurrences, Turn

log = logging.getLogger("newsletter.alerts")

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1))
"""Before an alert that failed is tried again; after the last one it is given up."""
_RECENT = timedelta(days=7)
"""How long a time of a schedule that sent nothing is worth an alert."""
_TIMEOUT = 10.0
_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_WORDS = {Turn.MISSED: "was missed", Turn.NOTHING: "sent nothing", Turn.REFUSED: "sent nothing"}


def alert(project: Project, database: Database, now: datetime, lease: Lease | None = None) -> int:
    """Note what is to be told, and tell it; how many alerts were told. Without an address or URL it does nothing.

    An alert that fails is logged and tried again a few times. Raises StorageError.
    """
    ways = _ways(project)
    if not ways:
        return 0
    store, told = Alerts(database), 0
    if not store.note({one.key: one for one in conditions(project, database, now)}, now, lease):
        return 0
    for one in store.due(now):
        done = one.told | {name for name, way in ways.items() if name not in one.told and _is_told(way, one, name, now)}
        is_done = done >= ways.keys()
        told += is_done
        pause = None if is_done or one.tries >= len(PAUSES) else PAUSES[one.tries]
        if not is_done and pause is None:
            log.error("alert=%s is given up after %s tries", one.key, one.tries + 1)
        store.tried(one.key, done, None if pause is None else now + pause)
    return told


def conditions(project: Project, database: Database, now: datetime) -> Iterator[Condition]:
    """All that an operator must see now, as rows show it."""
    pauses = StoredPace(database).pauses()
    for one in Deliveries(database).all():
        if one.state.waits_for_a_person:
            yield _about(one, one.state.value, f"is {one.state}: {one.reason}")
        elif one.state.is_under_way:
            mine = [pause for pause in pauses if pause.delivery in ("", one.id)]
            for halted in (pause for pause in mine if pause.until is None and pause.share):
                yield _about(
                    one, "share-halted", f"sends nothing more to {halted.share}: {halted.reason}", halted.share
                )
            if not any(pause.share == "" and (pause.until is None or pause.until > now) for pause in mine):
                yield from _stuck(database, one, now, project.config.alerts.stuck)
    yield from _shares(project, database, now)
    for step, reason in stopped_steps(project, database, now):
        said = _ADDRESS.sub("[address]", f"The step {step.issue} of a series takes on nobody: {reason}")
        yield Condition(f"step {step.issue} {step.delivery}", "series.stopped", said, step.delivery)
    with database.read() as connection:
        for name, said in floods(connection, signup_rules(project), now):
            yield Condition(f"sign-ups {name}", "signups.flood", said)
    for turn in Occurrences(database).since(now - _RECENT):
        if turn.outcome in _WORDS:
            at = f"{turn.at.astimezone(project.zone):%Y-%m-%d %H:%M %Z}"
            said = f"The schedule {turn.schedule} {_WORDS[turn.outcome]} at {at}: {turn.note}"
            key = f"schedule {turn.schedule} {turn.at.isoformat()}"
            yield Condition(key, f"schedule.{turn.outcome}", _ADDRESS.sub("[address]", said))


def _shares(project: Project, database: Database, now: datetime) -> Iterator[Condition]:
    """Deliveries of which more comes back, or about which more complain, than `[alerts]` says."""
    settings, least = project.config.alerts, rules()["alerts"]
    with database.read() as connection:
        for delivery, found in returned_since(connection, now - _RECENT).items():
            one, accepted = read_delivery(connection, delivery), count_states(connection, delivery)
            sent = accepted.get(RecipientState.ACCEPTED, 0)
            bounces = sum(count for kind, count in found.items() if kind.is_bounce)
            complaints = found.get(ReturnKind.COMPLAINT, 0)
            for what, count, most in (
                ("bounces", bounces, settings.bounces),
                ("complaints", complaints, settings.complaints),
            ):
                if most and count >= least[what] and count * 100 > most * sent:
                    share = f"{count} of {sent} messages, more than {most:g} %"
                    yield _about(one, what, f"has many {what}: {share}")


def _stuck(database: Database, delivery: Delivery, now: datetime, patience: timedelta) -> Iterator[Condition]:
    """A delivery of which nothing moves: a condition that becomes another one whenever something does."""
    with database.read() as connection:
        left = work_left(connection, delivery.id, now, most=1)
        counts = count_states(connection, delivery.id)
    if left.due or left.held or left.is_to_finish:
        open_ones = sum(counts.get(state, 0) for state in (RecipientState.WAITING, RecipientState.DEFERRED))
        said = f"is stuck: nothing of it has moved for {round(patience.total_seconds() / 60)} minutes"
        yield _about(delivery, "stuck", said, f"{sum(counts.values())} {open_ones}", patience)


def _about(delivery: Delivery, what: str, said: str, which: str = "", patience: timedelta = timedelta()) -> Condition:
    key = f"{what} {delivery.id} {which}".strip()
    words = _ADDRESS.sub("[address]", f"Delivery {delivery.id} of {delivery.issue} {said}")
    return Condition(key, f"delivery.{what}", words, delivery.id, patience)


def _ways(project: Project) -> dict[str, Callable[[Alert, datetime], None]]:
    """Each way that is configured, by its name."""
    settings = project.config.alerts
    ways: dict[str, Callable[[Alert, datetime], None]] = {}
    for number, address in enumerate(settings.email):
        ways[f"email {number}"] = lambda one, now, to=address: _send_email(project, one, to, now)  # type: ignore[misc]
    if settings.webhook:
        secret = settings.secret.get_secret_value()
        ways["webhook"] = lambda one, now: _post(settings.webhook, secret, one, now)
    return ways


def _is_told(way: Callable[[Alert, datetime], None], one: Alert, name: str, now: datetime) -> bool:
    try:
        way(one, now)
    except (NewsletterError, OSError, HTTPException) as error:
        log.warning("alert=%s could not be told by %s: %s", one.key, name, error)
        return False
    log.info("alert=%s told by %s", one.key, name)
    return True


def _send_email(project: Project, one: Alert, to: str, now: datetime) -> None:
    """Raises NewsletterError unless the relay accepts it."""
    envelope, message = compose_alert(project, one, to, now)

    async def send() -> None:
        transport = transport_for(project.config)
        try:
            outcome = await transport.send(envelope, message, ungated)
        finally:
            await transport.close()
        if not isinstance(outcome, Accepted):
            raise RelayConnectionError(f"the relay did not take it: {outcome}")

    asyncio.run(send())


def compose_alert(project: Project, one: Alert, to: str, now: datetime) -> tuple[Envelope, Message]:
    """The email of an alert, in plain text."""
    identity, recipient = project.identity, parse_address(to)
    seen = "" if one.kind.startswith("signups.") else f"deliveries {f'show {one.delivery}' if one.delivery else 'list'}"
    words = f"{one.text}\n\nSee: {f'newsletter {seen}' if seen else 'the log, lines that begin with sign-ups:'}\n"
    id_ = f"{one.id}@{identity.from_address.rpartition('@')[2]}"
    headers = [
        named("From", identity.from_name, identity.from_address),
        named("To", "", recipient.text),
        text("Subject", f"[{identity.newsletter or 'newsletter'}] {one.kind.replace('.', ' ')}"),
        exact("Date", *f"{now:%a, %d %b %Y %H:%M:%S} +0000".split()),
        exact("Message-ID", f"<{id_}>"),
        exact("Auto-Submitted", "auto-generated"),
        exact("MIME-Version", "1.0"),
        exact("Content-Type", "text/plain;", "charset=utf-8"),
        exact("Content-Transfer-Encoding", "base64"),
    ]
    data = write_headers(headers) + b"\r\n" + base64.encodebytes(words.encode()).replace(b"\n", b"\r\n")
    check_lines(data)
    message = Message(id_, data, hashlib.sha256(data).hexdigest())
    return Envelope(identity.from_address, recipient.text, recipient.needs_smtputf8), message


class _NoRedirect(HTTPErrorProcessor):
    """Every answer as it is: a redirected POST would become a GET."""

    def http_response(self, request: Request, response):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """The answer."""
        return response

    https_response = http_response


def _post(url: str, secret: str, one: Alert, now: datetime) -> None:
    """Raises OSError or HTTPException unless the answer is a 2xx."""
    data = {"text": one.text, "delivery": one.delivery or None}
    body = json.dumps({"type": one.kind, "timestamp": one.since.isoformat(), "data": data}).encode()
    headers = {"Content-Type": "application/json", **sign(secret, one.id, int(now.timestamp()), body)}
    request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked in the configuration
    with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as response:
        if not 200 <= response.status < 300:
            raise URLError(f"the answer is {response.status}")


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a signed webhook (Standard Webhooks 1.0, "signature scheme"). `secret`: `whsec_` and Base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signed = f"v1,{base64.b64encode(signature).decode()}"
    return {"webhook-id": id_, "webhook-timestamp": str(timestamp), "webhook-signature": signed}
