"""Maildir: emails that a mail server delivered into a folder, each read once and then moved.

`new/` and `cur/` are read; what was read goes to `done/`, and what matches nobody to a folder for a person. An email
whose move fails is read again, which changes nothing.
"""

import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from newsletter.disk import write_whole
from newsletter.errors import RequestError
from newsletter.feedback.sources.parts import MAX_BYTES

DONE, UNMATCHED = "done", "unmatched"
_KEPT_DAYS = 30
_READ = ("new", "cur")


@dataclass(frozen=True, slots=True)
class Maildir:
    """One Maildir. `unmatched`: where what matches nobody goes."""

    folder: Path
    unmatched: Path

    def emails(self) -> Iterator[tuple[Path, bytes]]:
        """Every email that is to be read, the oldest first, with its beginning. Raises RequestError."""
        if not any((self.folder / name).is_dir() for name in _READ):
            hint = "A Maildir has the folders new and cur; name it with --maildir or [bounces] maildir"
            raise RequestError(f"{self.folder} is no Maildir", hint=hint)
        found = []
        for name in _READ:
            with suppress(FileNotFoundError):
                found += [
                    Path(entry.path) for entry in os.scandir(self.folder / name) if not entry.name.startswith(".")
                ]
        for file in sorted(found, key=lambda one: one.name):
            with suppress(FileNotFoundError):  # another process was quicker
                if (data := read_file(file)) is not None:
                    yield file, data

    def move(self, file: Path, *, is_matched: bool) -> None:
        """Move an email that was read. Raises RequestError when that is not allowed."""
        folder = self.folder / DONE if is_matched else self.unmatched
        with suppress(FileNotFoundError), _refused(folder):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.move(file, folder / file.name)

    def prune(self) -> None:
        """Delete what was read and moved a month ago: it holds addresses."""
        before = time.time() - _KEPT_DAYS * 86400
        with suppress(FileNotFoundError), _refused(self.folder / DONE):
            for entry in os.scandir(self.folder / DONE):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_ctime < before:
                    Path(entry.path).unlink(missing_ok=True)


def keep_unmatched(data: bytes, folder: Path) -> None:
    """Keep an email that matches nobody, for the owner of the folder alone. Raises RequestError."""
    file = folder / f"{int(time.time())}.{secrets.token_hex(8)}.eml"
    write_whole(file, data, hint="Name another folder with --unmatched", private=True)


def read_file(file: Path) -> bytes | None:
    """The beginning of an email; None for what is no file: a folder, a pipe, a link elsewhere. Raises RequestError."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        if file.is_symlink():
            return None
        raise RequestError(
            f"{file} cannot be read: {error.strerror}", hint="It must be a file that you may read"
        ) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as opened:
        return opened.read(MAX_BYTES)


@contextmanager
def _refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = "It must be a folder that you may write to"
        raise RequestError(f"{folder} cannot be written to: {error.strerror}", hint=hint) from error
