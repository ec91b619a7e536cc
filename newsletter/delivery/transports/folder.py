"""A way out into files: each message becomes `<recipient id or Message-ID>.eml` in a folder. For dry runs."""

from __future__ import annotations

from pathlib import Path

from newsletter.delivery.envelope import Envelope
from newsletter.delivery.message import Message
from newsletter.delivery.outcome import Outcome
from newsletter.delivery.transport import Permit


class FolderTransport:
    """A Transport that writes `.eml` files into `folder`, which it makes."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        """Write the file whole or not at all; a message written again replaces its file."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""
