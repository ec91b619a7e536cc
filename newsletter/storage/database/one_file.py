"""One file: what SQLite's connections are opened on, readable by its owner only, and noticed when another lies there.

A connection goes on in the file that it opened, also when that one was deleted or replaced: nobody else would see what
is written into it. So each use of a connection begins with a look at what lies at the path now.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa

from newsletter.errors import NoDatabaseError, StorageError

_WHICH = "newsletter_file"

Which: TypeAlias = tuple[int, int]
"""Device and number: what stays of a file when it is moved. It is not given away anew while somebody has it open."""


def make_private(file: Path) -> None:
    """Create the file readable by its owner only: it will hold addresses. Its log files take over its mode."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"The database {file} cannot be opened: {error.strerror}") from error


def follow_file(engine: sa.Engine, file: Path) -> None:
    """Let every use of a connection be one of the file that lies there at its beginning.

    While there is none, connecting raises NoDatabaseError: it was there before, and is not made anew.
    """
    path = file.absolute()

    def remember(_: object, record: Any, *_more: object) -> None:
        # Before it is opened: if it is replaced in between, the next look finds another one, and opens that.
        if (which := _which(path)) is None:
            raise NoDatabaseError(f"There is no database {path} any more", hint="Put it back, or a backup of it")
        record.info[_WHICH] = which

    def compare(_: object, record: Any, *_more: object) -> None:
        if record.info[_WHICH] != _which(path):
            raise sa.exc.InvalidatePoolError("another file lies there now")

    listeners: tuple[tuple[str, Callable[..., None]], ...] = (("do_connect", remember), ("checkout", compare))
    for event, listener in listeners:
        sa.event.listen(engine, event, listener)


def _which(path: Path) -> Which | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
