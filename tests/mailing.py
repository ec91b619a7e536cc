"""What tests of SMTP share: messages to hand over, permits, and sending in one line."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from letters import CLAIM, LETTERHEAD, composed, edition

from newsletter.app.sending.relay import smtp_settings
from newsletter.config import Config
from newsletter.delivery.compose.envelope import Envelope, address_envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Outcome
from newsletter.delivery.transport import Permit
from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport

LINES = ".\n..\n.x\n\nFrom here\n" + "word " * 40 + "\n"
"""What may go wrong in the body: dots, empty lines, long lines."""


@functools.cache
def letter(address: str = "ana@example.com", *, lines: int = 1) -> tuple[Envelope, Message]:
    """One recipient's envelope and message; `lines` makes it longer."""
    claim = replace(CLAIM, address=address)
    message = composed(edition(text=LINES * lines, slots=()), claim, LETTERHEAD)
    return address_envelope(claim, LETTERHEAD), message


def relay(host: str, port: int, **changes: Any) -> SmtpSettings:
    """A relay to talk to as the configuration would have it, but for these changes."""
    return replace(smtp_settings(Config()), host=host, port=port, **changes)


async def granted() -> bool:
    return True


async def refused() -> bool:
    return False


def send_all(
    settings: SmtpSettings, letters: Sequence[tuple[Envelope, Message]], permit: Permit = granted
) -> list[Outcome | BaseException]:
    """Hand letters over one after the other; what was raised stands among the outcomes."""

    async def run() -> list[Outcome | BaseException]:
        transport = SmtpTransport(settings)
        results: list[Outcome | BaseException] = []
        for envelope, message in letters:
            results += await asyncio.gather(transport.send(envelope, message, permit), return_exceptions=True)
        await transport.close()
        return results

    return asyncio.run(run())


def send_behind(
    settings: SmtpSettings, letters: Sequence[tuple[Envelope, Message]], permit: Permit = granted
) -> list[Outcome | BaseException]:
    """Hand letters over as the sender does: while one is under way, the next is given to the transport."""

    async def run() -> list[Outcome | BaseException]:
        transport = SmtpTransport(settings)
        results = await asyncio.gather(
            *(transport.send(envelope, message, permit) for envelope, message in letters), return_exceptions=True
        )
        await transport.close()
        return results

    return asyncio.run(run())
