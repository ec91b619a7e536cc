"""Backup and restore of the project's database. A restored copy knows less than the world does, so it sends nothing.

What was sent and who left after the copy was made is in the journal. It is replayed into the copy, in which everything
that could go on sending is stopped and waits for an operator; then the copy's rows replace the database's in one
transaction.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.app.project import Project
from newsletter.delivery.sender.worker import is_known_dead
from newsletter.errors import NotFoundError, StateError, StorageError
from newsletter.reporting.wording import counted
from newsletter.storage.database.database import Database, open_file
from newsletter.storage.database.metadata import property_of, set_once
from newsletter.storage.database.migrate import SchemaState, schema_state, upgrade
from newsletter.storage.database.tables import metadata
from newsletter.storage.journal.files import KEPT_DAYS
from newsletter.storage.journal.journal import IDENTITY
from newsletter.storage.ledger.workers import has_worker

REASON = "restored from a backup: look at what the journal has of this issue before you resume it"


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
    sent: str
    """Messages that were sent since, by issue and outcome; empty without any."""
    warning: str = ""
    """What could not be done after the database was replaced."""


def restore(project: Project, database: Database, file: Path, now: datetime, *, force: bool = False) -> Restored:
    """Replace the database by a backup; its deliveries are stopped, and it gets what the journal has beyond it.

    The journal first gets what only the database has, such as what other hosts sent. What it has of the database counts
    for the backup, too, although that may have been made of another one, before this project began anew.

    Raises NotFoundError without the file; StateError while a sender runs, and unless `force` for a backup of before the
    journal; StorageError when it is no backup of a newsletter or was made with other keys than the project's. Then
    nothing has changed.
    """
    if not file.is_file():
        raise NotFoundError(f"There is no file {file}")
    if has_worker(database, is_known_dead):
        raise StateError(
            "A sender is running: it would go on with what the backup does not know",
            hint="Stop newsletter serve, worker and send, then restore",
        )
    with project.journal(database) as journal:
        journal.seed(now)
        replaced = journal.identity
    with _scratch_copy(file) as copy:
        with closing(open_file(copy)) as scratch:
            _bring_up(scratch, project, file)
            set_once(scratch, IDENTITY, replaced)  # a backup of before the journal has none
            with project.journal(scratch) as journal:
                if (forgotten := journal.forgotten(replaced)) and not force:
                    later = counted(len(forgotten), "later delivery", "later deliveries")
                    raise StateError(
                        f"{file} is older than {KEPT_DAYS} days: who got {later} is no longer kept",
                        hint="--force restores it all the same; those who are sent these issues again get them twice",
                    )
                for one in forgotten:
                    one.unlink(missing_ok=True)
                journal.inherit(replaced)
                carried_over = journal.replay_opt_outs().changes
                replayed = journal.replay(now, why=REASON)
            scratch.scrub()
        database.replace_by(copy, tuple(metadata.tables.values()))
    warning = ""
    with project.journal(database) as journal:
        journal.inherit(replaced)  # from those who left meanwhile
        late = journal.replay_opt_outs()
    if late.erased:
        try:
            database.scrub()
        except StorageError as error:  # the restore has succeeded all the same
            warning = f"Traces of erased subscribers may remain in unused pages of the database file: {error}"
    return Restored(replayed.stopped, carried_over + late.changes, str(replayed), warning)


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
