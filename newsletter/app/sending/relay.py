"""Relay: the SMTP settings that the configuration describes, and whether they and the relay are of any use."""

import asyncio
import logging
from collections.abc import Callable

from newsletter.app.composing import message_context
from newsletter.app.project import Project
from newsletter.config import Config, SmtpSection
from newsletter.delivery.compose.envelope import return_path_of
from newsletter.delivery.transport import Transport
from newsletter.delivery.transports.failover import FailoverTransport, Way
from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport
from newsletter.errors import ConfigError

log = logging.getLogger("newsletter.relays")


def smtp_settings(config: Config, relay: SmtpSection | None = None) -> SmtpSettings:
    """What `[smtp]`, or another relay's section, and `[sending]` say, as the transport takes it."""
    smtp = relay or config.smtp
    return SmtpSettings(
        host=smtp.host,
        port=smtp.port,
        tls=smtp.tls,
        username=smtp.username,
        password=smtp.password.get_secret_value(),
        token_command=smtp.token_command,
        ca_file=smtp.ca_file,
        force_clear=smtp.force_clear,
        timeout=smtp.timeout.total_seconds(),
        reply_timeout=smtp.reply_timeout.total_seconds(),
        hello=smtp.hello,
        connections=config.connections_to(smtp),
        section="[smtp]" if smtp is config.smtp else "[[relays]]",
    )


def transport_for(config: Config, report: Callable[[str], None] = log.warning) -> Transport:
    """The transport that a delivery uses. `report` is told of a relay that takes nothing, where there are several.

    Raises ConfigError for settings with which nothing could be sent.
    """
    if not config.relays:
        return SmtpTransport(smtp_settings(config))
    every = config.all_relays
    ways = [Way(f"{one.host}:{one.port}", SmtpTransport(smtp_settings(config, one))) for one in every]
    return FailoverTransport(ways, report)


def check_relay(project: Project) -> None:
    """Raise ConfigError for settings or DKIM keys with which nothing could be sent. Connects to nothing."""
    transport_for(project.config)
    _ = project.dkim


def probe_relay(project: Project) -> str:
    """Greet each relay, start TLS, log in and name a return path as a delivery would, then quit; returns one sentence.

    Raises TransportError or ConfigError when a delivery would fail the same way. No email is sent.
    """
    try:
        path = return_path_of("a" * 16, message_context(project, {}))
    except ConfigError:
        path = ""  # the checks of the sender tell it
    config = project.config
    said = [asyncio.run(_probe(SmtpTransport(smtp_settings(config, one)), path)) for one in config.all_relays]
    return "; ".join(said)


async def _probe(transport: SmtpTransport, return_path: str) -> str:
    try:
        return await transport.probe(return_path)
    finally:
        await transport.close()
