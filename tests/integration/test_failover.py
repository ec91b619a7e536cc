"""Several relays: what one certainly did not take, the next one gets; what may have been accepted stays where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mailing import granted, letter, refused, relay
from recording_server import recording_server

from newsletter.app.project import Project
from newsletter.app.sending.relay import transport_for
from newsletter.config import Config, load_config, secret_values
from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.classification import Stage
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply, Unknown, outcome_of
from newsletter.delivery.transport import Permit
from newsletter.delivery.transports.failover import FailoverTransport, Way
from newsletter.delivery.transports.smtp.pool import SmtpTransport
from newsletter.errors import (
    ConfigError,
    NewsletterError,
    PermitRefusedError,
    RelayBusyError,
    RelayConnectionError,
    RelayLoginError,
    RelayTimeoutError,
)

OK = Accepted(Reply(250, "2.0.0", "queued"))
NOT_NOW = outcome_of(Reply(450, "4.7.1", "too many messages"), Stage.MAIL)
NO_SENDER = outcome_of(Reply(550, "5.7.1", "sender not allowed"), Stage.MAIL)


@dataclass
class Relay:
    """Does one thing with every message."""

    does: Outcome | NewsletterError = OK
    asks: bool = True
    seen: int = 0
    is_closed: bool = False

    async def send(self, _envelope: Envelope, _message: Message, permit: Permit) -> Outcome:
        self.seen += 1
        if self.asks and not await permit():
            raise PermitRefusedError("no")
        if isinstance(self.does, NewsletterError):
            raise self.does
        return self.does

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Relays:
    """Several of them, and a clock."""

    relays: Sequence[Relay]
    now: float = 0.0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        ways = [Way(f"relay{number}", one) for number, one in enumerate(self.relays, 1)]
        self.transport = FailoverTransport(ways, self.told.append, clock=lambda: self.now)

    def send(self, permit: Permit = granted) -> Outcome:
        return asyncio.run(self.transport.send(*letter(), permit))

    @property
    def seen(self) -> list[int]:
        return [one.seen for one in self.relays]


BEFORE_THE_PERMIT = [
    RelayConnectionError("refused"), RelayTimeoutError("silent"), RelayLoginError("535"), RelayBusyError("421"),
    NOT_NOW, NO_SENDER,
]  # fmt: skip


@pytest.mark.parametrize("does", BEFORE_THE_PERMIT)
def test_relay_that_took_nothing_is_followed_by_the_next(does: Outcome | NewsletterError) -> None:
    relays = Relays([Relay(does, asks=False), Relay()])
    assert relays.send() == OK
    assert relays.seen == [1, 1]
    assert relays.told == [f"relay1 takes nothing and is passed over for 10 s: {does}"]


@pytest.mark.parametrize(
    "does",
    [
        Unknown("lost after the dot"),
        outcome_of(Reply(451, "4.3.0", "later"), Stage.DOT),
        outcome_of(Reply(550, "5.1.1", "no such user"), Stage.RCPT),
        outcome_of(Reply(450, "4.2.0", "greylisted"), Stage.RCPT),
    ],
)
def test_what_a_relay_said_of_the_message_is_never_asked_elsewhere(does: Outcome) -> None:
    for asks in (True, False):
        relays = Relays([Relay(does, asks=asks), Relay()])
        assert relays.send() == does
        assert relays.seen == [1, 0]


@pytest.mark.parametrize("does", BEFORE_THE_PERMIT)
def test_message_with_a_permit_stays_with_its_relay(does: Outcome | NewsletterError) -> None:
    relays = Relays([Relay(does), Relay()])
    if isinstance(does, NewsletterError):
        with pytest.raises(type(does)):
            relays.send()
    else:
        assert relays.send() == does
    assert relays.seen == [1, 0]


def test_refused_permit_ends_the_message() -> None:
    relays = Relays([Relay(), Relay()])
    with pytest.raises(PermitRefusedError):
        relays.send(refused)
    assert (relays.seen, relays.told) == ([1, 0], [])


def test_each_relay_is_passed_over_for_longer_and_longer_until_it_works() -> None:
    first = Relay(RelayConnectionError("refused"), asks=False)
    relays = Relays([first, Relay()])
    tries = []
    for second in range(0, 200, 2):
        relays.now, before = float(second), first.seen
        assert relays.send() == OK
        tries += [second] if first.seen > before else []
    assert tries == [0, 10, 30, 70, 150]
    first.does, first.asks, relays.now = OK, True, 310.0
    relays.send()
    assert relays.send() == OK
    assert relays.seen[0] == 7


def test_when_none_takes_anything_the_last_ones_answer_counts() -> None:
    relays = Relays([Relay(RelayConnectionError("refused"), asks=False), Relay(NOT_NOW, asks=False)])
    assert relays.send() == NOT_NOW
    relays.now = 1.0  # both are passed over: one of them is tried, not each for every message
    with pytest.raises(RelayConnectionError):
        relays.send()
    assert relays.seen == [2, 1]


def test_a_real_relay_takes_what_a_closed_port_did_not(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        closed = SmtpTransport(relay("127.0.0.1", 1, tls="none"))
        open_ = SmtpTransport(relay(server.host, server.port, tls="none"))
        transport = FailoverTransport([Way("closed", closed), Way("open", open_)], lambda _: None)

        async def run() -> list[Outcome]:
            sent = await asyncio.gather(*(transport.send(*letter(f"r{n}@example.com"), granted) for n in range(8)))
            await transport.close()
            return sent

        assert all(isinstance(one, Accepted) for one in asyncio.run(run()))
        assert len(server.messages()) == 8


def test_configuration_names_them_in_order(tmp_path: Path) -> None:
    text = '[smtp]\nhost = "one.example"\n\n[[relays]]\nhost = "two.example"\nconnections = 2\nusername = "me"\n'
    (tmp_path / "newsletter.toml").write_text(text, encoding="utf-8")
    environment = {"RELAYS__1__PASSWORD": "hush", "RELAYS__2__HOST": "three.example"}
    config = load_config(tmp_path, {f"NEWSLETTER_{key}": value for key, value in environment.items()})
    assert [one.host for one in config.all_relays] == ["one.example", "two.example", "three.example"]
    assert config.relays[0].password.get_secret_value() == "hush"
    assert "hush" not in repr(config)
    assert secret_values(config) == {"relays[0].password": "hush"}
    assert [config.connections_to(one) for one in config.all_relays] == [4, 2, 4]
    assert isinstance(transport_for(config), FailoverTransport)
    assert isinstance(transport_for(Config()), SmtpTransport)
    local = load_config(tmp_path, {"NEWSLETTER_SMTP__HOST": "localhost"})
    assert Project(tmp_path, local).real_relay == "two.example"


def test_relay_without_a_host_or_in_clear_is_refused(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("[[relays]]\nport = 25\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {})
    assert "relays[0].host: this is missing" in str(caught.value.problems)
    (tmp_path / "newsletter.toml").write_text('[[relays]]\nhost = "two.example"\ntls = "none"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\[\[relays\]\] tls"):
        transport_for(load_config(tmp_path, {}))
