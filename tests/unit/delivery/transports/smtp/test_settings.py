"""Settings that would send mail or passwords in clear are refused before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mailing import relay

from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport
from newsletter.errors import ConfigError


def settings(**changes: Any) -> SmtpSettings:
    facts: dict[str, Any] = {"host": "relay.example.org", "port": 587} | changes
    return relay(**facts)


def test_password_is_not_shown() -> None:
    assert "hush" not in repr(settings(username="ana", password="hush"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_mail_in_clear_is_allowed_on_this_machine(host: str) -> None:
    SmtpTransport(settings(host=host, tls="none"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tls": "none"}, "readable on the way"),
        ({"tls": "none", "host": "10.0.0.1"}, "readable on the way"),
        ({"tls": "none", "host": "localhost", "username": "ana"}, "username needs TLS"),
        ({"token_command": "echo x"}, "needs a username"),
        ({"host": ""}, "host"),
        ({"host": "relay example"}, "host"),
        ({"hello": "mail example\r\nMAIL FROM:<x>"}, "hello"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SmtpTransport(settings(**changes))


def test_mail_in_clear_elsewhere_must_be_forced() -> None:
    SmtpTransport(settings(tls="none", username="ana", force_clear=True))


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_ca_file_of_no_use_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem"):
        SmtpTransport(settings(ca_file=str(file)))
