"""How emails leave and where they return to: `[smtp]`, `[[relays]]`, `[dkim]`, `[bounces]`."""

import re
import shlex
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from newsletter.config.section import Duration, Section, Texts, at_least
from newsletter.hostname import ascii_host

MAX_CONNECTIONS = 200
"""To one relay at the same time."""
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*")


class SmtpSection(Section):
    """The relay that messages are handed to."""

    host: str = "localhost"
    """Name or address of the relay."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 for STARTTLS, 465 for implicit TLS, 25 for a relay in your own network."""
    username: str = ""
    """Empty: no login."""
    password: SecretStr = SecretStr("")
    """Better in the environment: NEWSLETTER_SMTP__PASSWORD."""
    token_command: str = ""
    """A command that prints an OAuth 2.0 access token for `username`, in place of a password: for Gmail and
    Microsoft 365 (XOAUTH2). It runs at each login, without a shell.
    """
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (required, never in clear), `implicit`, or `none`, which is allowed only to a loopback address."""
    ca_file: str = ""
    """A PEM file of certificate authorities to trust instead of the system's."""
    force_clear: bool = False
    """Allow `tls = "none"` to a host that is not loopback. Messages and passwords can then be read on the way."""
    timeout: Annotated[Duration, at_least("1s")] = timedelta(seconds=60)
    """How long the relay may be silent before the final dot."""
    reply_timeout: Annotated[Duration, at_least("1s")] = timedelta(seconds=600)
    """How long the relay may take to reply after the final dot (RFC 5321, section 4.5.3.2.6: ten minutes)."""
    hello: str = ""
    """The host name in the greeting (EHLO); empty: this host's."""
    connections: int | None = Field(default=None, ge=1, le=MAX_CONNECTIONS)
    """Simultaneous connections to this relay; unset: as in `[sending]`."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        is_address = value.count(":") > 1  # IPv6
        if value and not (is_address or re.fullmatch(r"[A-Za-z0-9._-]+", value)):
            raise ValueError("this must be a host name alone, such as smtp.example.org; its port is the key port")
        return value

    @field_validator("token_command")
    @classmethod
    def _command(cls, value: str) -> str:
        value = value.strip()
        try:
            shlex.split(value)
        except ValueError as error:
            raise ValueError(f"this is not a command: {error}") from error
        return value


class RelaySection(SmtpSection):
    """Another relay, for when those before it take nothing: no connection, a failed login, "not now" to the sender. May
    be repeated; they are tried in this order. What may have been accepted is never given to another one. In the
    environment by number, as NEWSLETTER_RELAYS__1__PASSWORD."""

    host: str = Field(min_length=1)
    """Name or address of the relay."""


class DkimSection(Section):
    """Signatures by which receivers see that a message is yours and unchanged (DKIM)."""

    selectors: Texts = ()
    """The keys that sign every message, by their selectors; several sign together. Empty: messages leave unsigned, as
    for a relay that signs them. `newsletter dkim new` makes keys. In the environment: separated by commas.
    """
    domain: str = ""
    """The domain that signs, where the keys' DNS records are. Empty: the domain of `from`."""
    private_keys: SecretStr = SecretStr("")
    """The private keys in PEM, in the order of `selectors`, for a container that has no files `dkim/SELECTOR.pem`. Only
    in the environment: NEWSLETTER_DKIM__PRIVATE_KEYS. A line end may be written as `\\n`.
    """

    @field_validator("selectors")
    @classmethod
    def _selectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for selector in value:
            if not is_dns_name(selector):
                raise ValueError(f"{selector!r} is no selector; one looks like rsa2026")
        return value

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        host = ascii_host(value)
        if value and not is_dns_name(host):
            raise ValueError(f"{value!r} is no domain; one looks like example.org")
        return host


class BouncesSection(Section):
    """Where undeliverable messages return to."""

    address: str = ""
    """The mailbox for bounces; each message returns to `mailbox+token@domain`. Empty: bounces@ the domain of `from`;
    with a plain return path the address in `from`.
    """
    return_path: Literal["verp", "plain"] = "verp"
    """`verp`: each message has a return path of its own, so that a bounce names its recipient. `plain`: all return to
    the mailbox as it is, for relays that let you send from your own address only. A bounce then names its recipient
    only where it returns the header of the message.
    """
    maildir: str = ""
    """The Maildir into which that mailbox is delivered: `newsletter serve`, or `scheduler`, reads it every minute.
    Empty: only `newsletter bounces read` does."""
    unmatched: str = ""
    """The folder for emails that match no recipient. Empty: `unmatched/` in the Maildir."""


def is_dns_name(text: str) -> bool:
    """Whether it can be a host or a selector of DKIM (RFC 6376, section 3.1)."""
    return _DNS_NAME.fullmatch(text) is not None
