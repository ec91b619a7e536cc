"""A transport into files, for dry runs: each message becomes an `.eml` file named after its Message-ID."""

from pathlib import Path

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply
from newsletter.delivery.transport import Permit
from newsletter.disk import write_whole
from newsletter.errors import PermitRefusedError, RelayConnectionError, RequestError


class FolderTransport:
    """A Transport that writes into `folder`, made with the first message."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:  # noqa: ARG002 - no envelope in a file
        """Write the file whole or not at all; a message written again replaces its file."""
        if not await permit():
            raise PermitRefusedError("The ledger did not allow this message to be finished")
        file = self._folder / f"{message.id.partition('@')[0]}.eml"
        try:
            write_whole(file, message.data, private=True)
        except RequestError as error:
            raise RelayConnectionError(str(error)) from error
        return Accepted(Reply(250, "2.0.0", f"written to {file.name}"))

    async def close(self) -> None:
        """Nothing is open."""
