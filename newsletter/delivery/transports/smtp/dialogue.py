"""A session with a relay (RFC 5321): greeting, TLS and login once, then one message after the other in lock-step.

    MAIL → RCPT → DATA → 354 → body without its end → early reply? → permit → final dot → reply

Before: `smtp_line.py`, which carries bytes. After: `smtp.py`, which keeps a pool of sessions.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.compose.wire import dot_stuff
from newsletter.delivery.ledger.classification import Classification, Stage
from newsletter.delivery.ledger.outcome import (
    CLOSING,
    LOGIN_CODES,
    Outcome,
    Rejected,
    Reply,
    Unknown,
    outcome_of,
    read_reply,
)
from newsletter.delivery.transport import Permit
from newsletter.delivery.transports.smtp.line import MAX_COMMAND, Line, open_line
from newsletter.delivery.transports.smtp.settings import SmtpSettings
from newsletter.errors import PermitRefusedError, RelayConnectionError, RelayLoginError, TransportError

_PATH = re.compile(r"[^\x00-\x20\x7f-\xa0<>\u2028\u2029]+")
_MAX_PATH = 254  # octets between the angle brackets (RFC 5321, section 4.5.3.1.3)
_SIZE = re.compile("[0-9]{1,20}")  # RFC 1870, section 4; anything else says nothing
_MAX_LOGIN = 12288  # octets of a line that answers a challenge (RFC 4954, section 4)
_GOODBYE = 5.0  # seconds to wait for the reply to QUIT, which changes nothing any more


async def open_session(settings: SmtpSettings, context: ssl.SSLContext | None) -> Session:
    """Connect, greet, secure and log in. Raises a TransportError when that fails; nothing is left open then."""
    try:
        line = await open_line(
            settings.host, settings.port, settings.timeout, context if settings.tls == "implicit" else None
        )
    except ssl.SSLError as error:
        raise _tls_error(settings, error) from error
    session = Session(line, settings)
    try:
        await session.greet()
        if settings.tls == "starttls":
            assert context is not None
            await session.secure(context)
        if settings.username:
            await session.log_in()
    except BaseException:  # also a cancelled task must not leave a connection behind
        line.destroy()
        raise
    return session


class Session:
    """One greeted connection. Whoever gets an exception from it must destroy it."""

    def __init__(self, line: Line, settings: SmtpSettings) -> None:
        self._line = line
        self._settings = settings
        self._extensions: dict[str, str] = {}
        self._open_transaction = False
        self.messages = 0
        """How many final dots it has written."""

    @property
    def is_lost(self) -> bool:
        """Whether it can carry no further message."""
        return self._line.is_lost

    @property
    def offers(self) -> tuple[str, ...]:
        """The names of the extensions that the relay announced, as they stand after TLS."""
        return tuple(sorted(self._extensions))

    def destroy(self) -> None:
        """Close at once."""
        self._line.destroy()

    async def quit(self) -> None:
        """Close in peace, if the relay is quick about it."""
        try:
            await self._line.ask("QUIT", min(_GOODBYE, self._settings.timeout))
        except TransportError:
            pass  # it was gone before us
        self.destroy()

    # Once per connection

    async def greet(self) -> None:
        """Read the greeting and say hello."""
        reply = read_reply(await self._line.read(self._settings.timeout))
        if reply.code != 220:
            raise RelayConnectionError(f"The relay does not want to talk: {reply}")
        await self._hello()

    async def _hello(self) -> None:
        """EHLO, or HELO for a relay that does not know it. What was offered before does not count any more."""
        self._extensions = {}
        name = self._settings.hello or _own_name(self._line.own_address)
        self._line.say(f"EHLO {name}")
        lines = await self._line.read(self._settings.timeout)
        reply = read_reply(lines)
        if reply.code == 250:
            self._extensions = _read_extensions(lines)
            return
        if reply.code // 100 == 5:
            reply = await self._ask(f"HELO {name}")
        if reply.code != 250:
            raise RelayConnectionError(f"The relay does not take our greeting: {reply}")

    async def secure(self, context: ssl.SSLContext) -> None:
        """STARTTLS (RFC 3207), verified; without it nothing else is said."""
        if "STARTTLS" not in self._extensions:
            raise RelayLoginError(
                f"The relay {self._settings.host} does not offer STARTTLS",
                hint='Set [smtp] tls = "implicit" if it speaks TLS from the first byte',
            )
        reply = await self._ask("STARTTLS")
        if reply.code == CLOSING or not reply.is_final:
            raise RelayConnectionError(f"The relay did not start TLS: {reply}")
        if reply.code != 220:
            raise RelayLoginError(f"The relay refuses STARTTLS: {reply}")
        try:
            await self._line.start_tls(context, self._settings.host, self._settings.timeout)
        except ssl.SSLError as error:
            raise _tls_error(self._settings, error) from error
        await self._hello()

    async def log_in(self) -> None:
        """AUTH (RFC 4954) by PLAIN or LOGIN. Whether the line is fit for a password was settled before connecting."""
        offered = self._extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            reply = await self._log_in_plain()
        elif "LOGIN" in offered:
            reply = await self._log_in_login()
        else:
            raise RelayLoginError(
                f"The relay offers no login that we know; it offers: {' '.join(offered) or 'none'}",
                hint="Remove [smtp] username if it needs none",
            )
        if reply.code == CLOSING or not reply.is_final:
            raise RelayConnectionError(f"The relay broke off the login: {reply.code}")
        if reply.code != 235:
            # Its text is not shown: some relays repeat what they were sent.
            raise RelayLoginError(
                f"The relay refuses the login: {reply.code} {reply.enhanced}".rstrip(),
                hint="Look at [smtp] username and NEWSLETTER_SMTP__PASSWORD",
            )

    async def _log_in_plain(self) -> Reply:
        secret = _base64(f"\0{self._settings.username}\0{self._settings.password}")
        command = f"AUTH PLAIN {secret}"
        if len(command) <= MAX_COMMAND - 2:
            return await self._ask(command)
        return await self._answer_challenges("AUTH PLAIN", secret)

    async def _log_in_login(self) -> Reply:
        return await self._answer_challenges(
            "AUTH LOGIN", _base64(self._settings.username), _base64(self._settings.password)
        )

    async def _answer_challenges(self, command: str, *answers: str) -> Reply:
        reply = await self._ask(command)
        for answer in answers:
            if reply.code != 334:
                return reply
            reply = await self._line.ask(answer, self._settings.timeout, _MAX_LOGIN)
        return reply

    # Once per message

    async def begin(self, envelope: Envelope, message: Message) -> Outcome | None:
        """Say MAIL. None: go on with `hand_over`. Raises RelayConnectionError when the relay left meanwhile."""
        if refusal := self._refusal(envelope, message):
            return refusal
        if self._open_transaction:
            reply = await self._ask("RSET")
            if reply.code != 250:
                raise RelayConnectionError(f"The relay did not forget the last message: {reply}")
            self._open_transaction = False
        reply = await self._ask(self._mail_command(envelope, message))
        if reply.code == CLOSING and self.messages:
            raise RelayConnectionError(f"The relay took leave between two messages: {reply}")
        if reply.code in LOGIN_CODES:
            raise RelayLoginError(f"The relay wants a login or TLS first: {reply}")
        self._open_transaction = reply.code // 100 == 2
        return self._unless_positive(reply, Stage.MAIL)

    async def hand_over(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """The rest of a message: up to the dot nothing has happened, from the dot on only the relay knows."""
        reply = await self._ask(f"RCPT TO:<{envelope.recipient}>")
        if refusal := self._unless_positive(reply, Stage.RCPT):
            return refusal
        reply = await self._ask("DATA")
        if reply.code != 354:
            return self._end(outcome_of(reply, Stage.DATA), reply)
        await self._line.send(dot_stuff(message.data), self._settings.timeout)
        await self._line.look()
        if early := await self._early_outcome():
            return early
        if not await permit():
            self.destroy()  # a connection closed without the dot is a certain "not accepted"
            raise PermitRefusedError("The ledger did not allow this message to be finished")
        # What arrived while the ledger was writing was seen by the event loop; nothing may wait from here to the dot.
        if early := await self._early_outcome():
            return early
        self._line.write_dot()
        self.messages += 1
        return await self._outcome_of_dot()

    async def _early_outcome(self) -> Outcome | None:
        """What the relay said, or that it is gone, before it was asked: then no dot is written."""
        if not self._line.has_more:
            self._line.refuse_surprises()
            return None
        reply = read_reply(await self._line.read(self._settings.timeout))
        self.destroy()
        return outcome_of(reply, Stage.DATA)

    async def _outcome_of_dot(self) -> Outcome:
        try:
            reply = read_reply(await self._line.read(self._settings.reply_timeout))
        except TransportError as error:
            self.destroy()
            return Unknown(f"no reply to the final dot: {error}")
        self._open_transaction = False
        return self._end(outcome_of(reply, Stage.DOT), reply)

    def _unless_positive(self, reply: Reply, stage: Stage) -> Outcome | None:
        return None if reply.code // 100 == 2 else self._end(outcome_of(reply, stage), reply)

    def _end(self, outcome: Outcome, reply: Reply) -> Outcome:
        """A message is over; so is the connection when the relay takes leave or what it said made no sense."""
        if reply.code in (CLOSING, 221) or isinstance(outcome, Unknown):
            self.destroy()
        return outcome

    def _refusal(self, envelope: Envelope, message: Message) -> Rejected | None:
        """What need not even be tried with this relay."""
        if envelope.return_path and not _is_sendable(envelope.return_path):
            return Rejected(Reply(553, "5.1.7", "our return path cannot be sent as it is"), Classification.PROTOCOL)
        if not _is_sendable(envelope.recipient):
            return Rejected(Reply(553, "5.1.3", "the address cannot be sent as it is"), Classification.INVALID_ADDRESS)
        if _needs_smtputf8(envelope) and "SMTPUTF8" not in self._extensions:
            return Rejected(
                Reply(553, "5.6.7", "the relay takes no address that is not ASCII"), Classification.UNSUPPORTED_ADDRESS
            )
        size, limit = len(message.data), self._extensions.get("SIZE", "")
        if _SIZE.fullmatch(limit) and 0 < int(limit) < size:
            return Rejected(Reply(552, "5.3.4", f"{size} octets, the relay takes {limit}"), Classification.SIZE)
        return None

    def _mail_command(self, envelope: Envelope, message: Message) -> str:
        command = f"MAIL FROM:<{envelope.return_path}>"
        if "SIZE" in self._extensions:
            command += f" SIZE={len(message.data)}"  # RFC 1870
        if _needs_smtputf8(envelope):
            command += " BODY=8BITMIME SMTPUTF8"  # RFC 6531, section 3.6: the header holds the address as it is
        return command

    async def _ask(self, command: str) -> Reply:
        return await self._line.ask(command, self._settings.timeout)


def _is_sendable(path: str) -> bool:
    """Whether it stays one path on the wire: `smtplib` and others bend what does not into another address."""
    return _PATH.fullmatch(path) is not None and len(path.encode()) <= _MAX_PATH


def _needs_smtputf8(envelope: Envelope) -> bool:
    return envelope.needs_smtputf8 or not (envelope.recipient + envelope.return_path).isascii()


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


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _tls_error(settings: SmtpSettings, error: ssl.SSLError) -> TransportError:
    where = f"{settings.host}:{settings.port}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return RelayConnectionError(f"{where} broke off the TLS handshake")
    reason = getattr(error, "verify_message", "") or error.reason or str(error)
    return RelayLoginError(
        f"No trustworthy TLS with {where}: {reason}",
        hint="Look at [smtp] host, port, tls and ca_file; nothing was sent",
    )
