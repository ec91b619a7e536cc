"""A transport that keeps its messages and gives scripted answers, without a socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply
from newsletter.delivery.transport import Permit
from newsletter.errors import PermitRefusedError, TransportError


class MemoryTransport:
    """A Transport. `answers` are used up, one per message; a TransportError is raised before the permit is asked."""

    def __init__(self, answers: Iterable[Outcome | TransportError] = ()) -> None:
        self._answers = deque(answers)
        self.sent: list[tuple[Envelope, Message]] = []
        """Every message whose final dot was permitted, whatever the answer was."""
        self.is_closed = False

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Ask the permit, keep the message, give the next answer (without one: Accepted)."""
        answer = self._answers.popleft() if self._answers else Accepted(Reply(250, "2.0.0", "kept"))
        if isinstance(answer, TransportError):
            raise answer
        if not await permit():
            raise PermitRefusedError("The ledger did not allow this message to be finished")
        self.sent.append((envelope, message))
        return answer

    async def close(self) -> None:
        """Nothing is open; tests can see that it was called."""
        self.is_closed = True
