"""When and how deliveries are sent, and who is told of trouble: `[sending]`, `[[schedules]]`, `[alerts]`."""

import base64
import re
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from newsletter.audience.address import parse_address
from newsletter.config.relay import MAX_CONNECTIONS
from newsletter.config.section import Duration, Section, Texts, at_least, known_zone
from newsletter.delivery.ledger.rate import read_rates, read_warm_up
from newsletter.errors import AddressError
from newsletter.recurrence import Recurrence, read_cron, read_words


class SendingSection(Section):
    """How deliveries are sent."""

    connections: int = Field(default=4, ge=1, le=MAX_CONNECTIONS)
    """Simultaneous connections to the relay, unless `[smtp]` sets its own number."""
    lease: Annotated[Duration, at_least("3s")] = timedelta(seconds=30)
    """How long a worker keeps its claims without a renewal; it renews after a third of this time."""
    unknown: Literal["hold", "resend"] = "hold"
    """What to do with a message whose reply was lost: `hold` lists it for an operator, `resend` sends it again once.

    A resent message is listed too. If it fails or its reply is lost again, it waits for an operator.
    """
    max_lateness: Annotated[Duration, at_least("1m")] = timedelta(hours=6)
    """A scheduled delivery that would start later than this is missed: it waits for an operator instead."""
    expiry: Annotated[Duration, at_least("1m")] = timedelta(hours=48)
    """How long a deferred message is retried, from its first deferral, or from when the delivery was last resumed."""
    rate: str = ""
    """The most messages in a time, as in `"14/second"`, `"5000/hour"` or `"30/minute, 10000/day"`: of all workers of
    this database together, proofs apart. Or a name: `gmail`, `google-workspace`, `microsoft365`, `ses-sandbox`. Empty:
    no limit. A delivery that would take longer than `expiry` is refused.
    """
    warm_up: str = ""
    """A limit of a day that grows, for a domain or relay from which little was sent before, as in `"cautious from
    2026-12-01"`: the first day, in UTC. `cautious` begins with 50 messages and adds a half every day, `doubling` begins
    with 200. It is over after 18 or 13 days. An issue that takes several days needs a longer `expiry`.
    """
    retry: Annotated[Duration, at_least("1s")] = timedelta(minutes=5)
    """Pause before the first retry; doubles up to four hours."""

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        read_rates(value)
        return value.strip()

    @field_validator("warm_up")
    @classmethod
    def _warm_up(cls, value: str) -> str:
        read_warm_up(value)
        return value.strip()


class ScheduleSection(Section):
    """A time that recurs: the oldest issue whose date has come and that was never sent is sent then. May be repeated.
    An issue that names its own time (`send: {at: …}`) is left out, and one for other lists."""

    at: str = ""
    """In words: `"every Thursday 09:00"`, `"every weekday 08:30"`, `"every first Monday 09:00"`, `"every 15th 9:00"`"""
    cron: str = ""
    """In place of `at`, the five fields of a crontab: `"0 9 * * thu"`."""
    list: Texts = Field(min_length=1)
    """The list, or several in `[]`, that it is sent to; the lists that an issue names, where they are among these."""
    timezone: str = ""
    """The time zone of `at`; empty: the newsletter's."""
    since: date | None = None
    """Issues dated earlier are never sent by it. Set it where `issues/` holds issues that were sent by another tool."""

    @field_validator("at", "cron")
    @classmethod
    def _time(cls, value: str, info: ValidationInfo) -> str:
        if value:
            (read_words if info.field_name == "at" else read_cron)(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value) if value else value

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if bool(self.at) == bool(self.cron):
            raise ValueError("name its time, either with `at` or with `cron`")
        return self

    @property
    def recurrence(self) -> Recurrence:
        """When it recurs."""
        return read_words(self.at) if self.at else read_cron(self.cron)


class AlertsSection(Section):
    """Whom to tell, once, when a delivery is missed, paused, halted or stuck, when a schedule sends nothing, and of
    a flood of sign-ups."""

    email: Texts = ()
    """Addresses that get an email, through the relay of `[smtp]`."""
    webhook: str = ""
    """A URL that gets a signed POST (Standard Webhooks)."""
    secret: SecretStr = SecretStr("")
    """What signs it: `whsec_` and 24 to 64 bytes in Base64. Better in the environment: NEWSLETTER_ALERTS__SECRET."""
    stuck: Annotated[Duration, at_least("1m")] = timedelta(minutes=10)
    """How long nothing of a delivery may move before it counts as stuck."""

    bounces: float = Field(default=5, ge=0, le=100)
    """The share of a delivery's messages, in percent, of which more must not come back. 0: never told."""
    complaints: float = Field(default=0.1, ge=0, le=100)
    """The share of a delivery's messages, in percent, about which not more readers may complain. 0: never told."""

    @field_validator("email")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                parse_address(address)
            except AddressError as error:
                raise ValueError(f"{address!r} is no address: {error}") from error
        return value

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.webhook and not re.fullmatch(r"https?://[^\s@]+", self.webhook):
            raise ValueError("webhook: this must be an http(s) URL without a user name")
        try:
            key = base64.b64decode(self.secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if self.webhook and not 24 <= len(key) <= 64:
            raise ValueError("secret: a webhook needs `whsec_` and 24 to 64 bytes in Base64: openssl rand -base64 32")
        return self
