"""Pool: the SMTP transport, a number of connections to one relay, each used for many messages.

Before: the sender. After: `dialogue` (one message), `handshake` (one connection), `line` (one socket).
"""

import asyncio

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Outcome
from newsletter.delivery.transport import Permit
from newsletter.delivery.transports.smtp.dialogue import Session, open_session
from newsletter.delivery.transports.smtp.settings import SmtpSettings, check_settings, tls_context
from newsletter.errors import RelayConnectionError

__all__ = ["SmtpSettings", "SmtpTransport"]


class SmtpTransport:
    """A Transport to one relay. Raises ConfigError when the settings would send email or a password in clear.

    A connection is used by one message at a time and goes back to the pool only after a reply that made sense. After
    anything else, also when the task is cancelled, it is destroyed: a late reply must never reach another message.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        check_settings(settings)
        self._settings = settings
        self._context = tls_context(settings)
        self._free = asyncio.Semaphore(settings.connections)
        self._idle: list[Session] = []

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Hand one message over on a free connection, opening one if need be."""
        async with self._free:
            session, outcome = await self._begin(envelope, message)
            try:
                if outcome is None:
                    outcome = await session.hand_over(message, permit)
            except BaseException:  # a lost line, a refused or failed permit, a cancelled task: never used again
                session.destroy()
                raise
            # No waiting from here on: an outcome that is known must not be lost to a cancelled task.
            if not session.is_lost:
                self._idle.append(session)
            return outcome

    async def probe(self) -> str:
        """Open one connection, send nothing; returns what the relay offers."""
        session = await open_session(self._settings, self._context)
        self._idle.append(session)
        return f"offers {', '.join(session.offers) or 'no extensions'}"

    async def close(self) -> None:
        """Close all idle connections with QUIT. No `send` may be running."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.quit() for session in idle))

    async def _begin(self, envelope: Envelope, message: Message) -> tuple[Session, Outcome | None]:
        """A session after MAIL was answered. One that the relay closed while it was idle is replaced."""
        while self._idle:
            session = self._idle.pop()
            if session.messages >= self._settings.messages_per_connection:
                await session.quit()
                continue
            try:
                return await _begin_on(session, envelope, message)
            except RelayConnectionError:
                continue  # closed meanwhile; nothing of this message was judged
        return await _begin_on(await open_session(self._settings, self._context), envelope, message)


async def _begin_on(session: Session, envelope: Envelope, message: Message) -> tuple[Session, Outcome | None]:
    try:
        return session, await session.begin(envelope, message)
    except BaseException:  # also a cancelled task must not leave a connection behind
        session.destroy()
        raise
