"""Exporting: rows of CSV that a spreadsheet opens without running anything in it, and that an import gives back."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import IO

from newsletter.audience.importing.cells import escaped, harmless, unbroken


def row_writer(out: IO[str], *, raw: bool = False, delimiter: str = ",") -> Callable[[Iterable[str]], object]:
    """What writes one row of a CSV file; `out` was opened with `newline=""`.

    Unless `raw`, an apostrophe stands before what a spreadsheet would take for a formula. Importing takes it off.
    """
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    guarded = escaped if raw else harmless
    # Not every version of the writer puts a cell in quotes for a return, and no reader agrees on the other breaks.
    return lambda cells: writer.writerow([guarded(unbroken(cell)) for cell in cells])
