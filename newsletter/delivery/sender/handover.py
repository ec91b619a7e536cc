"""Handover: what a connection does with one claim: compose, hand over, decide. Part of the loop in `send`.

Before: a claim; after: its settlement. Also counts what must halt a delivery: refusals that are our fault, and messages
that cannot be composed.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.ledger import (
    Claim,
    Decision,
    Ledger,
    PermitRequest,
    RecipientState,
    Settlement,
    Worker,
)
from newsletter.delivery.ledger.outcome import Outcome, Rejected, Unknown
from newsletter.delivery.ledger.plan import Exclusion
from newsletter.delivery.ledger.retry import RetryPolicy, decide, set_back
from newsletter.delivery.ledger.settle import WOULD_DIFFER
from newsletter.delivery.sender.backoff import Backoff
from newsletter.delivery.sender.group_commit import GroupCommit, wait_out
from newsletter.delivery.transport import Transport
from newsletter.errors import (
    ComposeError,
    NewsletterError,
    PermitRefusedError,
    RelayLoginError,
    StorageError,
    TransportError,
)

Prepare: TypeAlias = Callable[[Claim], tuple[Envelope, Message]]
"""Composes one recipient's message. Raises ComposeError when that is the fault of their data."""

_PACKAGE = Path(__file__).parents[2]

MOST_REFUSALS = 20
"""Recipients refused for a reason of ours after which a delivery halts: continuing damages the sender's reputation."""

MOST_UNRENDERED = 20
"""Messages that could not be composed, after which a delivery halts if they are more than one in a hundred."""


@dataclass(frozen=True, slots=True)
class SenderPorts:
    """Everything outside that the loop works with."""

    ledger: Ledger
    transport: Transport
    prepare: Prepare
    clock: Callable[[], datetime]
    new_worker: Callable[[], Worker]
    is_dead: Callable[[Worker], bool]
    watch: Callable[[Claim, Decision], None]
    """Is told of every message that was settled."""
    trouble: Callable[[str], None]
    """Is told what keeps messages from leaving: relay or database out of reach, one person's data, our mistakes."""


