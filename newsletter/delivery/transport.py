"""Transport: our code that hands a message over. The whole seam between the sender and SMTP or files."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Outcome

Permit: TypeAlias = Callable[[], Awaitable[bool]]
"""Asks the ledger to commit, durably, that the final dot may be written now. False: do not write it."""


class Transport(Protocol):
    """Hands messages over. Several `send`s may run at once: on each connection one message after the other.

    While one waits for its reply, the next may be under way up to its body: no permit is asked for it before.
    """

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Hand one message over: envelope, body without its terminator, `permit()`, final dot, reply.

        Returns what the relay answered, also a refusal. Raises TransportError when nothing was judged because there
        is no connection or it was lost *before* the dot (the message may be sent again), and
        PermitRefusedError when the permit said no; what `permit` itself raises goes through, no dot is written then.
        After the dot nothing is raised: a lost line is `Unknown`. The one exception is a cancelled task: its connection
        is destroyed and CancelledError goes through, before or after the dot. The caller knows whether its permit was
        granted; if it was, a cancelled message is unknown. To stop without that, stop claiming and wait.
        """

    async def close(self) -> None:
        """Close all idle connections with QUIT. No `send` may be running."""
