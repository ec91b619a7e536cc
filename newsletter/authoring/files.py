"""Files of a project: how they are called in problems, and which are not read because a link leads out to them."""

from __future__ import annotations

import os
from pathlib import Path

from newsletter.problem import Place, Problem


def shown(file: Path, root: Path | None) -> str:
    """How a file is called in problems."""
    if root is not None and is_inside(file, root):
        return legible(_real(file).relative_to(_real(root)).as_posix())
    return legible(str(file))


def legible(name: str) -> str:
    """A file's name for people; bytes in it that are no UTF-8 could not be written anywhere."""
    return os.fsencode(name).decode("utf-8", "replace")


def refuse_outside(file: Path, root: Path) -> Problem | None:
    """The problem of a file that a symbolic link leads out to: what lies there is never read, nor quoted.

    A way that has entered the project stays in it, whichever of its folders is the link. A file may lie outside when
    that is how it was named; then it must lie in the very folder that was named.
    """
    way = Path(os.path.abspath(file))  # noqa: PTH100 - as it was named: no link is followed yet
    entered = next((folder for folder in way.parents if is_inside(folder, root)), None)
    if is_inside(file, root if entered else file.parent):
        return None
    link = _real(entered) / way.relative_to(entered).parts[0] if entered else way
    name = link.relative_to(_real(root)).as_posix() if entered else str(link)
    message, hint = "this is a link that leads out of the project", "Put what it leads to here instead."
    return Problem("outside-project", message, Place(legible(name)), hint=hint)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads to something below a folder, wherever links on the way lead."""
    return _real(path).is_relative_to(_real(folder))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # not `resolve`, which raises where links run in a circle
