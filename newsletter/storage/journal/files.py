"""Files of the journal: appended to and read line by line. They stand beside secret.toml, outside every database.

    journal/databases/<identity>                      which databases this host sends from
    journal/opt-outs/<time>-<random>                  who may not be written to, and what revokes it; never pruned
    journal/receipts/<issue>/<delivery>-<worker>      permits and their outcomes; kept for 90 days

Each process appends to files of its own: no locks, and only a last line can be torn. The first line of a file names
the database that the others are about. They hold ids, keyed hashes, list slugs and reply codes, never an address.
"""

import json
import os
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger.ledger import PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Rejected
from newsletter.delivery.ledger.settle import outcome_name
from newsletter.disk import write_whole
from newsletter.errors import JournalError, RequestError

KEPT_DAYS = 90
"""How long receipts are kept."""
_NEEDED = "Nothing is sent and nobody is unsubscribed without the journal: make room, or make its folder writable"
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_TAIL = 64 * 1024
"""Bytes in which the last permit of a file is looked for."""


@dataclass(frozen=True, slots=True)
class OptOutLine:
    """One word about who may not be written to, or one that revokes an earlier one."""

    at: datetime
    how: str
    recipient: str = ""
    """Through whose link it came. Without lists: all those that led to this recipient."""
    address_hash: str = ""
    """May be empty where a recipient is named: the database was away."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Slug → consent from then on."""
    suppression: str | None = None
    """Why the address is suppressed from then on; empty: it no longer is; None: this is not about it."""

    @property
    def bars(self) -> int:
        """Of two words of one moment, the one that bars more is the last."""
        if self.suppression == SuppressionReason.ERASED:
            return 2
        return int(bool(self.suppression) or Consent.UNSUBSCRIBED in self.lists.values())


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message was permitted to leave, and what became of it as far as its sender knew."""

    issue: str
    delivery: str
    recipient: str
    epoch: int
    worker: str
    address_hash: str
    lists: tuple[str, ...]
    """What one click in the message unsubscribes from."""
    outcome: str = ""
    """That of the attempt; empty: not known."""
    reply: str = ""
    """The codes of the relay's reply."""

    @property
    def key(self) -> tuple[str, int, str]:
        """What an attempt in the database has in common with it."""
        return self.recipient, self.epoch, self.worker


class Appender:
    """A file that this process alone appends to. Several threads may."""

    def __init__(self, file: Path, head: Mapping[str, str]) -> None:
        self._file = file
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0
        self._is_torn = False
        try:
            self._handle = _new_file(file)
        except OSError as error:
            raise _cannot_write(file, error) from error
        try:
            self.append([head])
        except JournalError:
            self.close()
            file.unlink(missing_ok=True)  # the next try makes it again
            raise

    def append(self, records: Iterable[object]) -> int:
        """Hand lines to the system: they outlive this process. Their number in the file. Raises JournalError."""
        data = "".join([_to_json(one) + "\n" for one in records]).encode()
        with self._writing:
            # What a full disk cut off is no record. The next one begins on a line of its own.
            whole = b"\n" + data if self._is_torn else data
            try:
                self._is_torn = os.write(self._handle, whole) < len(whole)
            except OSError as error:
                raise _cannot_write(self._file, error) from error
            if self._is_torn:
                raise JournalError(f"{self._file} could not be written to its end: the disk may be full")
            self._written += 1
            return self._written

    def append_durably(self, records: Iterable[object]) -> None:
        """As `append`; they outlive a power cut, too. Threads that come together share one sync."""
        mine = self.append(records)
        with self._syncing:
            if self._synced >= mine:
                return
            reached, is_first = self._written, not self._synced
            try:
                os.fsync(self._handle)
                if is_first:
                    _sync_folder(self._file.parent)
            except OSError as error:
                raise _cannot_write(self._file, error) from error
            self._synced = reached

    def close(self) -> None:
        """Give the file back."""
        os.close(self._handle)


