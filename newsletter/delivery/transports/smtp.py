"""The way out over SMTP (RFC 5321): a pool of connections to one relay, each message in lock-step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from newsletter.delivery.envelope import Envelope
from newsletter.delivery.message import Message
from newsletter.delivery.outcome import Outcome
from newsletter.delivery.transport import Permit


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The relay and how to talk to it. Durations in seconds."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """PEM file of authorities to trust instead of the system's; empty: the system's."""
    force_clear: bool = False
    """Allow `none` to a host that is not loopback, and a login in clear."""
    timeout: float = 60.0
    """How long the relay may be silent before the final dot."""
    reply_timeout: float = 600.0
    """How long it may think after the final dot (RFC 5321, section 4.5.3.2.6: ten minutes)."""
    hello: str = ""
    """The name we greet with; empty: this host's."""
    connections: int = 4
    """How many are open at most; more `send`s than that wait for one."""
    messages_per_connection: int = 100
    """After so many a connection is closed in peace and another one opened."""


class SmtpTransport:
    """A Transport to one relay. Raises ConfigError when the settings would send mail or a password in clear."""

    def __init__(self, settings: SmtpSettings) -> None:
        raise NotImplementedError

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Hand one message over on a free connection, opening one if need be."""
        raise NotImplementedError

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        raise NotImplementedError