class Handover:
    """Delivers claims, any number at once; the counts are those of one worker."""

    def __init__(self, around: SenderPorts, policy: RetryPolicy, writer: GroupCommit, gate: Backoff) -> None:
        self._around = around
        self._policy = policy
        self._writer = writer
        self._gate = gate
        self._composed: Counter[str] = Counter()
        self._unrendered: Counter[str] = Counter()
        self._refused: defaultdict[str, set[str]] = defaultdict(set)
        self._setbacks: Counter[str] = Counter()
        self._halts: dict[str, bool] = {}
        """The deliveries of which no more messages are begun, and whether the ledger knows yet."""

    def has_halted(self, delivery: str) -> bool:
        """Whether the ledger knows that we halted it: claims of it come from now on only if a person resumes it."""
        return self._halts.get(delivery, False)

    def begin_afresh(self, delivery: str) -> None:
        """A person let a halted delivery go on: what made it halt counts from nought again."""
        self._halts.pop(delivery, None)
        for counter in (self._composed, self._unrendered, self._refused):
            counter.pop(delivery, None)

    async def deliver(self, claim: Claim) -> Settlement:
        """Try to hand one recipient's message over, and decide what to do now."""
        if claim.delivery in self._halts:
            return Settlement(claim, Decision.requeue(self._around.clock(), "halted before it could be sent"), None)
        self._composed[claim.delivery] += 1
        try:
            # In a thread: the first message of an edition reads it from the database, which may be busy.
            envelope, message = await asyncio.to_thread(self._around.prepare, claim)
        except ComposeError as error:
            return Settlement(claim, await self._leave_out(claim, str(error)), None)
        except StorageError as error:
            wait_out(error, self._around.trouble)
            return Settlement(claim, Decision.requeue(self._around.clock(), "its edition could not be read"), None)
        except NewsletterError as error:
            # Not this person's data: the next message would fare no better.
            return Settlement(claim, await self._halt(claim, str(error)), None)
        except Exception as error:  # noqa: BLE001  a mistake of ours that one person's data brings out: the cap halts
            return Settlement(claim, await self._leave_out(claim, nameless(error)), None)
        if claim.sha256 not in ("", message.sha256):
            return Settlement(claim, Decision.hold(WOULD_DIFFER, counts=False), None, message.id)
        decision, outcome = await self._hand_over(claim, envelope, message)
        return Settlement(claim, decision, outcome, message.id, message.sha256)

    async def _hand_over(self, claim: Claim, envelope: Envelope, message: Message) -> tuple[Decision, Outcome | None]:
        is_permitted = False

        async def permit() -> bool:
            nonlocal is_permitted
            is_permitted = await self._writer.permit(PermitRequest(claim, message.id, message.sha256))
            return is_permitted

        try:
            outcome = await self._around.transport.send(envelope, message, permit)
        except PermitRefusedError:
            return Decision.requeue(self._around.clock(), "paused before it could be sent"), None
        except RelayLoginError as error:
            return await self._halt(claim, str(error)), None
        except TransportError as error:
            return self._set_back(claim, str(error)), None
        except Exception as error:  # noqa: BLE001  a mistake of ours that one relay's odd reply brings out
            # The process has other messages under way, whose replies would be lost with it. Before the permit nothing
            # has happened: the line is closed, and the message waits as for a relay that is away. After it the dot may
            # be written, and nobody may guess.
            if not is_permitted:
                return self._set_back(claim, nameless(error)), None
            outcome = Unknown(nameless(error))
            self._around.trouble(f"{claim.recipient}: {outcome.reason}")
        self._gate.answered()
        return await self._decide(claim, outcome), outcome

    async def _decide(self, claim: Claim, outcome: Outcome) -> Decision:
        if isinstance(outcome, Rejected) and outcome.classification.blame == "ours":
            refused = self._refused[claim.delivery]
            refused.add(claim.recipient)
            if len(refused) >= MOST_REFUSALS and claim.delivery not in self._halts:
                reason = f"{MOST_REFUSALS} recipients were refused, not because of their addresses"
                await self._halt(claim, f"{reason} ({outcome.classification}): {outcome.reply}")
        decision = decide(
            outcome,
            attempts=claim.attempts,
            eligible_at=claim.eligible_at,
            now=self._around.clock(),
            policy=self._policy,
            setbacks=self._setbacks[claim.recipient],
        )
        self._count_setback(claim, is_one=decision.state is RecipientState.WAITING)
        return decision

    def _set_back(self, claim: Claim, reason: str) -> Decision:
        self._gate.failed()
        self._around.trouble(reason)
        setbacks = self._setbacks[claim.recipient]
        self._count_setback(claim, is_one=True)
        return set_back(reason, setbacks=setbacks, now=self._around.clock(), policy=self._policy)

    def _count_setback(self, claim: Claim, *, is_one: bool) -> None:
        if is_one:
            self._setbacks[claim.recipient] += 1
        else:
            self._setbacks.pop(claim.recipient, None)

    async def _leave_out(self, claim: Claim, reason: str) -> Decision:
        """Their message cannot be composed. Too many of those say that something else is wrong."""
        if claim.delivery in self._halts:  # while this one was composed: it may be no fault of this person's data
            return Decision.requeue(self._around.clock(), reason)
        unrendered = self._unrendered[claim.delivery] = self._unrendered[claim.delivery] + 1
        self._around.trouble(f"{claim.recipient}: {reason}")
        if unrendered > MOST_UNRENDERED and unrendered * 100 > self._composed[claim.delivery]:
            await self._halt(claim, f"{unrendered} messages could not be composed, the last because: {reason}")
        return Decision.skip(Exclusion.RENDER)

    async def _halt(self, claim: Claim, reason: str) -> Decision:
        """Stop the delivery until a person resumes it; the message goes back."""
        self._halts.setdefault(claim.delivery, False)
        halt = self._around.ledger.halt
        await self._writer.insist(lambda: self._writer.call(halt, claim.delivery, reason))
        self._halts[claim.delivery] = True
        return Decision.requeue(self._around.clock(), reason)


def nameless(error: Exception) -> str:
    """What a mistake of ours is called in logs and reasons: its kind and place. Its text may hold an address."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)][-1]
    return f"{type(error).__name__} at {Path(last.filename).relative_to(_PACKAGE)}:{last.lineno}"
