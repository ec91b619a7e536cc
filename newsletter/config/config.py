"""All sections together."""

import re
from typing import get_args
from urllib.parse import unquote

from pydantic import BaseModel, Field, SecretStr

from newsletter.config.checks import ChecksSection
from newsletter.config.newsletter import NewsletterSection, PrivacySection, PublicSection, SignupSection
from newsletter.config.relay import BouncesSection, DkimSection, RelaySection, SmtpSection
from newsletter.config.section import Section
from newsletter.config.sending import AlertsSection, ScheduleSection, SendingSection
from newsletter.config.watching import LoggingSection, MetricsSection
from newsletter.delivery.ledger.rate import Rate, read_rates, read_warm_up
from newsletter.delivery.ledger.retry import RetryPolicy

_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*:([^/?#]*)@")


class DatabaseSection(Section):
    """Where subscribers and the ledger are stored."""

    url: str = Field(default="sqlite:///newsletter.db", repr=False)
    """`sqlite:///file` (relative to the project) or `postgresql://user:password@host/name`. May hold a password."""
    adopt: str = ""
    """The identity of the database to send from, for a container whose disk does not last: as `newsletter db adopt`."""


class Config(Section):
    """The whole configuration."""

    newsletter: NewsletterSection = Field(default_factory=NewsletterSection)
    database: DatabaseSection = Field(default_factory=DatabaseSection)
    smtp: SmtpSection = Field(default_factory=SmtpSection)
    sending: SendingSection = Field(default_factory=SendingSection)
    public: PublicSection = Field(default_factory=PublicSection)
    bounces: BouncesSection = Field(default_factory=BouncesSection)
    signup: SignupSection = Field(default_factory=SignupSection)
    privacy: PrivacySection = Field(default_factory=PrivacySection)
    dkim: DkimSection = Field(default_factory=DkimSection)
    checks: ChecksSection = Field(default_factory=ChecksSection)
    alerts: AlertsSection = Field(default_factory=AlertsSection)
    metrics: MetricsSection = Field(default_factory=MetricsSection)
    logging: LoggingSection = Field(default_factory=LoggingSection)
    relays: tuple[RelaySection, ...] = ()
    schedules: tuple[ScheduleSection, ...] = ()

    @property
    def all_relays(self) -> tuple[SmtpSection, ...]:
        """That of `[smtp]`, then those of `[[relays]]`."""
        return (self.smtp, *self.relays)

    def connections_to(self, relay: SmtpSection) -> int:
        """How many connections to a relay may be open at the same time."""
        return relay.connections or self.sending.connections

    @property
    def connections(self) -> int:
        """The same to the relay of `[smtp]`, to which as a rule all is sent."""
        return self.connections_to(self.smtp)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """How many messages may be begun in which times; empty: any number."""
        rates = read_rates(self.sending.rate)
        warm_up = read_warm_up(self.sending.warm_up, rates)
        # Its limit of a day takes the place of the one in `rate`.
        return rates if warm_up is None else (*(one for one in rates if one.unit != warm_up.unit), warm_up)

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a deferred message is retried, from `[sending]`."""
        return RetryPolicy(first=self.sending.retry, expiry=self.sending.expiry)


def sections_of(config: type[BaseModel] = Config) -> dict[str, tuple[type[BaseModel], bool]]:
    """Each section with its model, and whether it may be repeated: `[[schedules]]`."""
    found = {name: (get_args(field.annotation) or (field.annotation,)) for name, field in config.model_fields.items()}
    return {name: (types[0], len(types) > 1) for name, types in found.items()}  # tuple[Section, ...]


def secret_values(section: BaseModel, path: str = "") -> dict[str, str]:
    """Every password of a configuration by its key, as `smtp.password`: also those inside URLs."""
    found: dict[str, str] = {}
    for name, value in section:
        key = f"{path}{name}"
        if isinstance(value, SecretStr):
            found[key] = value.get_secret_value()
        elif isinstance(value, BaseModel):
            found |= secret_values(value, f"{key}.")
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value):
                found |= secret_values(item, f"{key}[{number}].") if isinstance(item, BaseModel) else {}
        elif isinstance(value, str) and (match := _URL_PASSWORD.match(value)):
            found[key] = unquote(match[1])
    return {key: value for key, value in found.items() if value}
