"""Importing: a whole file of subscribers in one transaction. The reverse: `exporting.py`."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from newsletter.app.project import Project
from newsletter.audience.consent import Consent, Origin, first_consent
from newsletter.audience.importing.cells import row_writer
from newsletter.audience.importing.decide import (
    Entry,
    Known,
    OnConflict,
    Rejection,
    Ruling,
    VerdictKind,
    decide,
    read_entry,
)
from newsletter.audience.importing.headings import PERSON, REJECTED, lists_named
from newsletter.audience.importing.rows import MAX_FILE, Row, Sheet, read_sheet
from newsletter.audience.subscriber import MailingList
from newsletter.disk import drafted
from newsletter.errors import RequestError, WrongUsageError
from newsletter.storage.audience.importing import staged
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash

MOST_SHOWN = 1000
"""How many rejected rows and notes a report holds; the file of rejected rows has all."""


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """An operator's request to import a file."""

    file: Path
    lists: tuple[str, ...]
    consent: Consent | None = None
    """The consent of new subscriptions; None: what each list's opt-in asks for."""
    all_confirmed: bool = False
    """Every subscriber in the file has confirmed; a status column of another tool is ignored."""
    basis: str = ""
    on_conflict: OnConflict = OnConflict.SKIP
    encoding: str = ""
    """Empty: found out."""
    rejects: Path | None = None
    """Where rejected rows go; None: beside the file."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of an import; the four counts add up to `rows`."""

    counts: Mapping[VerdictKind, int]
    skipped: Mapping[str, int]
    """Reason → how many."""
    rejected: Sequence[Rejection]
    """The first of them, without their cells."""
    noted: int
    """How many imported rows had something that could not be used."""
    notes: Sequence[tuple[int, str]]
    """Line and what could not be used, for the first of these."""
    attributes: Sequence[str]
    """The file's columns that are kept as attributes."""
    rejects: Path | None
    """The file of rejected rows; None without any, or in a dry run."""

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return sum(self.counts.values())

    @property
    def taken(self) -> int:
        """How many rows changed something."""
        return self.counts[VerdictKind.IMPORTED] + self.counts[VerdictKind.UPDATED]

    @property
    def has_failed(self) -> bool:
        """Whether every row was rejected."""
        return 0 < self.rows == self.counts[VerdictKind.REJECTED]


def import_subscribers(project: Project, database: Database, order: ImportOrder, *, now: datetime) -> ImportReport:
    """Import a CSV file: all of it, or nothing if it fails.

    Raises NotFoundError for an unknown list, RequestError for a file that cannot be read or is refused.
    """
    with database.read() as connection:
        lists = ListStore(database, connection).all_named(order.lists)
    origin = Origin("import", now, order.basis)
    with _opened(order.file) as source:
        sheet = read_sheet(source, encoding=order.encoding, any_status=order.all_confirmed)
        consents = _consents(order, lists, lists_named(sheet.columns))
        with staged(database) as staging:
            with ExitStack() as files:
                rejects = _Rejects(order, sheet, files)
                repeats = staging.add(_entries(project, sheet.rows, origin, rejects), [item.slug for item in lists])
            # The file of rejected rows is complete from here on: it must not be lost if the import stops after this.
            staging.subscribe_all(consents, origin)
            if not order.dry_run:
                staging.lock_audience()  # from here on other writers wait
            ListStore(database, staging.connection).all_named(order.lists)  # raises if one was removed meanwhile
            known = staging.look_up()
            rulings = {each: decide(each, on_conflict=order.on_conflict) for each in known}
            if not order.dry_run:
                staging.write(rulings, origin)
            noted, notes = staging.notes(rulings, MOST_SHOWN)
    if not order.dry_run and any(column.startswith(("consent:", "suppressed:")) for column in sheet.columns):
        with project.journal(database) as journal:
            journal.seed_opt_outs()
    found = _count(known, rulings, rejects.count, repeats)
    return ImportReport(
        counts={kind: sum(n for (one, _), n in found.items() if one is kind) for kind in VerdictKind},
        skipped={reason: count for (kind, reason), count in found.items() if kind is VerdictKind.SKIPPED},
        rejected=rejects.first,
        noted=noted,
        notes=notes,
        attributes=[column for column in sheet.named if column not in PERSON and ":" not in column],
        rejects=rejects.file,
    )


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}") from error
    with source:
        if os.fstat(source.fileno()).st_size > MAX_FILE:
            raise RequestError("The file is larger than 256 MiB", hint="Import it in several parts")
        yield source


