"""Exporting: people and rejected rows as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import IO

from newsletter.audience.importing.rows import harmless


def write_csv(
    out: IO[str],
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    raw: bool = False,
    delimiter: str = ",",
) -> int:
    """Write a CSV file (`out` opened with `newline=""`) and say how many rows it has.

    Unless `raw`, an apostrophe stands before what a spreadsheet would take for a formula; importing takes it off.
    """
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    count = 0
    writer.writerow(headings if raw else map(harmless, headings))
    for row in rows:
        writer.writerow(row if raw else map(harmless, row))
        count += 1
    return count
