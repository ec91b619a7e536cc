"""Sending: from an issue's path to a delivery in the database, and what a person may do with it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.app.project import Project
from newsletter.delivery.delivery import Delivery
from newsletter.problem import Problem
from newsletter.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Created:
    """A new delivery and the warnings found while its issue was checked."""

    delivery: Delivery
    warnings: tuple[Problem, ...]


def create_delivery(
    project: Project,
    database: Database,
    path: Path,
    lists: Sequence[str],
    *,
    now: datetime,
    at: datetime | None = None,
    again: bool = False,
) -> Created:
    """Check and compile an issue and store a delivery of it: preparing at once, or scheduled `at` an instant.

    Raises AuthoringError with every problem, NotFoundError for an unknown list, EmptyAudienceError when nobody would
    get it now (only without `at`).
    """
    raise NotImplementedError


def start_due(project: Project, database: Database, now: datetime) -> list[Delivery]:
    """Start the deliveries whose time has come: preparing now, or missed when later than `max_lateness`.

    Called by the scheduler; safe to call from several at once. Returns those whose state changed.
    """
    raise NotImplementedError
