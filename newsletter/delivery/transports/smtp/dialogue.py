"""The dialogue about each message on one greeted connection (RFC 5321, section 3.3).

    MAIL → RCPT → DATA → 354 → body without its end → early reply? → permit → final dot → reply

Where the relay offers PIPELINING (RFC 2920, section 3.1), the commands up to DATA go out in one write, behind the final
dot of the message before if that is under way: one round trip for a message in place of four. Their replies are read
after the dot's. Elsewhere each command waits for the reply to the one before.

Before: `handshake`, which opens the connection. After: `pool`, which keeps sessions for the next messages.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
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
from newsletter.delivery.transports.smtp.handshake import open_greeted
from newsletter.delivery.transports.smtp.line import Line
from newsletter.delivery.transports.smtp.settings import SmtpSettings
from newsletter.errors import PermitRefusedError, RelayConnectionError, RelayLoginError, TransportError
from newsletter.machine import now_elapsed

_PATH = re.compile(r"[^\x00-\x20\x7f-\xa0<>\u2028\u2029]+")
_MAX_PATH = 254  # octets between the angle brackets (RFC 5321, section 4.5.3.1.3)
_SIZE = re.compile("[0-9]{1,20}")  # RFC 1870, section 4; anything else says nothing
_GO_ON = 354  # the only reply to DATA after which the body may follow (RFC 5321, section 4.1.1.4)
_GOODBYE = 5.0  # seconds to wait for the reply to QUIT, which changes nothing


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """What is handed over."""

    envelope: Envelope
    message: Message


async def open_session(settings: SmtpSettings, context: ssl.SSLContext | None) -> Session:
    """Connect, greet, start TLS and log in. Raises a TransportError when that fails; nothing is left open then."""
    line, extensions = await open_greeted(settings, context)
    return Session(line, settings, extensions)


class Session:
    """One greeted connection. After an exception from it the caller must destroy it."""

    def __init__(self, line: Line, settings: SmtpSettings, extensions: Mapping[str, str]) -> None:
        self._line = line
        self._settings = settings
        self._extensions = extensions
        self._open_transaction = False
        self._unsaid: list[str] = []  # commands of this message that were not sent yet
        self._awaited = 0  # replies still to be read, to commands that were sent
        self._awaits_dot = False  # whether a final dot was written whose reply was not read yet
        self._ahead: Letter | None = None  # whose envelope was sent behind that dot; its replies come after the dot's
        self._opened_at = now_elapsed()
        self.messages = 0
        """How many final dots it has written."""

    @property
    def is_lost(self) -> bool:
        """Whether it can carry no further message."""
        return self._line.is_lost

    @property
    def is_worn(self) -> bool:
        """Whether it should carry no further message, because of its age or the number of those it has carried."""
        if self._ahead is not None:
            return False
        is_old = now_elapsed() - self._opened_at > self._settings.connection_age
        return is_old or self.messages >= self._settings.messages_per_connection

    @property
    def offers(self) -> tuple[str, ...]:
        """The names of the extensions that the relay announced, as they are after TLS."""
        return tuple(sorted(self._extensions))

    def destroy(self) -> None:
        """Close at once."""
        self._line.destroy()

    async def try_return_path(self, path: str) -> None:
        """Name a return path and no recipient. Raises RelayConnectionError when the relay refuses it for good."""
        reply = await self._line.ask(f"MAIL FROM:<{path}>", self._settings.timeout)
        if reply.code // 100 == 5:
            raise RelayConnectionError(
                f"The relay refuses the return path {path}: {reply}",
                hint='Where it lets you use your own address only: [bounces] return_path = "plain"',
            )

    async def quit(self) -> None:
        """Close with QUIT (RFC 5321, section 4.1.1.10), if the relay answers it soon."""
        try:
            if self._ahead is None:  # after a DATA it would be text
                await self._line.ask("QUIT", min(_GOODBYE, self._settings.timeout))
        except TransportError:
            pass  # it was closed already
        self.destroy()

    def announce(self, letter: Letter) -> None:
        """Send the envelope of the next message now, if a final dot is under way; else it travels with the next dot.

        `begin` sends it where neither is possible.
        """
        if self._awaits_dot and not self._line.has_more:
            self._line.say(*self._commands_ahead(letter))

    async def begin(self, letter: Letter) -> Outcome | None:
        """Send MAIL. None: go on with `hand_over`. Raises RelayConnectionError when the relay closed meanwhile."""
        if self._ahead is None:
            if refusal := self._refusal(letter):
                return refusal
            self._unsaid = self._commands(letter)
            if self._open_transaction:
                self._unsaid.insert(0, "RSET")
                reply = await self._next_reply()
                if reply.code != 250:
                    raise RelayConnectionError(f"The relay refuses RSET after a refused message: {reply}")
                self._open_transaction = False
        elif self._ahead is not letter:
            raise RelayConnectionError("The envelope of a message was sent that is not handed over any more")
        self._ahead = None
        reply = await self._next_reply()
        if reply.code == CLOSING and self.messages:
            raise RelayConnectionError(f"The relay closed the connection between two messages: {reply}")
        if reply.code in LOGIN_CODES:
            raise RelayLoginError(f"The relay wants a login or TLS first: {reply}")
        self._open_transaction = reply.code // 100 == 2
        return await self._unless_positive(reply, Stage.MAIL)

    async def hand_over(self, message: Message, permit: Permit, following: Callable[[], Letter | None]) -> Outcome:
        """The rest of a message. Before the dot nothing is accepted; after it only the relay knows (RFC 1047).

        `following`: the message whose envelope may travel behind this one's dot, if there is one by then.
        """
        if refusal := await self._unless_positive(await self._next_reply(), Stage.RCPT):
            return refusal
        reply = await self._next_reply()
        if reply.code != _GO_ON:
            return self._end(outcome_of(reply, Stage.DATA), reply)
        await self._line.send(message.data, self._settings.timeout)
        await self._line.look()
        if early := await self._early_outcome():
            return early
        if not await permit():
            self.destroy()  # a connection closed without the dot is a certain "not accepted"
            raise PermitRefusedError("The ledger did not allow this message to be finished")
        # What arrived while the ledger was writing was seen by the event loop; nothing may wait from here to the dot.
        if early := await self._early_outcome():
            return early
        self.messages += 1
        self._awaits_dot = True
        following_letter = following()
        self._line.write_dot(*(self._commands_ahead(following_letter) if following_letter else ()))
        return await self._outcome_of_dot()

    async def _early_outcome(self) -> Outcome | None:
        """A reply or a lost connection before the dot: then no dot is written."""
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
        self._open_transaction = self._awaits_dot = False
        return self._end(outcome_of(reply, Stage.DOT), reply)

    async def _next_reply(self) -> Reply:
        """The reply to this message's next command, which is sent now if it was not sent before."""
        if not self._awaited:
            count = len(self._unsaid) if "PIPELINING" in self._extensions else 1
            self._line.say(*self._unsaid[:count])
            del self._unsaid[:count]
            self._awaited = count
        reply = read_reply(await self._line.read(self._settings.timeout))
        self._awaited -= 1
        return reply

    async def _unless_positive(self, reply: Reply, stage: Stage) -> Outcome | None:
        if reply.code // 100 == 2:
            return None
        outcome = self._end(outcome_of(reply, stage), reply)
        if self._awaited and not self.is_lost:
            await self._pass_over()
        return outcome

    async def _pass_over(self) -> None:
        """Read the replies to the commands behind a refused one; DATA is the last of them.

        A relay may say 354 although it refused the recipient (RFC 2920, section 3.1). The connection is closed then:
        a dot, even of an empty message, is written after a permit only. Raises RelayConnectionError for a reply that
        makes no sense to DATA: the replies are out of step, and the refusal may have been another command's.
        """
        try:
            while self._awaited:
                reply = await self._next_reply()
        except TransportError:
            return  # the line is lost; the refusal was read and counts
        if reply.code in (_GO_ON, CLOSING):
            self.destroy()
        elif reply.code // 100 not in (4, 5):
            raise RelayConnectionError(f"The relay refused a command and answered the DATA behind it with {reply}")

    def _end(self, outcome: Outcome, reply: Reply) -> Outcome:
        """A message is over; so is the connection when the relay closes it or its reply made no sense."""
        if reply.code in (CLOSING, 221) or isinstance(outcome, Unknown):
            self.destroy()
        return outcome

    def _refusal(self, letter: Letter) -> Rejected | None:
        """The refusal of what this relay cannot take, before anything is sent."""
        envelope = letter.envelope
        if envelope.return_path and not _is_sendable(envelope.return_path):
            return Rejected(Reply(553, "5.1.7", "our return path cannot be sent as it is"), Classification.PROTOCOL)
        if not _is_sendable(envelope.recipient):
            return Rejected(Reply(553, "5.1.3", "the address cannot be sent as it is"), Classification.INVALID_ADDRESS)
        if _needs_smtputf8(envelope) and "SMTPUTF8" not in self._extensions:
            return Rejected(
                Reply(553, "5.6.7", "the relay takes no address that is not ASCII"), Classification.UNSUPPORTED_ADDRESS
            )
        size, limit = len(letter.message.data), self._extensions.get("SIZE", "")
        if _SIZE.fullmatch(limit) and 0 < int(limit) < size:
            return Rejected(Reply(552, "5.3.4", f"{size} octets, the relay takes {limit}"), Classification.SIZE)
        return None

    def _commands(self, letter: Letter) -> list[str]:
        mail = f"MAIL FROM:<{letter.envelope.return_path}>"
        if "SIZE" in self._extensions:
            mail += f" SIZE={len(letter.message.data)}"  # RFC 1870
        if _needs_smtputf8(letter.envelope):
            mail += " BODY=8BITMIME SMTPUTF8"  # RFC 6531, section 3.6: the header holds the address as it is
        return [mail, f"RCPT TO:<{letter.envelope.recipient}>", "DATA"]

    def _commands_ahead(self, letter: Letter) -> list[str]:
        """The commands of the next message, to be sent before this one's reply; none if they have to wait for it."""
        is_possible = "PIPELINING" in self._extensions and self._ahead is None and not self.is_lost
        if not is_possible or self.is_worn or self._refusal(letter):
            return []
        self._ahead = letter
        commands = self._commands(letter)
        self._awaited = len(commands)
        return commands


def _is_sendable(path: str) -> bool:
    """Whether it is one path on the wire; libraries such as `smtplib` would rewrite others into another address."""
    return _PATH.fullmatch(path) is not None and len(path.encode()) <= _MAX_PATH


def _needs_smtputf8(envelope: Envelope) -> bool:
    return envelope.needs_smtputf8 or not (envelope.recipient + envelope.return_path).isascii()
