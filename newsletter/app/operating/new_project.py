"""New project: made from the starter that ships with the program. Asked for by `newsletter init`."""

from __future__ import annotations

from pathlib import Path

from newsletter.app.keys import FILE as KEYS_FILE
from newsletter.app.keys import load_keys
from newsletter.app.project import STARTER
from newsletter.authoring.json_schema import write_schemas
from newsletter.config import FILE
from newsletter.disk import write_whole
from newsletter.errors import AlreadyExistsError

SCHEMAS = "schema"
"""Where editors look for the shape of an issue file, to complete and check it as it is typed."""

_RENAMED = {"gitignore": ".gitignore"}  # a file of that name inside the package would take effect there


def start_project(folder: Path) -> list[Path]:
    """Write a new project into `folder` (made if missing) and return the files that were written, in order.

    Nothing that exists is overwritten: raises AlreadyExistsError naming what is in the way.
    """
    wanted = {folder / _target(file): file for file in sorted(STARTER.rglob("*")) if _ships(file)}
    in_the_way = [path for path in wanted if path.exists()]
    if in_the_way:
        raise AlreadyExistsError(
            f"{in_the_way[0]} is already there",
            hint=f"{folder} is a newsletter project already"
            if folder / FILE in in_the_way
            else "Choose an empty folder",
        )
    for path, original in wanted.items():
        write_whole(path, original.read_bytes(), hint="Choose another folder")
    write_schemas(folder / SCHEMAS)
    load_keys(folder)
    return [*wanted, *sorted((folder / SCHEMAS).iterdir()), folder / KEYS_FILE]


def _target(file: Path) -> Path:
    inside = file.relative_to(STARTER)
    return inside.with_name(_RENAMED.get(inside.name, inside.name))


def _ships(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
