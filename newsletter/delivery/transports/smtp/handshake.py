"""Open a connection to a relay, once for many messages: greeting, EHLO, STARTTLS, login.

Before: `line`, which carries bytes. After: `dialogue`, one message after the other.
"""

import re
import socket
import ssl
from collections.abc import Mapping

from newsletter.delivery.ledger.outcome import read_reply
from newsletter.delivery.transports.smtp.auth import log_in
from newsletter.delivery.transports.smtp.line import Line, open_line
from newsletter.delivery.transports.smtp.settings import SmtpSettings
from newsletter.errors import RelayConnectionError, RelayLoginError, TransportError


async def open_greeted(settings: SmtpSettings, context: ssl.SSLContext | None) -> tuple[Line, Mapping[str, str]]:
    """A connection ready for MAIL, and what the relay offers: keyword → parameters, as they are after TLS.

    Raises a TransportError when that fails; nothing is left open then.
    """
    try:
        line = await open_line(
            settings.host, settings.port, settings.timeout, context if settings.tls == "implicit" else None
        )
    except ssl.SSLError as error:
        raise _tls_error(settings, error) from error
    try:
        reply = read_reply(await line.read(settings.timeout))
        if reply.code != 220:
            raise RelayConnectionError(f"The relay refuses the connection: {reply}")
        extensions = await _hello(line, settings)
        if settings.tls == "starttls":
            assert context is not None
            await _start_tls(line, settings, context, extensions)
            extensions = await _hello(line, settings)  # what was offered in clear must be forgotten (RFC 3207, 4.2)
        if settings.username:
            await log_in(line, settings, extensions.get("AUTH", ""))
    except BaseException:  # also a cancelled task must not leave a connection behind
        line.destroy()
        raise
    return line, extensions


async def _hello(line: Line, settings: SmtpSettings) -> Mapping[str, str]:
    """EHLO, or HELO for a relay that does not know it (RFC 5321, section 3.2)."""
    name = settings.hello or _own_name(line.own_address)
    line.say(f"EHLO {name}")
    lines = await line.read(settings.timeout)
    reply = read_reply(lines)
    if reply.code == 250:
        return _read_extensions(lines)
    if reply.code // 100 == 5:
        reply = await line.ask(f"HELO {name}", settings.timeout)
    if reply.code != 250:
        raise RelayConnectionError(f"The relay refuses our greeting: {reply}")
    return {}


async def _start_tls(
    line: Line, settings: SmtpSettings, context: ssl.SSLContext, extensions: Mapping[str, str]
) -> None:
    """STARTTLS (RFC 3207), verified; without it neither login nor message is sent."""
    if "STARTTLS" not in extensions:
        raise RelayLoginError(
            f"The relay {settings.host} does not offer STARTTLS",
            hint='Set [smtp] tls = "implicit" if it speaks TLS from the first byte',
        )
    reply = await line.ask("STARTTLS", settings.timeout)
    if reply.is_transient or not reply.is_final:  # 454: TLS not available at present (RFC 3207, section 4)
        raise RelayConnectionError(f"The relay did not start TLS: {reply}")
    if reply.code != 220:
        raise RelayLoginError(f"The relay refuses STARTTLS: {reply}")
    try:
        await line.start_tls(context, settings.host, settings.timeout)
    except ssl.SSLError as error:
        raise _tls_error(settings, error) from error


def _read_extensions(lines: list[bytes]) -> dict[str, str]:
    """Keyword → parameters, from the lines of the reply to EHLO after the first one (RFC 5321, section 4.1.1.1)."""
    words = [line[4:].decode("ascii", "replace").strip().partition(" ") for line in lines[1:]]
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in words}


def _own_name(address: str) -> str:
    """This host's name if it is a full one, else its address as a literal (RFC 5321, section 4.1.3)."""
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        return name
    return f"[IPv6:{address}]" if ":" in address else f"[{address or '127.0.0.1'}]"


def _tls_error(settings: SmtpSettings, error: ssl.SSLError) -> TransportError:
    where = f"{settings.host}:{settings.port}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return RelayConnectionError(f"{where} broke off the TLS handshake")
    reason = getattr(error, "verify_message", "") or error.reason or str(error)
    return RelayLoginError(
        f"No trustworthy TLS with {where}: {reason}",
        hint="Look at [smtp] host, port, tls and ca_file; nothing was sent",
    )
