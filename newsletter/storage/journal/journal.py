"""Journal: what one host knows of one database beyond that database itself.

Before anything is sent, the database is compared with the journal. What it lacks is replayed into it; in an older copy,
all that could send is stopped, once, and waits for an operator. Every command compares; only those that write into
either import what does.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import PermitRequest, Settlement, Worker
from newsletter.errors import NotAdoptedError, StaleDatabaseError, StorageError
from newsletter.storage.database.database import Connection, Database, shown_url
from newsletter.storage.database.metadata import property_of, set_once
from newsletter.storage.database.tables import attempts, deliveries, leases, workers
from newsletter.storage.journal.compare import Compared, compare
from newsletter.storage.journal.files import JournalFiles, OptOutLine, Receipt
from newsletter.storage.ledger.recheck import UNSURE

if TYPE_CHECKING:
    from newsletter.storage.journal.opt_outs import Applied

FOLDER = "journal"
"""Beside secret.toml."""
IDENTITY = "identity"
"""The property of a database under which its identity is kept."""
_REPEATED = timedelta(minutes=1)
_REMEMBERED = 10_000
_WHY = "an older copy of the database was put back"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What an older copy lacked, and what was stopped in it."""

    missing: tuple[Receipt, ...] = ()
    stopped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing)

    def __str__(self) -> str:
        found = Counter((one.issue, "unknown" if one.outcome in UNSURE else one.outcome) for one in self.missing)
        by_issue = groupby(sorted(found.items()), key=lambda item: item[0][0])
        return "; ".join(
            f"{issue}: " + ", ".join(f"{count} {outcome}" for (_, outcome), count in counted)
            for issue, counted in by_issue
        )


