"""Catcher: a real SMTP server inside this process that stores every message and delivers none. Used by the demo.

aiosmtpd's only door. Every message is stored twice: in a Maildir, for mail programs, and as a numbered `.eml` file with
the exact bytes that were received.
"""

from __future__ import annotations

import asyncio
import mailbox
import socket
import threading
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Catcher:
    """Listens on a free port of the loopback address for as long as its `with` block runs."""

    def __init__(self, folder: Path) -> None:
        self.maildir = folder / "maildir"
        self.files = folder / "eml"
        self.files.mkdir(parents=True, exist_ok=True)
        self.caught = 0
        """Messages received."""
        self._mailbox = mailbox.Maildir(self.maildir)
        self._listening = socket.create_server(("127.0.0.1", 0))  # connections wait until the thread accepts them
        self.host, self.port = self._listening.getsockname()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="catcher", daemon=True)

    def __enter__(self) -> Catcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(self, hostname="catcher.localhost", enable_SMTPUTF8=True, loop=loop), sock=self._listening
        )
        await asyncio.to_thread(self._stop.wait)
        server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Called by aiosmtpd for each message. Writes it before the reply: what was accepted is stored."""
        data = envelope.original_content or b""
        self.caught += 1
        (self.files / f"{self.caught:04}.eml").write_bytes(data)
        self._mailbox.add(data)
        return "250 2.0.0 caught"
