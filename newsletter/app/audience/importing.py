"""Importing and exporting: whole files of people in and out, in one transaction each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from newsletter.app.project import Project
from newsletter.audience.consent import Consent, Origin, first_consent
from newsletter.audience.exporting import write_csv
from newsletter.audience.importing.decide import (
    Entry,
    OnConflict,
    Verdict,
    VerdictKind,
    decide,
    judge_repeats,
    read_entry,
)
from newsletter.audience.importing.headings import PERSON
from newsletter.audience.importing.rows import MAX_FILE, REJECTED, Row, read_sheet
from newsletter.audience.subscriber import Subscriber
from newsletter.disk import open_private
from newsletter.errors import RequestError
from newsletter.storage.audience.importing import staged
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database
from newsletter.tokens import keyed_hash


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What an operator says about a file of people."""

    file: Path
    lists: tuple[str, ...]
    consent: Consent | None = None
    """The consent of new subscriptions; None: what each list's opt-in asks for."""
    all_confirmed: bool = False
    """Everyone in the file has confirmed, whatever a status column of another tool says."""
    basis: str = ""
    on_conflict: OnConflict = OnConflict.SKIP
    encoding: str = ""
    """Empty: found out."""
    rejects: Path | None = None
    """Where rejected rows go; None: beside the file."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file; the four counts add up to `rows`."""

    counts: Mapping[VerdictKind, int]
    skipped: Mapping[str, int]
    """Reason → how many."""
    rejected: Sequence[Verdict]
    notes: Sequence[tuple[int, str]]
    """Line and what of it could not be used, of people who were taken all the same."""
    attributes: Sequence[str]
    """The file's columns that are kept as attributes."""
    rejects: Path | None
    """The file that the rejected rows were written to; None when there are none, or in a dry run."""

    @property
    def rows(self) -> int:
        """How many rows had a verdict."""
        return sum(self.counts.values())

    @property
    def taken(self) -> int:
        """How many rows brought somebody onto a list, or something new about them."""
        return self.counts[VerdictKind.IMPORTED] + self.counts[VerdictKind.UPDATED]


def import_subscribers(project: Project, database: Database, order: ImportOrder, *, now: datetime) -> ImportReport:
    """Import a CSV file: everything it says, or nothing if anything stops the work.

    Raises NotFoundError for an unknown list, RequestError for a file that cannot be read.
    """
    with database.read() as connection:
        ListStore(database, connection).all_named(order.lists)  # a misspelt list is told before a long file is read
    sheet = read_sheet(_read(order.file), encoding=order.encoding, any_status=order.all_confirmed)
    verdicts: list[Verdict] = []
    with staged(database) as staging:
        staging.add(_entries(project, sheet.rows, verdicts))
        rejected = [verdict for verdict in verdicts if verdict.kind is VerdictKind.REJECTED]
        # Before anybody is written: what was rejected must not be lost if the work stops right after it.
        rejects = None if order.dry_run else _write_rejects(order, sheet.headings, sheet.delimiter, rejected)
        if not order.dry_run:
            staging.lock_audience()  # from here on others wait
        lists = ListStore(database, staging.connection).all_named(order.lists)
        known = staging.look_up([item.id for item in lists])
        rulings = {each: decide(each, lists=len(lists), on_conflict=order.on_conflict) for each in known}
        if not order.dry_run:
            wanted = order.consent or (Consent.CONFIRMED if order.all_confirmed else None)
            consents = {item.id: wanted or first_consent(item.opt_in) for item in lists}
            staging.write(rulings, consents, Origin("import", now, order.basis))
        notes = staging.notes(rulings)
    found = Counter((verdict.kind, verdict.reason) for verdict in verdicts)
    for each, count in known.items():
        found[rulings[each].kind, rulings[each].reason] += count
    return ImportReport(
        counts={kind: sum(n for (one, _), n in found.items() if one is kind) for kind in VerdictKind},
        skipped={reason: count for (kind, reason), count in found.items() if kind is VerdictKind.SKIPPED},
        rejected=rejected,
        notes=notes,
        attributes=[column for column in sheet.named if column not in PERSON],
        rejects=rejects,
    )


def _entries(project: Project, rows: Iterable[Row], verdicts: list[Verdict]) -> Iterator[Entry]:
    """The people whom rows name, each once; rows that have their verdict already go to `verdicts`."""
    hash_of = partial(keyed_hash, project.keys.address)
    for entry in judge_repeats(read_entry(row, hash_of) for row in rows):
        if isinstance(entry, Entry):
            yield entry
        else:
            verdicts.append(entry)


def export_subscribers(database: Database, out: IO[str], *, slug: str | None, raw: bool, as_json: bool) -> int:
    """Write everybody (of one list: with what they say to it and since when) and say how many there are.

    CSV whose columns an import reads again, or one JSON object a line. Raises NotFoundError.
    """
    with database.read() as connection:
        list_id = ListStore(database, connection).named(slug).id if slug else None
        store = AudienceStore(database, connection)
        if as_json:
            return sum(_write_line(out, _as_json(*entry)) for entry in store.people(list_id))
        attributes = sorted({name for person, *_ in store.people(list_id) for name in person.attributes})
        headings = ["email", "name", "language", "timezone", *attributes, *(["consent", "since"] if slug else [])]
        return write_csv(out, headings, _cells(store, list_id, attributes), raw=raw)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(MAX_FILE + 1)
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}") from error


def _write_rejects(
    order: ImportOrder, headings: Sequence[str], delimiter: str, rejected: Sequence[Verdict]
) -> Path | None:
    if not rejected:
        return None
    file = order.rejects or order.file.with_name(f"{order.file.name}.rejects.csv")
    try:
        # The mark: Excel would guess otherwise. What cannot be written as UTF-8 is why its row was rejected.
        with open(file, "w", encoding="utf-8-sig", errors="replace", newline="", opener=open_private) as out:
            rows = ((str(verdict.line), verdict.reason, *verdict.raw) for verdict in rejected)
            write_csv(out, [*REJECTED, *headings], rows, delimiter=delimiter)
    except OSError as error:
        raise RequestError(
            f"The rejected rows cannot be written to {file}: {error.strerror}",
            hint="Name another place: --rejects FILE",
        ) from error
    return file


def _cells(store: AudienceStore, list_id: int | None, attributes: Sequence[str]) -> Iterator[list[str]]:
    for person, consent, since in store.people(list_id):
        yield [
            person.address,
            person.name,
            person.language,
            person.timezone,
            *(person.attributes.get(name, "") for name in attributes),
            *([consent, since.isoformat()] if since else []),
        ]


def _write_line(out: IO[str], value: Mapping[str, Any]) -> int:
    out.write(json.dumps(value, ensure_ascii=False) + "\n")
    return 1


def _as_json(person: Subscriber, consent: str, since: datetime | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "email": person.address,
        "name": person.name,
        "language": person.language,
        "timezone": person.timezone,
        "attributes": dict(person.attributes),
    }
    return described | ({"consent": consent, "since": since.isoformat()} if since else {})
