"""A way out that keeps what it was given and answers what it was told: for tests, without a socket."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.delivery.envelope import Envelope
from newsletter.delivery.message import Message
from newsletter.delivery.outcome import Outcome
from newsletter.delivery.transport import Permit
from newsletter.errors import TransportError


class MemoryTransport:
    """A Transport. `answers` are used up one per message, before the permit is asked when it is a TransportError."""

    def __init__(self, answers: Iterable[Outcome | TransportError] = ()) -> None:
        raise NotImplementedError

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Ask the permit, keep the message, give the next answer (or Accepted)."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""
