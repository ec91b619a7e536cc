"""High water: how many permits this machine has seen a database grant, in a file that outlives the database.

A database that knows of fewer is an older copy, restored by hand: what was sent since then stands nowhere in it, and it
would be sent again. The ledger counts in the transaction of the permits, and the file learns of it before the dots.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from newsletter.disk import taking_turns, write_whole
from newsletter.errors import RequestError, StaleDatabaseError, StorageError
from newsletter.storage.database.database import Database, shown_url
from newsletter.storage.database.metadata import set_once
from newsletter.storage.database.tables import properties
from newsletter.storage.journal.audit import audit
from newsletter.storage.journal.stopping import stop_everything
from newsletter.storage.ledger.workers import PERMITS_GRANTED

FILE = "high-water.json"
"""Beside secret.toml. Each machine has its own: that a database knows of more is normal, another machine sends too."""

REASON = "an older copy of the database was restored: people may have got this issue since"
_IDENTITY = "identity"
_PERMITS = "permits"
_PLACES = "databases"
"""Where each of them was when the last permit was noted: only there no new one is made silently."""
_MOST = 2**62
_ABOUT = "How many messages this machine has seen leave each database; an older copy of one is noticed by it"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a database has come."""

    identity: str
    """A copy has that of its original, also at another place; two databases of one project have two."""
    permits: int


def read_mark(connection: sa.Connection) -> Mark:
    """The mark of the database that this transaction is in: another file may lie at its place by the next one."""
    return Mark(*connection.execute(_MARK).one())


# Do not select the two apart: on a server each statement sees what was committed before it.
_MARK = sa.select(
    sa.func.coalesce(sa.select(properties.c.value).where(properties.c.name == _IDENTITY).scalar_subquery(), ""),
    PERMITS_GRANTED,
)


class HighWater:
    """How far this machine has seen one database come; the Journal of its ledger.

    `tell` hears, once, that the file cannot be written.
    """

    def __init__(self, folder: Path, database: Database, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self._file = folder / FILE
        self._database = database
        self._tell = tell
        self._is_told = False

    @property
    def seen(self) -> int:
        """How many permits of the database, or of what it is a copy of, the file knows."""
        with self._database.ask() as connection:
            return _read(self._file).seen_of(read_mark(connection))

    def require_reached(self, now: datetime, *, may_stop: bool = True) -> None:
        """Stop everything that could send, and raise StaleDatabaseError, when the database is an older copy.

        From then on it is ahead of the file: this is told once, and a person decides what goes on. A database that is
        asked for the first time gets its identity. Unless it `may_stop`, nothing is written.
        """
        known = _read(self._file)  # before the database is asked: others may be sending
        with self._database.ask() as connection:
            mark = read_mark(connection)
        if not mark.identity and may_stop:
            set_once(self._database, _IDENTITY, secrets.token_hex(8))
        if mark.permits >= known.seen_of(mark):
            return
        if not may_stop:
            raise StaleDatabaseError(self._is_older, hint="The next command that uses it stops what it would send")
        with self._database.write() as connection:
            self._database.serialise(connection, "newsletter stop")
            mark = read_mark(connection)
            if mark.permits >= known.seen_of(mark):
                return  # somebody else was quicker, and told
            stopped = stop_everything(self._database, connection, REASON, now, permits_seen=known.seen_of(mark))
        told = f"stopped {', '.join(stopped)}" if stopped else "nothing in it was scheduled or sending"
        raise StaleDatabaseError(
            f"{self._is_older}; {told}",
            hint="Compare with the relay's log before you resume a delivery, or put a newer backup back",
        )

    def require_ahead(self, connection: sa.Connection, granted: int) -> Callable[[], None]:
        """What to call after a transaction that counted so many permits and before any dot: the file learns of them.

        Raises StaleDatabaseError when the database knew of fewer than the file before the transaction.
        """
        known = _read(self._file)  # before the database is asked: others may be sending
        mark = read_mark(connection)
        if mark.permits - granted < known.seen_of(mark):
            raise StaleDatabaseError(self._is_older, hint="What it would send is stopped before anything is claimed")
        return lambda: self._note_latest(mark)

    def _note_latest(self, mark: Mark) -> None:
        """Note a mark that is committed, and with it what other senders committed at the same time.

        Do not note the mark alone: two senders that do not see each other's permits would note one sum of the two, and
        a copy that lacks one's would pass for the database.
        """
        try:
            with self._database.ask() as connection:
                latest = read_mark(connection)
        except StorageError:  # the permits are granted all the same
            latest = mark
        self.note(latest if latest.identity == mark.identity and latest.permits > mark.permits else mark)

    def audit(self, delivery: str) -> tuple[str, ...]:
        """Why the ledger cannot be trusted to know who got a delivery; empty when it can."""
        return audit(self._database, delivery)

    def note(self, mark: Mark) -> None:
        """Remember that the database has come this far. A file that cannot be written keeps nothing from being sent."""
        if _read(self._file).seen_of(mark) >= mark.permits:
            return
        with taking_turns(self._file.parent):  # two senders would set each other back
            known = _read(self._file)
            if known.seen_of(mark) < mark.permits:
                self._write(known.with_one(mark, place_of(self._database.shown_url, self._file.parent)))

    def _write(self, known: _Known) -> None:
        content = {"about": _ABOUT, _PERMITS: known.permits, _PLACES: known.places}
        try:
            # Not synced to the disk: it outlives our death, and a power cut that takes its last seconds away takes
            # none from the database; a copy that is restored then is older than that.
            write_whole(self._file, json.dumps(content, indent=1).encode())
        except RequestError as error:
            if not self._is_told:
                self._tell(f"{error}; an older copy of the database would not be noticed")
            self._is_told = True

    @property
    def _is_older(self) -> str:
        return (
            f"The database {self._database.shown_url} is an older copy: "
            f"messages have left this machine that it does not know of ({self._file})"
        )


def has_sent(folder: Path, url: str) -> bool:
    """Whether mail has left this machine from the database of the project at this URL."""
    return place_of(shown_url(url), folder) in _read(folder / FILE).places.values()


def place_of(shown: str, folder: Path) -> str:
    """Where a database is, from its shown URL: a file of the project as seen from its folder, which may move."""
    kind, _, path = shown.partition("://")
    if kind != "sqlite":
        return shown
    file, home = os.path.normpath(folder.absolute() / path[1:]), os.path.normpath(folder.absolute())
    return f"sqlite:///{os.path.relpath(file, home) if Path(file).is_relative_to(home) else file}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file says, by identity of the database."""

    permits: dict[str, int]
    places: dict[str, str]

    def seen_of(self, mark: Mark) -> int:
        return self.permits.get(mark.identity, 0)

    def with_one(self, mark: Mark, place: str) -> _Known:
        return _Known(self.permits | {mark.identity: mark.permits}, self.places | {mark.identity: place})


def _read(file: Path) -> _Known:
    """Nothing where the file is lost or damaged: the next note makes it again."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return _Known({}, {})
    permits, places = _entries(content.get(_PERMITS)), _entries(content.get(_PLACES))
    # A count that no database could hold was not written by us; it would keep every command from the database.
    return _Known(
        {name: count for name, count in permits.items() if type(count) is int and 0 <= count < _MOST},
        {name: place for name, place in places.items() if isinstance(place, str)},
    )


def _entries(found: object) -> dict[str, object]:
    return found if isinstance(found, dict) else {}
