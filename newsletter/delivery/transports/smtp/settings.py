"""The relay's settings, and the refusal to send email or passwords in clear."""

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from typing import Literal

from newsletter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Durations in seconds. Defaults: `config/relay.py`."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    username: str
    password: str = field(repr=False)
    token_command: str
    """Prints an access token (OAuth 2.0) for each login, in place of the password."""
    ca_file: str
    """PEM file of authorities to trust instead of the system's; empty: the system's."""
    force_clear: bool
    """Allow `none` to a host that is not loopback, and a login in clear."""
    timeout: float
    """How long the relay may be silent before the final dot."""
    reply_timeout: float
    """How long it may think after the final dot (RFC 5321, section 4.5.3.2.6: ten minutes)."""
    hello: str
    """The name we greet with; empty: this host's."""
    connections: int
    """The most that are open at a time; further `send`s wait for one."""
    section: str = "[smtp]"
    """Where it is configured."""
    messages_per_connection: int = 100
    """After these a connection is closed with QUIT and another one opened."""
    connection_age: float = 300.0
    """The same after so many seconds."""
    connection_idle: float = 20.0
    """After so many seconds without a message a connection is closed with QUIT."""


def check_settings(settings: SmtpSettings) -> None:
    """Raise ConfigError for what cannot work, and for what would send email or a password in clear."""
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", settings.host):
        raise ConfigError(f"{settings.section} host: {settings.host!r} is not the name or address of a relay")
    if settings.hello and not re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,255}", settings.hello):
        raise ConfigError(f"{settings.section} hello: must be a host name such as mail.example.org")
    if settings.token_command and not settings.username:
        raise ConfigError(f"{settings.section} token_command needs a username: the account for which the token is")
    if settings.tls != "none" or settings.force_clear:
        return
    if not is_loopback(settings.host):
        raise ConfigError(
            f'{settings.section} tls = "none" to {settings.host}: email would be readable on the way',
            hint='Use "starttls" or "implicit"; `force_clear = true` if the network is safe',
        )
    if settings.username:
        raise ConfigError(
            f'{settings.section} username needs TLS: with tls = "none" the password would be readable on the way',
            hint="Remove the username, use TLS, or set `force_clear = true`",
        )


def is_loopback(host: str) -> bool:
    """Whether the connection to this host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    """The context that verifies the relay; None without TLS. Raises ConfigError for an unusable `ca_file`."""
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:  # also ssl.SSLError
        raise ConfigError(
            f"{settings.section} ca_file: {settings.ca_file}: {error.strerror or error}",
            hint="It must be a PEM file of certificate authorities",
        ) from error
