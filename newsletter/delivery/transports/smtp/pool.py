"""Pool: the SMTP transport, a number of connections to one relay, each used for many messages.

Before: the sender. After: `dialogue` (one message), `handshake` (one connection), `line` (one socket).
"""

import asyncio
import ssl
from collections import deque

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Outcome
from newsletter.delivery.transport import Permit
from newsletter.delivery.transports.smtp.dialogue import Letter, Session, open_session
from newsletter.delivery.transports.smtp.settings import SmtpSettings, check_settings, tls_context
from newsletter.errors import RelayConnectionError

__all__ = ["SmtpSettings", "SmtpTransport"]


class SmtpTransport:
    """A Transport to one relay. Raises ConfigError when the settings would send email or a password in clear.

    A connection carries one message at a time, and the envelope of one that follows. It is used again only after a
    reply that made sense. After anything else, also when the task is cancelled, it is destroyed: a late reply must
    never reach another message.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        check_settings(settings)
        context = tls_context(settings)
        self._places = [_Place(settings, context) for _ in range(settings.connections)]
        # Two seats on each connection. A free connection stands in front of the second seats of the others: to follow
        # is slower than to be alone.
        self._seats = deque(self._places * 2)
        self._free = asyncio.Semaphore(len(self._seats))

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Hand one message over on a free connection, or behind the message on one that is not."""
        async with self._free:
            place = self._seats.popleft()
            place.messages += 1
            try:
                return await place.send(Letter(envelope, message), permit)
            finally:
                place.messages -= 1
                (self._seats.append if place.messages else self._seats.appendleft)(place)

    async def probe(self, return_path: str = "") -> str:
        """Open one connection, send nothing; returns what the relay offers. Raises TransportError, also when it refuses
        the return path.
        """
        session = await self._places[0].open()
        if return_path:
            await session.try_return_path(return_path)
        return f"offers {', '.join(session.offers) or 'no extensions'}"

    async def close(self) -> None:
        """Close all idle connections with QUIT. No `send` may be running."""
        await asyncio.gather(*(place.quit() for place in self._places))


class _Place:
    """One connection of the pool, opened when it is used, and the turns of the messages on it."""

    def __init__(self, settings: SmtpSettings, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._context = context
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._following: Letter | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._quitting: asyncio.Task[None] | None = None
        self.messages = 0
        """The one whose turn it is, and the one that follows it."""

    async def send(self, letter: Letter, permit: Permit) -> Outcome:
        """Hand a message over when its turn comes."""
        if self._idle is not None:
            self._idle.cancel()
        self._following = letter
        if self._session is not None:
            self._session.announce(letter)
        async with self._turn:
            if self._following is letter:
                self._following = None
            session, outcome = await self._begin(letter)
            try:
                # No waiting after this: an outcome that is known must not be lost to a cancelled task, and it must be
                # settled before the next message on this connection asks for its permit.
                return outcome or await session.hand_over(letter.message, permit, lambda: self._following)
            except BaseException:  # a lost line, a refused or failed permit, a cancelled task: never used again
                session.destroy()
                raise
            finally:
                if self.messages == 1:
                    self._idle = asyncio.get_running_loop().call_later(self._settings.connection_idle, self._retire)

    async def open(self) -> Session:
        """A new connection in place of the one before."""
        self._session = None
        self._session = await open_session(self._settings, self._context)
        return self._session

    async def quit(self) -> None:
        """Close the connection with QUIT, if there is one and no message on it."""
        if self._idle is not None:
            self._idle.cancel()
        async with self._turn:
            session, self._session = self._session, None
            if session is not None and not session.is_lost:
                await session.quit()

    def _retire(self) -> None:
        self._quitting = asyncio.create_task(self.quit())

    async def _begin(self, letter: Letter) -> tuple[Session, Outcome | None]:
        """The session after MAIL was answered. One that is worn, or that the relay closed meanwhile, is replaced."""
        session = self._session
        if session is not None and session.is_worn:
            await session.quit()
        if session is not None and not session.is_lost:
            try:
                return session, await _begin_on(session, letter)
            except RelayConnectionError:
                pass  # closed meanwhile; nothing of this message was judged
        session = await self.open()
        return session, await _begin_on(session, letter)


async def _begin_on(session: Session, letter: Letter) -> Outcome | None:
    try:
        return await session.begin(letter)
    except BaseException:  # also a cancelled task must not leave a connection behind
        session.destroy()
        raise