class JournalFiles:
    """The journal of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = str(folder.resolve())
        self._opening = threading.Lock()
        self._opt_outs: dict[str, Appender] = {}
        self._receipts: dict[tuple[str, str, str], Appender] = {}

    # Databases

    def file_of(self, identity: str) -> Path:
        """What says that this host sends from a database: its place, then the paths that the journal has had."""
        return self._folder / "databases" / identity

    def _known(self, identity: str) -> tuple[str, list[str]]:
        try:
            place, *homes = self.file_of(identity).read_text(encoding="utf-8", errors="replace").splitlines()
        except (OSError, ValueError):
            return "", []
        return place, homes

    def knows(self, identity: str) -> bool:
        """Whether this host sends from a database. A copy of the journal elsewhere does not say so."""
        return self._home in self._known(identity)[1]

    def remember(self, identity: str, place: str = "") -> None:
        """From now on this host sends from a database. `place`: where it is, once something was sent from there."""
        before, homes = self._known(identity)
        lines = place or before, *dict.fromkeys([*homes, self._home])
        file = self.file_of(identity)
        try:
            _make_folder(file.parent)
            write_whole(file, "".join(f"{line}\n" for line in lines).encode(), durable=True)
            handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
            _hand_over(handle, file.parent)
            os.close(handle)
        except RequestError as error:
            raise JournalError(str(error), hint=_NEEDED) from error
        except OSError as error:
            raise _cannot_write(file, error) from error

    def forget(self, identity: str) -> None:
        """An operator is asked before anything is sent from it again."""
        self.file_of(identity).unlink(missing_ok=True)

    def sent_from(self, place: str) -> Path | None:
        """What says that something was sent from the database at a place."""
        return next((file for file in _files(self.file_of("")) if self._known(file.name)[0] == place), None)

    # Opt-outs

    def opt_out(self, identity: str, *found: OptOutLine) -> None:
        """Append them, durably. Raises JournalError."""
        with self._opening:
            if identity not in self._opt_outs:
                file = self._folder / "opt-outs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
                self._opt_outs[identity] = Appender(file, {"database": identity})
        self._opt_outs[identity].append_durably(
            {
                "at": one.at.isoformat(),
                "how": one.how,
                "recipient": one.recipient,
                "hash": one.address_hash,
                "lists": dict(one.lists),
                "suppression": one.suppression,
            }
            for one in found
        )

    def opt_outs(self, identity: str) -> list[OptOutLine]:
        """All of them, the oldest first."""
        found = []
        for file in _files(self._folder / "opt-outs"):
            for _, record in _records(file, identity):
                with suppress(KeyError, TypeError, ValueError, AttributeError):  # the first line; one that was torn
                    found.append(_opt_out(record))
        return sorted(found, key=lambda one: (one.at, one.bars))

    @property
    def _waiting(self) -> Path:
        return self._folder / "opt-outs" / ".waiting"

    @property
    def is_waiting(self) -> bool:
        """Whether there are opt-outs that the database did not get, because it was away."""
        return self._waiting.exists()

    @property
    def waiting_since(self) -> datetime | None:
        """Since when; None: there are none."""
        try:
            return datetime.fromtimestamp(self._waiting.stat().st_mtime, UTC)
        except OSError:
            return None

    def wait(self, is_waiting: bool) -> None:
        """Note whether there are opt-outs that the database did not get."""
        try:
            _mark(self._waiting) if is_waiting else self._waiting.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot_write(self._waiting, error) from error

    # Receipts

    def append(
        self, identity: str, place: str, worker: Worker, permits: Sequence[PermitRequest], settled: Sequence[Settlement]
    ) -> None:
        """Append receipts of permits that are committed, and outcomes. Not synced: they outlive this process, and what
        a power cut takes away the database has. Raises JournalError."""
        lines: dict[tuple[str, str], list[object]] = {}
        for permit in permits:
            claim = permit.claim
            line = ["permit", claim.recipient, claim.epoch, claim.address_hash, claim.lists]
            lines.setdefault((claim.issue, claim.delivery), []).append(line)
        for one in settled:
            line = ["outcome", one.claim.recipient, one.claim.epoch, outcome_name(one), _codes(one)]
            lines.setdefault((one.claim.issue, one.claim.delivery), []).append(line)
        for (issue, delivery), of_delivery in lines.items():
            self._appender(identity, place, issue, delivery, worker.id).append(of_delivery)

    def write_receipts(self, identity: str, found: Sequence[Receipt]) -> None:
        """Write receipts that others made: all of one delivery."""
        appender = self._new_receipts(identity, found[0].issue, found[0].delivery, f"ledger.{secrets.token_hex(4)}")
        for one in found:
            permit = ["permit", one.recipient, one.epoch, one.address_hash, one.lists, one.worker]
            appender.append([permit, ["outcome", one.recipient, one.epoch, one.outcome, one.reply, one.worker]])
        appender.close()

    def _appender(self, identity: str, place: str, issue: str, delivery: str, worker: str) -> Appender:
        key = identity, delivery, worker
        if key not in self._receipts:
            self.remember(identity, place)
            self._receipts[key] = self._new_receipts(identity, issue, delivery, worker)
        return self._receipts[key]

    def _new_receipts(self, identity: str, issue: str, delivery: str, worker: str) -> Appender:
        head = {"database": identity, "issue": issue, "delivery": delivery, "worker": worker}
        return Appender(self._of_issue(issue) / f"{delivery}-{worker}", head)

    def _of_issue(self, issue: str) -> Path:
        # Two issues whose names are cut to the same one share a folder: the first line of each file tells them apart.
        return self._folder / "receipts" / (quote(issue, safe="").replace(".", "%2E")[:200] or "%")

    def receipts(self, identity: str, issue: str | None = None) -> Iterator[Receipt]:
        """Those of an issue, or of all."""
        for file in self._receipt_files(issue):
            yield from _receipts(_records(file, identity), issue)

    def last_receipts(self, identity: str) -> Iterator[Receipt]:
        """The last permit of each file: a database without one of them is an older copy."""
        for file in self._receipt_files():
            records = list(_records(file, identity, tail=_TAIL))
            permits = [n for n, (_, record) in enumerate(records) if isinstance(record, list) and "permit" in record]
            yield from _receipts(records[permits[-1] :] if permits else ())

    def _receipt_files(self, issue: str | None = None) -> Iterator[Path]:
        folders = [self._of_issue(issue)] if issue is not None else _files(self._folder / "receipts")
        return (file for folder in folders for file in _files(folder))

    def prune(self, identity: str, now: datetime) -> None:
        """Remove receipts older than 90 days; that there were some of a delivery is remembered. Raises JournalError."""
        for file in self._receipt_files():
            try:
                if file.stat().st_mtime > (now - timedelta(days=KEPT_DAYS)).timestamp():
                    continue
                for head, _ in list(_records(file, identity))[:1]:
                    _mark(self._folder / "pruned" / f"{identity}-{head['delivery']}")
                    file.unlink()
            except FileNotFoundError:  # another process was quicker
                continue
            except OSError as error:
                raise _cannot_write(file, error) from error

    def pruned(self, identity: str) -> dict[str, Path]:
        """The deliveries whose receipts were removed, and what says so."""
        found = _files(self._folder / "pruned")
        return {file.name.partition("-")[2]: file for file in found if file.name.partition("-")[0] == identity}

    def close(self) -> None:
        """Give all files back."""
        for one in (*self._receipts.values(), *self._opt_outs.values()):
            one.close()
        self._receipts.clear()
        self._opt_outs.clear()


def _new_file(file: Path) -> int:
    """A new private file to append to, and the folders above it."""
    _make_folder(file.parent)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    _hand_over(handle, file.parent)
    return handle


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):  # another process was quicker
        folder.mkdir()
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        _hand_over(handle, folder.parent)
        os.close(handle)


def _hand_over(handle: int, folder: Path) -> None:
    """Give what root has made to the owner of the folder it is in: a service that runs as that user must read it, or it
    sends nothing. Only what was made just now: no link leads from it to something else."""
    if os.geteuid() == 0:
        with suppress(OSError):
            above, made = folder.stat(), os.fstat(handle)
            if stat.S_ISDIR(made.st_mode) or made.st_nlink == 1:
                os.fchown(handle, above.st_uid, above.st_gid)


def _mark(file: Path) -> None:
    """Make an empty file unless it is there."""
    with suppress(FileExistsError):
        os.close(_new_file(file))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"{folder} cannot be read: {error.strerror}") from error


def _records(file: Path, identity: str, *, tail: int = 0) -> Iterator[tuple[dict[str, Any], Any]]:
    """The first line of a file beside each line, itself too; nothing when it is about another database.

    What cannot be read was torn when its process died, before anything followed from it. `tail`: no more than the last
    bytes.
    """
    try:
        with file.open("rb") as lines:
            head = _parsed(first := lines.readline())
            if not isinstance(head, dict) or head.get("database") != identity:
                return
            yield head, head
            if tail:
                lines.seek(max(len(first), lines.seek(0, os.SEEK_END) - tail))
            for line in lines:
                if isinstance(record := _parsed(line), list | dict):
                    yield head, record
    except FileNotFoundError:  # pruned meanwhile
        return
    except OSError as error:
        raise JournalError(f"{file} cannot be read: {error.strerror}") from error


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None


def _opt_out(record: dict[str, Any]) -> OptOutLine:
    return OptOutLine(
        datetime.fromisoformat(record["at"]), record["how"], record["recipient"], record["hash"],
        dict(record["lists"]), record["suppression"],
    )  # fmt: skip


def _receipts(records: Iterable[tuple[dict[str, Any], Any]], issue: str | None = None) -> Iterator[Receipt]:
    """Receipts: with an outcome as soon as it is read, without one at the end."""
    is_open: dict[tuple[str, int, str], Receipt] = {}
    for head, record in records:
        try:
            if issue is not None and head["issue"] != issue:
                return
            kind, recipient, epoch, third, fourth, *more = record
            key = recipient, epoch, more[0] if more else head["worker"]
            if kind == "permit":
                is_open[key] = Receipt(head["issue"], head["delivery"], *key, third, tuple(fourth))
            elif found := is_open.pop(key, None):
                lists = found.lists
                yield Receipt(found.issue, found.delivery, *key, found.address_hash, lists, outcome=third, reply=fourth)
        except (KeyError, TypeError, ValueError):  # the first line; one that was torn
            continue
    yield from is_open.values()


def _codes(one: Settlement) -> str:
    outcome = one.outcome
    if not isinstance(outcome, Accepted | Deferred | Rejected):
        return ""
    return f"{outcome.reply.code} {outcome.reply.enhanced}".strip()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(file: Path, error: OSError) -> JournalError:
    return JournalError(
        f"Cannot write {file}: {error.strerror or error}",
        hint=_NEEDED,
    )
