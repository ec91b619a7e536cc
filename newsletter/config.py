"""Config: newsletter.toml plus environment, validated whole, every key documented. Read once; handed on in pieces.

`docs/reference/config.md` is made from this file. An environment variable names section and key joined by two
underscores: `NEWSLETTER_SMTP__HOST`. After start-up no module reads the environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from newsletter.compiler.edition import Identity
from newsletter.delivery.retry import RetryPolicy
from newsletter.errors import ConfigError

FILE = "newsletter.toml"
PREFIX = "NEWSLETTER_"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, str) and re.fullmatch(r"\d+(?:\.\d+)?", value.strip()):
        return timedelta(seconds=float(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, timedelta):
        return value
    raise ValueError('a duration looks like "30s", "5m", "6h" or "2d"; a bare number is seconds')


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class NewsletterSection(_Section):
    """The periodical and who sends it."""

    name: str = ""
    """The newsletter's name, as readers know it."""
    from_: str = Field(default="", alias="from")
    """Who the mail comes from: `"Name <address>"` or an address."""
    reply_to: str = ""
    """Where answers go; empty: to the sender."""
    legal_name: str = ""
    """Who is responsible by law; shown in the footer."""
    postal_address: str = ""
    """A postal address; most countries ask for one in every mail. Shown in the footer."""
    contact: str = ""
    """An address or URL for readers with questions."""
    imprint: str = ""
    """URL of the legal notice, where one is asked for."""
    language: str = "en"
    """The language of a new issue, and of public pages where neither the mail nor the browser says one."""
    timezone: str = "UTC"
    """The time zone meant by `--at` without one."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {value!r}; one looks like Europe/Berlin") from error
        return value


class DatabaseSection(_Section):
    """Where people and the ledger are kept."""

    url: str = Field(default="sqlite:///newsletter.db", repr=False)
    """`sqlite:///file` (relative to the project) or `postgresql://user:password@host/name`. May hold a password."""


class SmtpSection(_Section):
    """The relay that takes our mail."""

    host: str = "localhost"
    """Name or address of the relay."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 for STARTTLS, 465 for implicit TLS, 25 for a relay of our own."""
    username: str = ""
    """Empty: no login."""
    password: SecretStr = SecretStr("")
    """Better in the environment: NEWSLETTER_SMTP__PASSWORD."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (refused in clear), `implicit`, or `none`, which is allowed only to a loopback address."""
    ca_file: str = ""
    """A PEM file of certificate authorities to trust instead of the system's."""
    force_clear: bool = False
    """Allow `tls = "none"` to a host that is not loopback. Mail and passwords are then readable on the way."""
    timeout: Duration = timedelta(seconds=60)
    """How long the relay may be silent before the final dot."""
    reply_timeout: Duration = timedelta(seconds=600)
    """How long it may think after the final dot (RFC 5321 asks for ten minutes)."""
    hello: str = ""
    """The name we greet with; empty: this host's."""


class SendingSection(_Section):
    """How deliveries leave."""

    connections: int = Field(default=4, ge=1, le=200)
    """Connections to the relay at the same time."""
    lease: Duration = timedelta(seconds=30)
    """How long a silent worker is believed; renewed at a third."""
    unknown: Literal["hold", "resend"] = "hold"
    """What becomes of a message whose reply was lost: listed for a person, or sent again (and listed)."""
    max_lateness: Duration = timedelta(hours=6)
    """A schedule later than this becomes missed and waits for a person."""
    expiry: Duration = timedelta(hours=48)
    """How long a deferred message is tried."""
    retry: Duration = timedelta(minutes=5)
    """Pause before the first retry; doubles up to four hours."""


class PublicSection(_Section):
    """The pages readers meet."""

    url: str = "http://localhost:8000"
    """Where `newsletter serve` is reached from outside; links and images in mails start with it."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError("must be an http(s) URL without query, such as https://news.example.org")
        return value.rstrip("/")


class BouncesSection(_Section):
    """Where mail that could not be delivered comes back to."""

    address: str = ""
    """The mailbox for bounces; each message returns to `mailbox+token@domain`. Empty: bounces@ the domain of `from`."""


class Config(_Section):
    """The whole configuration."""

    newsletter: NewsletterSection = NewsletterSection()
    database: DatabaseSection = DatabaseSection()
    smtp: SmtpSection = SmtpSection()
    sending: SendingSection = SendingSection()
    public: PublicSection = PublicSection()
    bounces: BouncesSection = BouncesSection()

    @property
    def retry_policy(self) -> RetryPolicy:
        """What `[sending]` says about trying again."""
        return RetryPolicy(first=self.sending.retry, expiry=self.sending.expiry)


def load_config(folder: Path, environment: Mapping[str, str]) -> Config:
    """Read newsletter.toml (if there is one) and the environment over it. Raises ConfigError with every problem."""
    file = folder / FILE
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}", hint="TOML wants text in quotes and one key a line") from error
    merged: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in written.items()}
    sources: dict[tuple[str, str], str] = {}
    for name, value in sorted(environment.items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and key and isinstance(merged.setdefault(section, {}), dict):
            merged[section][key] = value
            sources[section, key] = name
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(
            "The configuration does not hold together", problems=_explain(error, file, sources)
        ) from error


def _explain(error: ValidationError, file: Path, sources: Mapping[tuple[str, str], str]) -> list[str]:
    lines = []
    for item in error.errors(include_url=False, include_input=False):  # an input may be a secret
        loc = tuple(str(part) for part in item["loc"])
        source = sources.get((loc[0], loc[1]), str(file)) if len(loc) > 1 else str(file)
        message = "there is no such key" if item["type"] == "extra_forbidden" else item["msg"]
        lines.append(f"{source}: {'.'.join(loc)}: {message.removeprefix('Value error, ')}")
    return lines


def identity_of(section: NewsletterSection) -> Identity:
    """The sender identity that `[newsletter]` describes; what is missing is found by delivery's checks."""
    match = re.fullmatch(r'\s*(?:"?(?P<name>[^"<]*?)"?\s*)<(?P<address>[^<>]+)>\s*', section.from_)
    name, address = (match["name"], match["address"]) if match else ("", section.from_.strip())
    return Identity(
        newsletter=section.name,
        from_name=name or section.name,
        from_address=address.strip(),
        reply_to=section.reply_to,
        legal_name=section.legal_name,
        postal_address=section.postal_address,
        contact=section.contact,
        imprint=section.imprint,
    )
