"""Importing: a whole file of subscribers in one transaction. The reverse: `exporting.py`."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from newsletter.app.project import Project
from newsletter.audience.consent import Consent, Origin, first_consent
from newsletter.audience.importing.archive import Part, parts
from newsletter.audience.importing.cells import row_writer, words
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
from newsletter.audience.importing.headings import MAX_COLUMNS, REJECTED, lists_named
from newsletter.audience.importing.profiles import CSV, State, Terms
from newsletter.audience.importing.rows import MAX_FILE, Row, Sheet, read_sheet
from newsletter.audience.importing.translate import translated
from newsletter.audience.subscriber import MailingList
from newsletter.disk import drafted
from newsletter.errors import RequestError, WrongUsageError
from newsletter.storage.audience.importing import staged
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash

MOST_SHOWN = 1000
"""How many rejected rows and notes a report holds; the file of rejected rows has all."""


_WORST = (Consent.CONFIRMED, Consent.PENDING, Consent.UNSUBSCRIBED)


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """An operator's request to import a file."""

    file: Path
    lists: tuple[str, ...]
    consent: Consent | None = None
    """The consent of new subscriptions; None: what each list's opt-in asks for."""
    status: State | None = None
    """Of every row of a plain CSV file, or of the rows of a tool's export that do not say that they have left."""
    basis: str = ""
    tool: str = "auto"
    """As in `Terms`."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """As in `Terms`."""
    bare: bool = False
    """As in `Terms`."""
    on_conflict: OnConflict = OnConflict.SKIP
    encoding: str = ""
    """Empty: found out."""
    rejects: Path | None = None
    """Where rejected rows go; None: beside the file."""
    dry_run: bool = False
    start_series: bool = False
    """Whether the series of the lists begin with new confirmed subscriptions, as with those that readers confirm."""

    def terms(self, part: Part) -> Terms:
        """For one of its files."""
        tool = part.tool or self.tool
        return Terms(tool, self.headings, self.status, self.consent, self.basis, part.name, self.bare)


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
    """The file of rejected rows, the last one of a ZIP; None without any, or in a dry run."""
    tool: str
    """The name of the tool whose export it is; empty for our own."""
    states: Mapping[str, int]
    """Consent, or `suppressed` → how many rows say so. Whether it takes effect depends on what is known already."""
    unproved: int
    """How many of the pending are subscribed in their tool, without a time of confirmation."""

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
    order = replace(order, basis=words(order.basis))
    with database.read() as connection:
        lists = ListStore(database, connection).all_named(order.lists)
    origin = Origin("import", now, order.basis)
    slugs = [item.slug for item in lists]
    tally = _Tally()
    with _opened(order.file) as source, staged(database) as staging:
        added = 0
        for part in parts(order.file.name, source):
            terms = order.terms(part)
            sheet = read_sheet(part.source, encoding=order.encoding, terms=terms)
            consents = _consents(order, lists, sheet)
            tally.begin(part, sheet)
            with ExitStack() as files:
                rejects = _Rejects(order, part, sheet, files)
                added += staging.add(_entries(project, sheet, terms, origin, consents, tally, rejects), slugs)
                tally.rejects = rejects.file or tally.rejects
            # Its file of rejected rows is complete from here on: it must not be lost if the import stops after this.
            staging.subscribe_all(consents, origin)
        if not order.dry_run:
            staging.lock_audience()  # from here on other writers wait
        ListStore(database, staging.connection).all_named(order.lists)  # raises if one was removed meanwhile
        known = staging.look_up()
        rulings = {each: decide(each, on_conflict=order.on_conflict) for each in known}
        if not order.dry_run:
            staging.write(rulings, origin, starts_series=order.start_series)
        noted, notes = staging.notes(rulings, MOST_SHOWN)
    if not order.dry_run and any(tally.states[said] for said in (State.UNSUBSCRIBED, State.SUPPRESSED)):
        with project.journal(database) as journal:
            journal.seed_opt_outs()
    found = _count(known, rulings, tally, repeats=added - sum(known.values()))
    return ImportReport(
        counts={kind: sum(n for (one, _), n in found.items() if one is kind) for kind in VerdictKind},
        skipped={reason: count for (kind, reason), count in found.items() if kind is VerdictKind.SKIPPED},
        rejected=tally.first,
        noted=noted,
        notes=[tally.place(line, note) for line, note in notes],
        attributes=list(tally.attributes),
        rejects=tally.rejects,
        tool=tally.tool,
        states=tally.states,
        unproved=tally.unproved,
    )


def suppress_addresses(
    project: Project, database: Database, file: Path, reason: str, *, dry_run: bool, now: datetime
) -> ImportReport:
    """Suppress every address of a file, with or without a line of column names; all of them, or none if it fails.

    Raises RequestError for a file that cannot be read.
    """
    order = ImportOrder(file, (), status=State.SUPPRESSED, basis=reason, bare=True, dry_run=dry_run)
    return import_subscribers(project, database, order, now=now)


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


def _consents(order: ImportOrder, lists: Sequence[MailingList], sheet: Sheet) -> dict[str, Consent]:
    """The consent of every row, by list; empty when the rows have their own.

    Raises WrongUsageError for options that contradict the file.
    """
    if sheet.profile and (sheet.profile.key != CSV or order.status in (State.UNSUBSCRIBED, State.SUPPRESSED)):
        return {}
    of_file = lists_named(sheet.columns)
    if not of_file:
        wanted = order.consent or (Consent(order.status.value) if order.status else None)
        return {item.slug: wanted or first_consent(item.opt_in) for item in lists}
    if order.consent or order.status:
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


class _Tally:
    """What is counted while the rows pass by."""

    def __init__(self) -> None:
        self.rejected = 0
        self.first: list[Rejection] = []
        self.left_out: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.unproved = 0
        self.attributes: dict[str, None] = {}
        self.tool = ""
        self.rejects: Path | None = None
        self._part = ""
        self._starts: list[tuple[int, str]] = []
        self._last = 0

    def begin(self, part: Part, sheet: Sheet) -> None:
        """Of the next file; its lines are counted on from the one before, as the staged rows need it."""
        self._part = f"{part.name}: " if part.tool else ""
        self._starts.append((self._last, self._part))
        self.tool = sheet.profile.name if sheet.profile else ""
        self.attributes |= dict.fromkeys(sheet.attributes)

    def take(self, entry: Entry, row: Row, consents: Collection[Consent]) -> Entry:
        """Count a row, which gets the line that it has in the import as a whole."""
        self.unproved += row.is_unproved
        own = entry.subscriptions
        said = {one.consent for one in own} or (set(consents) if entry.is_subscriber else set())
        state = "suppressed" if entry.suppression else max(said, key=list(_WORST).index, default=None)
        self.states[str(state)] += 1
        if len(self.attributes) < MAX_COLUMNS:
            self.attributes |= dict.fromkeys(entry.attributes)
        self._last = self._starts[-1][0] + entry.line
        return replace(entry, line=self._last) if self._starts[-1][0] else entry

    def reject(self, rejection: Rejection) -> None:
        """Count a rejected row; the first are kept."""
        self.rejected += 1
        if self.rejected <= MOST_SHOWN:
            self.first.append(replace(rejection, raw=(), reason=self._part + rejection.reason))

    def place(self, line: int, text: str) -> tuple[int, str]:
        """The line in its file, and the text with the name of the file when there are several."""
        start, part = max((start, part) for start, part in self._starts if start < line)
        return line - start, part + text


class _Rejects:
    """The file of rejected rows; there is none in a dry run."""

    def __init__(self, order: ImportOrder, part: Part, sheet: Sheet, files: ExitStack) -> None:
        self.file: Path | None = None
        self._order = order
        self._part = part
        self._sheet = sheet
        self._files = files
        self._ours = len(sheet.columns) - len(sheet.named)  # those of an earlier file of rejected rows are replaced
        self._write: Callable[[Iterable[str]], object] | None = None

    def add(self, rejection: Rejection) -> None:
        """The first one opens the file."""
        if not self._order.dry_run:
            self._write = self._write or self._open()
            self._write([str(rejection.line), rejection.reason, *rejection.raw[self._ours :]])

    def _open(self) -> Callable[[Iterable[str]], object]:
        self.file = self._order.rejects or self._order.file.with_name(f"{self._part.name}.rejects.csv")
        # Without a byte order mark Excel guesses the encoding. A row with what is not UTF-8 was rejected for that.
        draft = drafted(self.file, encoding="utf-8-sig", errors="replace", hint="Name another place: --rejects FILE")
        write = row_writer(self._files.enter_context(draft), delimiter=self._sheet.delimiter)
        write([*REJECTED, *self._sheet.headings[self._ours :]])
        return write


def _entries(
    project: Project,
    sheet: Sheet,
    terms: Terms,
    origin: Origin,
    consents: Mapping[str, Consent],
    tally: _Tally,
    rejects: _Rejects,
) -> Iterator[Entry]:
    """The entries of the rows that can be used; all of them are counted."""
    hash_of = partial(keyed_hash, project.keys.address)
    for read in sheet.rows:
        row = translated(read, sheet, terms)
        entry = read_entry(row, hash_of, origin)
        if isinstance(entry, Rejection):
            tally.reject(entry)
            rejects.add(entry)
        elif row.left_out:
            tally.left_out[row.left_out] += 1
        else:
            yield tally.take(entry, row, consents.values())


def _count(
    known: Mapping[Known, int], rulings: Mapping[Known, Ruling], tally: _Tally, *, repeats: int
) -> Counter[tuple[VerdictKind, str]]:
    found: Counter[tuple[VerdictKind, str]] = Counter()
    for each, count in known.items():
        found[rulings[each].kind, rulings[each].reason] += count
    for reason, count in tally.left_out.items():
        found[VerdictKind.SKIPPED, reason] += count
    found[VerdictKind.REJECTED, ""] += tally.rejected
    found[VerdictKind.SKIPPED, "another row has the same address"] += repeats
    return +found
