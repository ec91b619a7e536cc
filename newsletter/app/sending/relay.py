"""Relay: the SMTP settings that the configuration describes, and whether they and the relay are of any use."""

import asyncio

from newsletter.app.composing import message_context
from newsletter.app.project import Project
from newsletter.config import Config
from newsletter.delivery.compose.envelope import return_path_of
from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport
from newsletter.errors import ConfigError


def smtp_settings(config: Config) -> SmtpSettings:
    """What `[smtp]` and `[sending]` say, as the transport wants it."""
    smtp = config.smtp
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
        connections=config.connections,
    )


def transport_for(config: Config) -> SmtpTransport:
    """The transport that a delivery uses. Raises ConfigError for settings with which nothing could be sent."""
    return SmtpTransport(smtp_settings(config))


def check_relay(project: Project) -> None:
    """Raise ConfigError for settings or DKIM keys with which nothing could be sent. Connects to nothing."""
    transport_for(project.config)
    _ = project.dkim


def probe_relay(project: Project) -> str:
    """Greet the relay, start TLS, log in and name a return path as a delivery would, then quit; returns one sentence.

    Raises TransportError or ConfigError when a delivery would fail the same way. No email is sent.
    """
    try:
        path = return_path_of("a" * 16, message_context(project, {}))
    except ConfigError:
        path = ""  # the checks of the sender tell it
    return asyncio.run(_probe(transport_for(project.config), path))


async def _probe(transport: SmtpTransport, return_path: str) -> str:
    try:
        return await transport.probe(return_path)
    finally:
        await transport.close()
