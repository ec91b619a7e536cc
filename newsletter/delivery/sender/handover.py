"""Hand over: compose one claim's message, give it to the transport, decide what its outcome means.

Before: a claim; after: a `Handover`, which the sender settles. Writes nothing itself; a function passed in asks for the
permit.
"""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.ledger import Claim, Decision, Ledger, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Unknown
from newsletter.delivery.ledger.plan import Exclusion
from newsletter.delivery.ledger.retry import RetryPolicy, decide, set_back
from newsletter.delivery.ledger.settle import WAS_UPDATED, WOULD_DIFFER
from newsletter.delivery.sender.group_commit import Journal
from newsletter.delivery.sender.throttle import Pace
from newsletter.delivery.transport import Transport
from newsletter.errors import (
    ComposeError,
    DamagedDatabaseError,
    NewsletterError,
    PermitRefusedError,
    RelayBusyError,
    RelayLoginError,
    StorageError,
    TransportError,
)

Compose: TypeAlias = Callable[[Claim], Awaitable[tuple[Envelope, Message]]]
"""Composes one recipient's message on the event loop; only the first one of an edition waits, for the database.

Raises ComposeError when that recipient's data is the cause.
"""

_PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class SenderDependencies:
    """Wired by `app`."""

    ledger: Ledger
    journal: Journal
    pace: Pace
    transport: Transport
    compose: Compose
    clock: Callable[[], datetime]
    """UTC."""
    new_worker: Callable[[], Worker]
    is_dead: Callable[[Worker], bool]
    on_trouble: Callable[[str], None]
    """Called with what stops messages: relay or database unreachable, one recipient's data, a bug."""


@dataclass(frozen=True, slots=True)
class Handover:
    """How one hand-over ended."""

    settlement: Settlement
    trouble: str = ""
    """What to report to an operator, if anything."""
    halt: str = ""
    """Why every message of this delivery would fail the same way, if so."""
    is_unrendered: bool = False
    """Whether the message could not be composed."""
    return_path: str = ""
    """Ours, in this message's envelope."""
    busy: str = ""
    """What the relay said where it let us begin no message for now."""
    is_answered: bool | None = None
    """Whether the relay answered: False when it could not be reached, None when it was not asked."""


async def hand_over(
    claim: Claim,
    dependencies: SenderDependencies,
    policy: RetryPolicy,
    permit: Callable[[PermitRequest], Awaitable[bool]],
    *,
    setbacks: int,
) -> Handover:
    """Hand one recipient's message over. `setbacks`: how often it was set back before, without being judged.

    Raises DamagedDatabaseError, and what `permit` raises.
    """
    try:
        envelope, message = await dependencies.compose(claim)
    except ComposeError as error:
        return _unrendered(claim, str(error))
    except DamagedDatabaseError:
        raise
    except StorageError as error:
        decision = Decision.requeue(dependencies.clock(), "its edition could not be read")
        return Handover(Settlement(claim, decision, None), trouble=str(error))
    except NewsletterError as error:  # not this recipient's data: the next message would fail the same way
        return Handover(Settlement(claim, Decision.requeue(dependencies.clock(), str(error)), None), halt=str(error))
    except Exception as error:  # noqa: BLE001  a bug that one recipient's data brings out: the breaker counts them
        return _unrendered(claim, place_of(error))
    if claim.sha256 not in ("", message.sha256):
        # The first one may have arrived; a second, different message must not be sent unseen.
        reason = WAS_UPDATED if message.is_updated else WOULD_DIFFER
        return Handover(Settlement(claim, Decision.hold(reason, counts=False), None, message.id))
    return await _send(claim, envelope, message, dependencies, policy, permit, setbacks)


async def _send(
    claim: Claim,
    envelope: Envelope,
    message: Message,
    dependencies: SenderDependencies,
    policy: RetryPolicy,
    permit: Callable[[PermitRequest], Awaitable[bool]],
    setbacks: int,
) -> Handover:
    is_permitted = False

    async def ask_permit() -> bool:
        nonlocal is_permitted
        is_permitted = await permit(PermitRequest(claim, message.id, message.sha256))
        return is_permitted

    def unjudged(decision: Decision) -> Settlement:
        return Settlement(claim, decision, None, message.id, message.sha256)

    def unreached(reason: str) -> Handover:
        decision = set_back(reason, setbacks=setbacks, now=dependencies.clock(), policy=policy)
        return Handover(unjudged(decision), trouble=reason, is_answered=False)

    trouble = ""
    try:
        outcome = await dependencies.transport.send(envelope, message, ask_permit)
    except PermitRefusedError:
        return Handover(unjudged(Decision.requeue(dependencies.clock(), "paused before it could be sent")))
    except RelayLoginError as error:
        return Handover(unjudged(Decision.requeue(dependencies.clock(), str(error))), halt=str(error))
    except RelayBusyError as error:
        return Handover(unjudged(Decision.requeue(dependencies.clock(), str(error))), busy=str(error), is_answered=True)
    except TransportError as error:
        return unreached(str(error))
    except Exception as error:  # noqa: BLE001  a bug that one relay's odd reply brings out
        # It must not end the process: the replies to the other messages in flight would be lost with it. Before the
        # permit nothing has happened, the connection is closed and the message waits. After it the dot may have been
        # written, so the outcome is unknown and never guessed.
        if not is_permitted:
            return unreached(place_of(error))
        outcome = Unknown(place_of(error))
        trouble = f"{claim.recipient}: {outcome.reason}"
    decision = decide(
        outcome,
        attempts=claim.attempts,
        eligible_at=claim.eligible_at,
        now=dependencies.clock(),
        policy=policy,
        setbacks=setbacks,
    )
    settlement = Settlement(claim, decision, outcome, message.id, message.sha256)
    return Handover(settlement, trouble=trouble, return_path=envelope.return_path, is_answered=True)


def _unrendered(claim: Claim, reason: str) -> Handover:
    settlement = Settlement(claim, Decision.skip(Exclusion.RENDER), None)
    return Handover(settlement, trouble=f"{claim.recipient}: {reason}", is_unrendered=True)


def place_of(error: Exception) -> str:
    """A bug in logs and reasons: its type, file and line. Not its text, which may hold an address."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)][-1]
    return f"{type(error).__name__} at {Path(last.filename).relative_to(_PACKAGE)}:{last.lineno}"
