"""Backup and restore of the project's database. A restored copy knows less than the world does, so it sends nothing.

What relays accepted after the copy was made is not in it. So everything that could continue sending is stopped inside
the copy, before its rows replace the database's in one transaction, and waits for an operator. Later unsubscribes,
suppressions and erasures are kept, as far as the replaced database holds them.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.app.project import Project
from newsletter.errors import NotFoundError, StorageError
from newsletter.storage.database.database import Database, open_file
from newsletter.storage.database.metadata import property_of
from newsletter.storage.database.migrate import SchemaState, schema_state, upgrade
from newsletter.storage.journal.departures import carry_over, put_back
from newsletter.storage.journal.high_water import HighWater, read_mark
from newsletter.storage.journal.stopping import stop_everything

REASON = "restored from a backup: people may have got this issue since"


def back_up(database: Database, file: Path) -> int:
    """Copy the database into a new file that only its owner can read; its size in bytes. Raises StorageError."""
    if not file.parent.is_dir():
        raise StorageError(f"There is no folder {file.parent}", hint="Make it, or name another place for the backup")
    database.copy_to(file)
    return file.stat().st_size


@dataclass(frozen=True, slots=True)
class Restored:
    """The side effects of a restore."""

    stopped: tuple[str, ...]
    """The ids of the deliveries that were stopped in the copy."""
    carried_over: int
    """Unsubscribes, suppressions and erasures that were not in the copy."""
    warning: str = ""
    """What could not be done after the database was replaced."""


def restore(project: Project, database: Database, file: Path, now: datetime) -> Restored:
    """Replace the database by a backup; its deliveries are stopped, later unsubscribes are kept.

    Raises NotFoundError without the file, StorageError when it is no backup of a newsletter or was made with other
    keys than the project's; then nothing has changed.
    """
    if not file.is_file():
        raise NotFoundError(f"There is no file {file}")
    with _scratch_copy(file) as copy:
        with closing(open_file(copy)) as scratch:
            _bring_up(scratch, project, file)
            stopped = _stop(scratch, project, database, now)
            # Before `put_back`, because it may take long; that carries over whatever is added in between.
            carried_over = carry_over(database, scratch)
            scratch.scrub()
        late = put_back(database, copy)
    warning = ""
    if late:  # it may have been an erasure
        try:
            database.scrub()
        except StorageError as error:  # the restore has succeeded all the same
            warning = f"Traces of erased subscribers may remain in unused pages of the database file: {error}"
    return Restored(tuple(stopped), carried_over + late, warning)


def _stop(scratch: Database, project: Project, database: Database, now: datetime) -> list[str]:
    """Stop what the copy could send, and advance its counter, so that no host takes it for an old copy afterwards."""
    seen = HighWater(project.folder, scratch).seen
    with database.read() as connection:
        seen = max(seen, read_mark(connection).permits)
    with scratch.write() as connection:
        return stop_everything(scratch, connection, REASON, now, permits_seen=seen)


def _bring_up(scratch: Database, project: Project, file: Path) -> None:
    try:
        state = schema_state(scratch)
    except StorageError as error:
        raise StorageError(f"{file} is not a backup of a newsletter") from error
    if state not in (SchemaState.CURRENT, SchemaState.OLD):
        raise StorageError(f"{file} is not a backup of a newsletter ({state.value})")
    upgrade(scratch)
    if property_of(scratch, "address_key") not in (None, project.keys.fingerprint):
        raise StorageError(
            f"{file} was made with another secret.toml than the one in {project.folder}",
            hint="Put back the secret.toml that belongs to this backup first",
        )


@contextmanager
def _scratch_copy(file: Path) -> Iterator[Path]:
    with ExitStack() as tidy:
        try:
            folder = tidy.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-restore-"))
            copy = Path(shutil.copyfile(file, Path(folder) / "copy.db"))
        except OSError as error:
            is_unreadable = error.filename == str(file)
            raise StorageError(
                f"{file} cannot be {'read' if is_unreadable else 'copied'}: {error.strerror or error}",
                hint="" if is_unreadable else "Name a folder in TMPDIR, on a disk with room for the backup",
            ) from error
        yield copy
