"""Backup and restore of the project's database. A restored copy knows less than the world does, so it sends nothing.

What was accepted by relays after the copy was made stands nowhere in it: everything that could go on sending is
stopped inside the copy, before it takes the database's place, and waits for a person.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from newsletter.app.project import Project
from newsletter.errors import NotFoundError, StorageError
from newsletter.storage.engine import Database, open_file
from newsletter.storage.facts import known_fact
from newsletter.storage.migrate import SchemaState, schema_state
from newsletter.storage.stopping import stop_everything

REASON = "restored from a backup: people may have got this issue since"


def back_up(database: Database, file: Path) -> int:
    """Copy the database into a new file that only its owner can read; its size in bytes."""
    database.copy_to(file)
    return file.stat().st_size


def restore(project: Project, database: Database, file: Path, now: datetime) -> list[str]:
    """Put a backup in the database's place and return the ids of the deliveries that were stopped in it.

    Raises NotFoundError without the file, StorageError when it is no backup of a newsletter or was made with other
    keys than the project's; nothing has changed then.
    """
    if not file.is_file():
        raise NotFoundError(f"There is no file {file}")
    with _scratch_copy(file) as copy:
        scratch = open_file(copy)
        try:
            _examine(scratch, project, file)
            stopped = stop_everything(scratch, REASON, now)
        finally:
            scratch.close()
        database.copy_from(copy)
    return stopped


def _examine(scratch: Database, project: Project, file: Path) -> None:
    try:
        state = schema_state(scratch)
    except StorageError as error:
        raise StorageError(f"{file} is not a backup of a newsletter") from error
    if state not in (SchemaState.CURRENT, SchemaState.OLD):
        raise StorageError(f"{file} is not a backup of a newsletter ({state.value})")
    if known_fact(scratch, "address_key") not in (None, project.keys.fingerprint):
        raise StorageError(
            f"{file} was made with another secret.toml than the one in {project.folder}",
            hint="Put back the secret.toml that belongs to this backup first",
        )


@contextmanager
def _scratch_copy(file: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="newsletter-restore-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(file, copy)
        yield copy
