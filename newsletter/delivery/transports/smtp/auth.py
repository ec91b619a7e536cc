"""Log in to a relay (AUTH, RFC 4954). Part of `handshake`; a mechanism is one entry of the table.

Whether the connection is fit for a password was decided before connecting (`settings.check_settings`).
"""

import asyncio
import base64
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence

from newsletter.delivery.ledger.outcome import CLOSING, Reply
from newsletter.delivery.transports.smtp.line import MAX_COMMAND, Line
from newsletter.delivery.transports.smtp.settings import SmtpSettings
from newsletter.errors import RelayBusyError, RelayConnectionError, RelayLoginError

_MAX_ANSWER = 12288  # octets of a line that answers a challenge (RFC 4954, section 4)
_TRANSITION = 432  # a 4yz that waiting does not change: the account must log in another way first (RFC 4954, section 6)

_MECHANISMS: Mapping[str, Callable[[str, str], Sequence[str]]] = {
    "PLAIN": lambda username, password: [f"\0{username}\0{password}"],  # RFC 4616
    "LOGIN": lambda username, password: [username, password],  # no RFC; widely offered
}
"""Mechanism → from username and password, one answer to each challenge; sent in base64. In order of preference."""

_TOKEN_MECHANISMS: Mapping[str, Callable[[str, str], Sequence[str]]] = {
    # No RFC; Google and Microsoft describe it. The challenge after a refused token is answered with an empty line.
    "XOAUTH2": lambda username, token: [f"user={username}\1auth=Bearer {token}\1\1", ""],
}
"""The same from username and access token."""

_ANSWERS_FIRST = frozenset({"PLAIN", "XOAUTH2"})
"""Mechanisms whose first answer may be sent with the command, which saves a round trip."""


async def log_in(line: Line, settings: SmtpSettings, offered: str) -> None:
    """Log in by the first mechanism that the relay offers (the parameters of its AUTH extension).

    Raises RelayLoginError when it offers none of ours or refuses, RelayConnectionError when it breaks off, and
    RelayBusyError when it lets nobody in at present (4yz, such as 454: RFC 4954, section 6).
    """
    names = offered.upper().split()
    known = _TOKEN_MECHANISMS if settings.token_command else _MECHANISMS
    mechanism = next((name for name in known if name in names), None)
    if mechanism is None:
        raise RelayLoginError(
            f"The relay offers no login that we know; it offers: {' '.join(names) or 'none'}",
            hint="Set [smtp] token_command" if "XOAUTH2" in names else "Remove [smtp] username if it needs none",
        )
    password = await _run(settings.token_command, settings.timeout) if settings.token_command else settings.password
    reply = await _exchange(line, settings, mechanism, known[mechanism](settings.username, password))
    if reply.is_transient and reply.code not in (_TRANSITION, CLOSING):
        raise RelayBusyError(f"The relay lets us log in later: {reply.code} {reply.enhanced}".rstrip())
    if reply.code == CLOSING or not reply.is_final:
        raise RelayConnectionError(f"The relay broke off the login: {reply.code} {reply.enhanced}".rstrip())
    if reply.code != 235:
        # Its text is not shown: some relays repeat what they were sent.
        raise RelayLoginError(
            f"The relay refuses the login: {reply.code} {reply.enhanced}".rstrip(),
            hint=f"Look at [smtp] username and {settings.token_command or 'NEWSLETTER_SMTP__PASSWORD'}",
        )


async def _run(command: str, timeout: float) -> str:
    """The access token that a command prints. Neither is shown in an error."""
    words = shlex.split(command)
    try:
        done = await asyncio.to_thread(
            subprocess.run, words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout, check=False
        )
    except OSError as error:
        raise RelayLoginError(
            f"[smtp] token_command: {words[0]} cannot be run: {error.strerror}", hint="It is run without a shell"
        ) from error
    except subprocess.TimeoutExpired:
        raise RelayConnectionError(f"[smtp] token_command: {words[0]} did not end in {timeout:g} seconds") from None
    token = done.stdout.decode("ascii", "replace").strip()
    if done.returncode or not token.isprintable() or not token:
        # The provider of the tokens may be out of reach at present.
        raise RelayConnectionError(f"[smtp] token_command: {words[0]} gave no token (exit code {done.returncode})")
    return token


async def _exchange(line: Line, settings: SmtpSettings, mechanism: str, clear: Sequence[str]) -> Reply:
    answers = [base64.b64encode(answer.encode()).decode() for answer in clear]
    command = f"AUTH {mechanism}"
    if mechanism in _ANSWERS_FIRST and len(command) + 1 + len(answers[0]) <= MAX_COMMAND - 2:
        command += f" {answers.pop(0)}"
    reply = await line.ask(command, settings.timeout)
    for answer in answers:
        if reply.code != 334:
            break
        reply = await line.ask(answer, settings.timeout, _MAX_ANSWER)
    return reply
