"""Metrics: the state of the database and of this host's journal in the text format of Prometheus (version 0.0.4)."""

import time
import tomllib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from newsletter.errors import StorageError
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.scheduling.figures import Figure, attempts_made, read_figures

HELP: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
"""Metric, without `newsletter_`, → its meaning."""
_SHARE = 20
"""What takes long is counted again after so many times as long, so that a monitor costs no more than a twentieth."""


class Metrics:
    """What a monitor reads. Safe to use from several threads."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database, self._journal = database, journal
        self._attempts: tuple[float, list[Figure]] = 0.0, []
        """Until when (monotonic) they are used, and the counts."""

    def read(self, now: datetime) -> str:
        """All metrics now. A database that is away is one of them."""
        lag: Figure = "journal_lag_seconds", {}, round(self._journal.lag(now), 1)
        try:
            with self._database.read() as connection:
                found = list(read_figures(connection, now))
                if time.monotonic() >= self._attempts[0]:
                    began = time.monotonic()
                    counted = attempts_made(connection, now)
                    ended = time.monotonic()
                    self._attempts = ended + _SHARE * (ended - began), counted
        except StorageError:
            return _written([("database_up", {}, 0), lag])
        return _written([("database_up", {}, 1), lag, *found, *self._attempts[1]])


def _written(found: Iterable[Figure]) -> str:
    by_name: dict[str, list[str]] = {}
    for name, labels, value in found:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        by_name.setdefault(name, []).append(f"newsletter_{name}{f'{{{inside}}}' if inside else ''} {value}")
    lines = []
    for name, samples in by_name.items():
        lines += [f"# HELP newsletter_{name} {HELP[name]}", f"# TYPE newsletter_{name} gauge", *samples]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