class Journal:
    """The journal of this host, beside one database. Safe to use from several threads.

    `folder`: that of secret.toml. `adopted`: the identity of a database to send from where this disk does not last.
    """

    def __init__(self, folder: Path, database: Database, *, adopted: str = "") -> None:
        self._files = JournalFiles(folder / FOLDER)
        self._database = database
        self._place = place_of(database.shown_url, folder)
        self._adopted = adopted
        self._lock = threading.RLock()
        self._generation = -1
        self._round = object()
        """Another one from each `compare_again` on. Replaced without the lock, which a comparison holds for seconds."""
        self._current: dict[str, object] = {}
        """Deliveries of whose issues all receipts were compared → the round in which that began."""
        self._identity = ""
        self._is_ready = False
        self._leases: dict[str, float] = {}
        self._appended: dict[str, OptOutLine] = {}
        """The last opt-out of each recipient that this process appended."""

    def __enter__(self) -> Journal:
        self._identity = self.identity  # made before any transaction that appends to the journal
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """That of the database, made when it has none. A copy has that of its original."""
        self._identity = set_once(self._database, IDENTITY, secrets.token_hex(8))
        return self._identity

    # Whether anything may leave

    def keep_up(self) -> None:
        """Replay what the database may lack at the start, after it was replaced, and when it comes back.

        Raises StaleDatabaseError for an older copy, once everything in it is stopped; NotAdoptedError for a move or a
        copy. To be called before anything is prepared, claimed or started.
        """
        with self._lock:
            generation = self._database.generation
            if generation != self._generation or self._files.is_waiting:
                self._current.clear()
                self._is_ready = False
                now = datetime.now(UTC)
                if self.replay_opt_outs().erased:
                    self._database.scrub()
                self.require_newest(now)
                self._files.prune(self._identity, now)
                self._generation = generation
            if not self._is_ready and not self._is_adopted():
                raise NotAdoptedError(
                    f"Email was sent from the database {self._database.shown_url}, but not from here "
                    f"(its identity is {self._identity}): it was moved or copied, and nothing is sent from it",
                    hint="If it is sent from nowhere else any more: newsletter db adopt",
                )
            self._is_ready = True

    def require_current(self, delivery: str) -> None:
        """Let pass a delivery of whose issue the database has every receipt. Raises as `keep_up` does.

        Reads all receipts of the issue the first time: a few seconds for a hundred thousand.
        """
        with self._lock:
            self.keep_up()
            if self._current.get(delivery) is (begun := self._round):
                return
            with self._database.read() as connection:
                of = sa.select(deliveries.c.issue).where(deliveries.c.id == delivery)
                issue = connection.execute(of).scalar()
            if issue is not None:
                replayed = self._replay(datetime.now(UTC), issue)
                if replayed.missing:
                    raise self._older(replayed)
            self._current[delivery] = begun

    def compare_again(self) -> None:
        """Compare each delivery's issue once more: rows were recovered, whose outcomes may be here. Never blocks."""
        self._round = object()

    def require_newest(self, now: datetime, *, may_stop: bool = True) -> None:
        """Raise StaleDatabaseError when the database lacks the last permit of any sender of this host.

        What could send is stopped then, if it `may_stop`. A database from which nothing was sent yet becomes known.
        """
        if may_stop:
            self._is_adopted()
        identity = property_of(self._database, IDENTITY) or ""
        with self._database.read() as connection:
            is_older = bool(compare(connection, self._files.last_receipts(identity)).missing)
        if is_older:
            replayed = self._replay(now) if may_stop else self.lacks()
            if replayed.missing:  # nobody else was quicker
                if may_stop:
                    self.replay_opt_outs()
                raise self._older(replayed)

    def lacks(self) -> Replayed:
        """What the database lacks; nothing is written."""
        identity = property_of(self._database, IDENTITY) or ""
        with self._database.read() as connection:
            return Replayed(compare(connection, self._files.receipts(identity)).missing)

    def replayed(self) -> Replayed:
        """What was written into the database because it lacked it."""
        from newsletter.storage.journal.replay import replayed_into

        with self._database.read() as connection:
            return Replayed(replayed_into(connection))

    def _older(self, replayed: Replayed) -> StaleDatabaseError:
        stopped = f"; stopped {', '.join(replayed.stopped)}" if replayed.stopped else ""
        return StaleDatabaseError(
            f"The database {self._database.shown_url} is an older copy. By the journal, messages left since then "
            f"({replayed}); nobody gets these issues again{stopped}",
            hint="Look at what is stopped or unknown (newsletter deliveries list), then repeat the command",
        )

    # Adoption

    def is_known(self) -> bool:
        """Whether the database may be sent from; nothing is written."""
        identity = property_of(self._database, IDENTITY) or ""
        return self._files.knows(identity) or identity == self._adopted != "" or self._is_new()

    def _is_adopted(self) -> bool:
        identity = self.identity
        if is_older := bool(self.forgotten()):  # than what the journal keeps
            self._files.forget(identity)
        elif self._files.knows(identity):
            return True
        if identity == self._adopted or (not is_older and (self._is_new() or self._is_joined())):
            self._files.remember(identity)
            return True
        return False

    def _is_new(self) -> bool:
        with self._database.read() as connection:
            return not connection.execute(sa.select(sa.exists().select_from(attempts))).scalar_one()

    def _is_joined(self) -> bool:
        """Whether others send from it: only a process that lives renews its lease while we look."""
        with self._database.read() as connection:
            held = [*connection.execute(sa.select(workers.c.id, workers.c.lease_until)),
                    *connection.execute(sa.select(leases.c.holder, leases.c.lease_until))]  # fmt: skip
        before, self._leases = self._leases, dict(map(tuple, held))
        return any(until > before.get(name, until) for name, until in self._leases.items())

    def adopt(self, now: datetime) -> str:
        """From now on this host sends from the database, whatever it was before. Its identity."""
        identity = self.identity
        self.seed(now)
        for file in self.forgotten():
            file.unlink(missing_ok=True)
        self._files.remember(identity, "" if self._is_new() else self._place)
        return identity

    def take_over(self, file: Path, now: datetime) -> None:
        """Begin where an earlier version kept a file of the databases that this host sent from."""
        try:
            known = list(json.loads(file.read_bytes())["databases"])
        except (OSError, ValueError, KeyError, TypeError):
            known = []
        # Without an identity nothing was sent by a version that had such a file.
        if property_of(self._database, IDENTITY) in (None, *known):
            self.adopt(now)
            file.unlink(missing_ok=True)

    def forgotten(self, replaced: str = "") -> list[Path]:
        """What says of deliveries that the database does not know that their receipts are no longer kept.

        `replaced`: the identity of a database that it replaces.
        """
        pruned = self._files.pruned(self._identity) | self._files.pruned(replaced)
        if not pruned:
            return []
        with self._database.read() as connection:
            known = set(connection.execute(sa.select(deliveries.c.id).where(deliveries.c.id.in_(pruned))).scalars())
        return [file for name, file in pruned.items() if name not in known]

    # Opt-outs

    @property
    def is_durable(self) -> bool:
        """Whether the journal is on a disk that lasts."""
        return not self._adopted

    def opt_out(self, *found: OptOutLine, is_away: bool = False, may_repeat: bool = False) -> None:
        """Append opt-outs, durably, before they are answered. Raises JournalError.

        `is_away`: the database does not have them yet. Then, and where one `may_repeat` an earlier one, it is left out
        if the last one of the recipient, within a minute, was the same.
        """
        is_once = is_away or may_repeat
        if new := [one for one in found if not (is_once and self._is_repeated(one))]:
            self._files.opt_out(self._identity or self.identity, *new)
            if len(self._appended) > _REMEMBERED:
                self._appended.clear()
            self._appended |= {one.recipient: one for one in new}
        if is_away:
            self._files.wait(True)

    def _is_repeated(self, one: OptOutLine) -> bool:
        last = self._appended.get(one.recipient)
        # Another process may have subscribed them again since, which only the files would show: hence the minute.
        return last is not None and replace(last, at=one.at) == one and one.at - last.at < _REPEATED

    def lag(self, now: datetime) -> float:
        """Seconds for which there have been opt-outs that the database did not get, because it was away."""
        since = self._files.waiting_since
        return 0.0 if since is None else max(0.0, (now - since).total_seconds())

    def apply(self, connection: Connection, one: OptOutLine) -> Applied:
        """Apply one opt-out."""
        from newsletter.storage.journal.opt_outs import apply_opt_outs

        return apply_opt_outs(self._database, connection, [one])

    def replay_opt_outs(self) -> Applied:
        """Apply all opt-outs that the database does not have."""
        from newsletter.storage.journal.opt_outs import Applied, apply_opt_outs

        identity = self.identity
        # Before the files are read: what is appended to them from now on is waiting again.
        self._files.wait(False)
        try:
            if not (found := self._files.opt_outs(identity)):
                return Applied()
            with self._database.write() as connection:
                return apply_opt_outs(self._database, connection, found)
        except StorageError:
            self._files.wait(True)
            raise

    # Receipts

    def append(self, worker: Worker, permits: Sequence[PermitRequest], settled: Sequence[Settlement]) -> None:
        """Append receipts of permits that are committed, and outcomes. Raises JournalError."""
        if permits or settled:
            self._files.append(self._identity, self._place, worker, permits, settled)

    def replay(self, now: datetime, *, why: str) -> Replayed:
        """Write all receipts that the database lacks into it, and stop everything in it in any case."""
        return self._replay(now, why=why, stops=True)

    def _replay(self, now: datetime, issue: str | None = None, *, why: str = _WHY, stops: bool = False) -> Replayed:
        database, identity = self._database, self.identity

        def compared(connection: Connection) -> Compared:
            return compare(connection, self._files.receipts(identity, issue))

        with database.read() as connection:
            found = compared(connection)
        if not (found.missing or found.late or stops):
            return Replayed()
        from newsletter.storage.journal.replay import bar, complete, stop_everything

        stopped: tuple[str, ...] = ()
        with database.write() as connection:
            database.serialise(connection, "newsletter replay")
            found = compared(connection)  # another process may have been quicker
            if found.missing or stops:
                stopped = stop_everything(database, connection, why, now)
                bar(database, connection, found.missing)
            complete(connection, compared(connection).late, now)
        return Replayed(found.missing, stopped)

    def seed(self, now: datetime) -> None:
        """Append what the database knows and the journal does not: opt-outs, and receipts of the last 90 days."""
        from newsletter.storage.journal.replay import receipts_of

        self.seed_opt_outs()
        with self._database.read() as connection:
            self._add_receipts(receipts_of(self._database, connection, now))

    def seed_opt_outs(self) -> None:
        """Append the opt-outs of the database that the journal does not have."""
        from newsletter.storage.journal.opt_outs import opt_outs_of, words_of

        known = set()
        for one in self._files.opt_outs(self.identity):
            known |= set(words_of(one))
        with self._database.read() as connection:
            new = [one for one in opt_outs_of(connection) if not known.issuperset(words_of(one))]
        if new:
            self._files.opt_out(self._identity, *new)

    def inherit(self, replaced: str) -> None:
        """Append what the journal has of another database, which this one replaces, as of this one. `replaced`: its
        identity."""
        if replaced == (identity := self.identity):
            return
        from newsletter.storage.journal.opt_outs import words_of

        def told(one: OptOutLine) -> tuple[object, ...]:
            return one.at, one.recipient, *words_of(one)

        known = {told(one) for one in self._files.opt_outs(identity)}
        if new := [one for one in self._files.opt_outs(replaced) if told(one) not in known]:
            self._files.opt_out(identity, *new)
        theirs = sorted(self._files.receipts(replaced), key=lambda one: (one.issue, one.delivery))
        self._add_receipts(list(of) for _, of in groupby(theirs, key=lambda one: (one.issue, one.delivery)))

    def _add_receipts(self, by_delivery: Iterable[list[Receipt]]) -> None:
        """Append receipts that the journal does not have, and outcomes of those that have none."""
        known: dict[tuple[str, int, str], str] = {}
        for one in self._files.receipts(self._identity):
            if known.get(one.key, "") in UNSURE:
                known[one.key] = one.outcome
        for found in by_delivery:
            new = [
                one for one in found if one.key not in known or (known[one.key] in UNSURE and one.outcome not in UNSURE)
            ]
            if new:
                self._files.write_receipts(self._identity, new)

    def close(self) -> None:
        """Give its files back."""
        self._files.close()


def place_of(shown: str, folder: Path) -> str:
    """Where a database is, from its shown URL: a file of the project as seen from its folder, which may move."""
    kind, _, path = shown.partition("://")
    if kind != "sqlite":
        return shown
    file, home = os.path.normpath(folder.absolute() / path[1:]), os.path.normpath(folder.absolute())
    return f"sqlite:///{os.path.relpath(file, home) if Path(file).is_relative_to(home) else file}"


def sent_from(folder: Path, url: str) -> Path | None:
    """What says that this host sent from the database at a URL; None when nothing does."""
    return JournalFiles(folder / FOLDER).sent_from(place_of(shown_url(url), folder))