def _consents(order: ImportOrder, lists: Sequence[MailingList], of_file: set[str]) -> dict[str, Consent]:
    """The consent of every row, by list; empty when the rows have their own.

    Raises WrongUsageError for options that contradict the file.
    """
    if not of_file:
        wanted = order.consent or (Consent.CONFIRMED if order.all_confirmed else None)
        return {item.slug: wanted or first_consent(item.opt_in) for item in lists}
    if order.consent or order.all_confirmed:
        raise WrongUsageError(
            "The file has a column with the consent of each subscriber",
            hint="Remove --consent and --status, or remove the column from the file",
        )
    slugs = {item.slug for item in lists}
    if of_file not in ({""}, slugs):
        raise WrongUsageError(
            f"The file has the consent for {', '.join(sorted(of_file))}; --list names {', '.join(sorted(slugs))}",
            hint="Name every list of the file with --list, or export one list only: subscribers export --list LIST",
        )
    return {}


class _Rejects:
    """The rejected rows: counted, the first kept for the report, all written to a file unless it is a dry run."""

    def __init__(self, order: ImportOrder, sheet: Sheet, files: ExitStack) -> None:
        self.count = 0
        self.first: list[Rejection] = []
        self.file: Path | None = None
        self._order = order
        self._sheet = sheet
        self._files = files
        self._ours = len(sheet.columns) - len(sheet.named)  # those of an earlier file of rejected rows are replaced
        self._write: Callable[[Iterable[str]], object] | None = None

    def add(self, rejection: Rejection) -> None:
        """The first one opens the file."""
        self.count += 1
        if self.count <= MOST_SHOWN:
            self.first.append(replace(rejection, raw=()))
        if not self._order.dry_run:
            self._write = self._write or self._open()
            self._write([str(rejection.line), rejection.reason, *rejection.raw[self._ours :]])

    def _open(self) -> Callable[[Iterable[str]], object]:
        source = self._order.file
        self.file = self._order.rejects or source.with_name(f"{source.name}.rejects.csv")
        # Without a byte order mark Excel guesses the encoding. A row with what is not UTF-8 was rejected for that.
        draft = drafted(self.file, encoding="utf-8-sig", errors="replace", hint="Name another place: --rejects FILE")
        write = row_writer(self._files.enter_context(draft), delimiter=self._sheet.delimiter)
        write([*REJECTED, *self._sheet.headings[self._ours :]])
        return write


def _entries(project: Project, rows: Iterable[Row], origin: Origin, rejects: _Rejects) -> Iterator[Entry]:
    """The entries of the rows; those that cannot be used go to `rejects`."""
    hash_of = partial(keyed_hash, project.keys.address)
    for row in rows:
        entry = read_entry(row, hash_of, origin)
        if isinstance(entry, Entry):
            yield entry
        else:
            rejects.add(entry)


def _count(
    known: Mapping[Known, int], rulings: Mapping[Known, Ruling], rejected: int, repeats: int
) -> Counter[tuple[VerdictKind, str]]:
    found: Counter[tuple[VerdictKind, str]] = Counter()
    for each, count in known.items():
        found[rulings[each].kind, rulings[each].reason] += count
    found[VerdictKind.REJECTED, ""] += rejected
    found[VerdictKind.SKIPPED, "an earlier row has the same address"] += repeats
    return +found
