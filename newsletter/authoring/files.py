"""Files of a project: how they are called in problems, and which are not read because a link leads out to them."""

from __future__ import annotations

from pathlib import Path

from newsletter.problem import Place, Problem


def shown(file: Path, root: Path | None) -> str:
    """How a file is called in problems."""
    if root is not None and file.resolve().is_relative_to(root.resolve()):
        return file.resolve().relative_to(root.resolve()).as_posix()
    return str(file)


def refuse_outside(file: Path, root: Path | None) -> Problem | None:
    """The problem of a file that is a symbolic link to somewhere else: what lies there is never read, nor quoted.

    A file may lie outside the project when that is how it was named; but no link in a project may lead out of both
    the project and the folder that the link lies in.
    """
    real = file.resolve()
    if any(real.is_relative_to(folder.resolve()) for folder in (file.parent, root) if folder is not None):
        return None
    hint = "Put the file itself here."
    return Problem(
        "outside-project", "this is a link to a file outside the project", Place(shown(file, root)), hint=hint
    )
