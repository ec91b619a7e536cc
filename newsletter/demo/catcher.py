"""Catcher: a real SMTP server inside this process that keeps every mail and delivers none. Used by the demo.

aiosmtpd's only door. What it caught stands twice on disk: as a Maildir, for mail programs, and as numbered `.eml`
files with the exact bytes that were received.
"""

from __future__ import annotations

import asyncio
import mailbox
import threading
from pathlib import Path
from types import TracebackType

from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST = "127.0.0.1"


class Catcher:
    """Listens on a free port of the loopback address for as long as its `with` block runs."""

    def __init__(self, folder: Path) -> None:
        self.maildir = folder / "maildir"
        self.files = folder / "eml"
        self.files.mkdir(parents=True, exist_ok=True)
        self.host, self.port = _HOST, 0
        self._handler = _Handler(self.maildir, self.files)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail catcher", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Catcher:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def caught(self) -> int:
        """How many messages have come in."""
        return self._handler.count

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self._handler, hostname="catcher.localhost", enable_SMTPUTF8=True, loop=self._loop), _HOST, 0
        )

    async def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
        pending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


class _Handler:
    """What aiosmtpd calls for each message; the method's name is part of its interface."""

    def __init__(self, maildir: Path, files: Path) -> None:
        self._maildir = mailbox.Maildir(maildir)
        self._files = files
        self.count = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Write first, answer then: what we say we have, we have."""
        data = envelope.original_content or b""
        self.count += 1
        (self._files / f"{self.count:04}.eml").write_bytes(data)
        self._maildir.add(data)
        return "250 2.0.0 caught"
