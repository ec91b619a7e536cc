"""Disk: write a file whole or not at all, with the reason when that fails. The ground: every room may use it."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from newsletter.errors import RequestError


def write_whole(
    file: Path, data: bytes, *, hint: str = "", private: bool = False, durable: bool = False, fresh: bool = False
) -> None:
    """Make or replace a file, and make the folders above it. A reader finds the old bytes or the new ones.

    `private`: only its owner may read it. `durable`: it survives a power cut. `fresh`: raises FileExistsError if the
    file exists. Raises RequestError with the path, the reason and `hint` when it cannot be written.
    """
    draft = file.with_name(
        f".{secrets.token_hex(8)}"
    )  # short, because the file's own name may be as long as the system allows
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
        if (
            isinstance(error, FileExistsError) and error.filename2 is not None
        ):  # from the link: another process was faster
            raise
        raise cannot_write(file, error, hint=hint) from error


@contextmanager
def drafted(file: Path, *, encoding: str = "utf-8", errors: str = "strict", hint: str = "") -> Iterator[IO[str]]:
    """A private text file that appears when the block has ended; if the block raises, nothing changes.

    A device or pipe is written to directly. Raises RequestError with the path, the reason and `hint`.
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


def cannot_write(path: Path, error: OSError, *, hint: str = "") -> RequestError:
    """The error for a file or folder that cannot be written."""
    return RequestError(f"Cannot write {path}: {error.strerror or error}", hint=hint)


def open_private(path: str, flags: int) -> int:
    """An `opener` for files with personal data: only their owner may read them, as with the database."""
    handle = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(handle).st_mode):  # also an existing file; never a device
        os.fchmod(handle, 0o600)
    return handle


def _fill(draft: Path, data: bytes, *, private: bool, durable: bool) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        if durable:
            out.flush()
            os.fsync(handle)
