"""The one module that opens the files of a project's authors.

It reads regular files with no symbolic link on the way from the project folder, and never secrets, databases and dot
files: a file that only looks like an issue, a template or an image must not carry them into an email or a log.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from newsletter.problem import Place, Problem
from newsletter.source import MAX_BYTES, Node, Source, parse_source

_NEVER = ("secret.toml", "newsletter.toml", ".*", "*.pem", "*.db", "*.db-*", "*.sqlite*", "high-water.json")
_NEVER_AT_THE_TOP = "journal"

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY


class RefusedFileError(OSError):
    """A file that is not read, whatever it holds. `name` is the link or file at fault, relative to the project."""

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(errno.EACCES, f"{name} {reason}")
        self.name, self.reason, self.hint = name, reason, hint


def read_file(file: Path, root: Path | None, limit: int) -> bytes:
    """The bytes of a file, at most one more than `limit`. Raises OSError, of which RefusedFileError is one.

    `root` is the project folder. A file outside it is read when it was named on the command line; then it must be no
    link itself. None: a file of the program's own, for which links are followed.
    """
    with os.fdopen(_open(*_locate(file, root)), "rb") as stream:
        return stream.read(limit + 1)


def names_in(folder: Path, root: Path | None) -> list[str]:
    """The names in a folder, sorted, without dot files. Raises OSError as `read_file` does."""
    handle = _open(*_locate(folder, root, is_folder=True), is_folder=True)
    try:
        names = os.listdir(handle)  # noqa: PTH208 - pathlib knows no handles
    finally:
        os.close(handle)
    return sorted(name for name in names if not name.startswith("."))


def read_yaml(file: Path, root: Path | None) -> tuple[Node | None, tuple[Problem, ...]]:
    """A YAML file and what is wrong with it. Raises FileNotFoundError, and nothing else."""
    name = shown(file, root)
    try:
        return parse_source(read_file(file, root, MAX_BYTES), name)
    except FileNotFoundError:
        raise
    except OSError as error:
        return None, (unreadable(error, name),)


def unreadable(error: OSError, name: str) -> Problem:
    """The problem of a file that could not be read; `name` is how it is called in problems."""
    if isinstance(error, RefusedFileError):
        return Problem("refused-file", f"this {error.reason}", Place(error.name), hint=error.hint)
    return Problem("unreadable-file", f"cannot read the file: {error.strerror or error}", Place(name))


def quotable(name: str, root: Path) -> Source | None:
    """The text of the file that a problem calls `name`; None when it must not be shown, is no text or is too large."""
    try:
        data = read_file(root / name, root, MAX_BYTES)
        return Source(name, data.decode("utf-8-sig")) if len(data) <= MAX_BYTES else None
    except (OSError, ValueError):
        return None


def shown(file: Path, root: Path | None) -> str:
    """How a file is called in problems: relative to the project when it lies inside it, no link on the way followed."""
    if root is not None:
        base, parts = _locate(file, root)
        if base == _real(root):
            return legible(Path(*parts).as_posix())
    return legible(str(file))


def legible(name: str) -> str:
    """A file's name to show; bytes that are no UTF-8 are replaced, as they could not be written anywhere."""
    return os.fsencode(name).decode("utf-8", "replace")


def located(file: Path, root: Path) -> Path:
    """One path for all ways to a file, below the project folder when it is inside; links in there stay links."""
    base, parts = _locate(file, root)
    return base.joinpath(*parts)


def folders_above(file: Path, root: Path) -> Iterator[Path]:
    """The folder of a file and those above it, up to the project's; outside the project only the next one."""
    base, parts = _locate(file, root)
    folder = base.joinpath(*parts[:-1])
    yield folder
    if base != _real(root):
        yield folder.parent
    while folder != base:
        folder = folder.parent
        yield folder


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads to something below a folder, wherever links on the way lead."""
    return _real(path).is_relative_to(_real(folder))


def _locate(path: Path, root: Path | None, *, is_folder: bool = False) -> tuple[Path, tuple[str, ...]]:
    """The folder from which on no link is followed, and the way from there to the file.

    That is the project folder for every path that enters it. Elsewhere it is the file's folder, or the folder itself.
    """
    way = Path(os.path.abspath(path))  # noqa: PTH100 - as it was named: no link is followed yet
    if root is None:
        way = _real(way)
    else:
        project = _real(root)
        if way.is_relative_to(project):  # what lies above has no links: it is the way to the project
            return project, way.relative_to(project).parts
        for folder in (*reversed(way.parents), way):
            if (entered := _real(folder)).is_relative_to(project):
                return project, (*entered.relative_to(project).parts, *way.relative_to(folder).parts)
    return (_real(way), ()) if is_folder else (_real(way.parent), (way.name,))


def _open(base: Path, parts: tuple[str, ...], *, is_folder: bool = False) -> int:
    """Open a file or folder, each folder from the one above it: no link can be put in the way meanwhile."""
    handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number in range(1, len(parts) + 1):
            here, wants_folder = parts[:number], is_folder or number < len(parts)
            _refuse_name(here)
            before = os.stat(here[-1], dir_fd=handle, follow_symlinks=False)
            _refuse_kind(here, before, wants_folder=wants_folder)
            opened = os.open(here[-1], _FOLDER if wants_folder else _FILE, dir_fd=handle)
            os.close(handle)
            handle = opened
            after = os.fstat(handle)
            if not os.path.samestat(before, after):
                raise _refused(here, "was replaced while it was read", "Try again.")
            if not wants_folder and after.st_nlink > 1 and _is_kept_apart(base, after):
                raise _refused(here, "is another name of a file that is never read", "Put a file of its own here.")
    except BaseException:  # raised again: no way out may leave the folder open
        os.close(handle)
        raise
    return handle


def _refuse_name(parts: tuple[str, ...]) -> None:
    if _is_never_read(parts[-1]) or (len(parts) == 1 and _plain(parts[0]) == _NEVER_AT_THE_TOP):
        raise _refused(parts, "is never read here: a file of this name holds secrets or data", "Take another name.")


def _refuse_kind(parts: tuple[str, ...], status: os.stat_result, *, wants_folder: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _refused(parts, "is a symbolic link; links inside a project are not followed", "Put the original here.")
    if not wants_folder and not stat.S_ISREG(status.st_mode):
        raise _refused(parts, "is a folder or device, not a file", "Put a file here.")


def _is_kept_apart(base: Path, status: os.stat_result) -> bool:
    """Whether an open file is one of those beside newsletter.toml that are never read, by a hard link."""
    with os.scandir(base) as entries:
        kept = [base / entry.name for entry in entries if _is_never_read(entry.name)]
    return any(file.exists() and os.path.samestat(file.stat(), status) for file in kept)


def _is_never_read(name: str) -> bool:
    return any(fnmatchcase(_plain(name), pattern) for pattern in _NEVER)


def _plain(name: str) -> str:
    """A name as file systems compare it that know no capital letters, and no dots or blanks at its end."""
    return unicodedata.normalize("NFKC", name).casefold().rstrip(". ")


def _refused(parts: tuple[str, ...], reason: str, hint: str) -> RefusedFileError:
    return RefusedFileError(legible("/".join(parts)), reason, hint)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # not `resolve`, which raises where links run in a circle
