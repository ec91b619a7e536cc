"""Disk: a file written whole or not at all, and in a sentence why it cannot be. The ground: every room may ask here."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from newsletter.errors import RequestError

try:
    import fcntl
except ImportError:  # not a system of that kind
    fcntl = None  # type: ignore[assignment]


def write_whole(
    file: Path, data: bytes, *, hint: str = "", private: bool = False, durable: bool = False, fresh: bool = False
) -> None:
    """Make a file or replace it, and the folders above it. Whoever reads it finds the old bytes or the new ones.

    `private`: only its owner may read it. `durable`: it outlives a power cut. `fresh`: it must not be there yet, and
    raises FileExistsError. Raises RequestError with the path, the reason and `hint` when it cannot be written.
    """
    draft = file.with_name(f".{secrets.token_hex(8)}")  # short: beside a long name there is still room for it
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fill(draft, data, private=private, durable=durable)
            if fresh:
                os.link(draft, file)
            else:
                draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, FileExistsError) and error.filename2 is not None:  # the link's: somebody was quicker
            raise
        raise cannot_write(file, error, hint=hint) from error


@contextmanager
def drafted(file: Path, *, encoding: str = "utf-8", errors: str = "strict", hint: str = "") -> Iterator[IO[str]]:
    """A text file for its owner alone, which appears when the block has ended; one that raises leaves all as it was.

    A device or pipe is written to as it is. Raises RequestError with the path, the reason and `hint`.
    """
    is_plain = file.is_file() or not file.exists()
    draft = file.with_name(f".{secrets.token_hex(8)}") if is_plain else file
    try:
        with open(draft, "w", encoding=encoding, errors=errors, newline="", opener=open_private) as out:
            yield out
        if is_plain:
            draft.replace(file)
    except OSError as error:
        raise cannot_write(file, error, hint=hint) from error
    finally:
        if is_plain:
            draft.unlink(missing_ok=True)


@contextmanager
def taking_turns(folder: Path, *, patience: float = 1.0) -> Iterator[None]:
    """Let one process or thread at a time do this with the files of a folder, where the system can.

    Whoever holds it longer than `patience` seconds (stopped in the middle, perhaps) is not waited for.
    """
    if fcntl is None:
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # what is done in there will tell
        yield
        return
    try:
        _wait_for_turn(handle, patience)
        yield
    finally:
        os.close(handle)  # and with it goes the lock


def _wait_for_turn(handle: int, patience: float) -> None:
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:  # a file system without locks
            return


def cannot_write(path: Path, error: OSError, *, hint: str = "") -> RequestError:
    """What to raise when a file or folder cannot be written."""
    return RequestError(f"Cannot write {path}: {error.strerror or error}", hint=hint)


def open_private(path: str, flags: int) -> int:
    """An `opener` for files that say who somebody is: only their owner may read them, as it is with the database."""
    handle = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(handle).st_mode):  # one that was there already, too; a device stays everybody's
        os.fchmod(handle, 0o600)
    return handle


def _fill(draft: Path, data: bytes, *, private: bool, durable: bool) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        if durable:
            out.flush()
            os.fsync(handle)
