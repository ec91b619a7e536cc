"""Failover: several relays in order. What one relay certainly did not take, the next one gets.

Certain is only what happens before a permit was asked for: no connection, no login, a refusal of the sender. From the
permit on a message stays with its relay, whatever becomes of it: an unknown outcome is never tried elsewhere.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.classification import Stage
from newsletter.delivery.ledger.outcome import Outcome, Refusal
from newsletter.delivery.transport import Permit, Transport
from newsletter.errors import PermitRefusedError, TransportError
from newsletter.machine import now_elapsed

_FIRST, _LONGEST = 10.0, 300.0
"""Seconds for which a relay that took nothing is passed over; each time in a row twice as long."""


@dataclass(slots=True)
class Way:
    """One relay, and for how long it is passed over."""

    name: str
    transport: Transport
    failures: int = 0
    until: float = 0.0


class FailoverTransport:
    """A Transport to the first of several relays that takes messages. `report` is told of each that does not."""

    def __init__(
        self, ways: Sequence[Way], report: Callable[[str], None], clock: Callable[[], float] = now_elapsed
    ) -> None:
        self._ways = ways
        self._report = report
        self._clock = clock

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Hand one message over, to the first relay that takes it. Raises and returns what the last one tried did."""
        is_asked = False

        async def ask() -> bool:
            nonlocal is_asked
            is_asked = True
            return await permit()

        *others, last = self._in_order()
        for way in (*others, last):
            began = self._clock()
            try:
                outcome = await way.transport.send(envelope, message, ask)
            except PermitRefusedError:
                raise
            except TransportError as error:
                self._failed(way, began, str(error))
                if is_asked or way is last:
                    raise
                continue
            if is_asked or not _is_of_the_relay(outcome):
                way.failures, way.until = 0, 0.0
                return outcome
            self._failed(way, began, str(outcome))
            if way is last:
                return outcome
        raise AssertionError("there is a last relay")

    async def close(self) -> None:
        """Close all idle connections with QUIT. No `send` may be running."""
        await asyncio.gather(*(way.transport.close() for way in self._ways))

    def _in_order(self) -> list[Way]:
        """Those that are not passed over now; if all of them are, the one that is to be tried first."""
        now = self._clock()
        return [way for way in self._ways if way.until <= now] or [min(self._ways, key=lambda way: way.until)]

    def _failed(self, way: Way, began: float, why: str) -> None:
        if began < way.until:  # messages that fail side by side are one failure
            return
        way.failures += 1
        pause = min(_LONGEST, _FIRST * 2.0 ** (way.failures - 1))
        way.until = self._clock() + pause
        if len(self._ways) > 1:
            self._report(f"{way.name} takes nothing and is passed over for {pause:.0f} s: {why}")


def _is_of_the_relay(outcome: Outcome) -> bool:
    """Whether the relay refused the sender: no recipient was named yet."""
    return isinstance(outcome, Refusal) and outcome.stage is Stage.MAIL
