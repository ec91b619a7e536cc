"""Relay: the transport is made as the configuration says."""

from __future__ import annotations

from pathlib import Path

from newsletter.app.sending.relay import smtp_settings
from newsletter.config import load_config


def test_transport_opens_as_many_connections_as_the_loop_sends_on(tmp_path: Path) -> None:
    config = load_config(tmp_path, {"NEWSLETTER_SMTP__CONNECTIONS": "3", "NEWSLETTER_SENDING__CONNECTIONS": "7"})
    assert smtp_settings(config).connections == config.connections == 3
