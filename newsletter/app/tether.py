"""Tether: ties a child process to its parent, so that none is left behind when the parent is killed.

`newsletter serve` holds the writing end of the child's standard input and never writes. The kernel closes it when the
parent dies, however it dies; the child then stops as if it had been asked to.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import BinaryIO


def end_with_parent(stream: BinaryIO) -> None:
    """Send this process SIGTERM once `stream`, a pipe from its parent, is closed at the other end."""
    threading.Thread(target=_wait, args=(stream,), name="tether", daemon=True).start()


def _wait(stream: BinaryIO) -> None:
    while stream.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
