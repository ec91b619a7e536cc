"""What an operator watches: `[metrics]`, `[logging]`."""

from typing import Literal

from pydantic import SecretStr, field_validator

from newsletter.config.section import Section

_LEAST = 16


class MetricsSection(Section):
    """`/metrics` of `newsletter serve` and `web`, for Prometheus."""

    token: SecretStr = SecretStr("")
    """What a monitor must send: `Authorization: Bearer …`; 16 characters or more. Empty: there is no such page."""

    @field_validator("token")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _LEAST:
            raise ValueError(f"a token needs at least {_LEAST} characters; one is made by: openssl rand -hex 20")
        return value


class LoggingSection(Section):
    """What `serve`, `web`, `worker` and `scheduler` write to standard error."""

    format: Literal["text", "json"] = "text"
    """`json`: an object a line, with `at`, `level`, `logger`, `message` and what the message names, as `delivery`."""
