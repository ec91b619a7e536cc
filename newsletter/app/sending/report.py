"""Report: what a delivery amounted to, and whether somebody is at work on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.sender.worker import is_known_dead
from newsletter.reporting.report import Report, reconcile
from newsletter.storage.database.database import Database
from newsletter.storage.journal.audit import audit_of
from newsletter.storage.ledger.deliveries import read_delivery
from newsletter.storage.ledger.reconcile import (
    read_counts,
    read_languages,
    read_next,
    read_reasons,
    resent_ones,
    unknown_ones,
)
from newsletter.storage.ledger.workers import has_worker


def is_attended(database: Database) -> bool:
    """Whether any sending process is at work, as far as one can see from here; the states alone do not tell."""
    return has_worker(database, is_known_dead)


def next_of(database: Database, found: Iterable[Delivery]) -> dict[str, datetime | None]:
    """For the deliveries among these that are under way: when the next recipient of each may be sent to."""
    with database.read() as connection:
        return {one.id: read_next(connection, one.id) for one in found if one.state.is_under_way}


def report_on(database: Database, delivery: str) -> Report:
    """What a delivery amounted to, and whether its books balance. Raises NotFoundError."""
    with database.read() as connection:  # all in one: when a copy is put back in between, nothing fits together
        found, books = read_delivery(connection, delivery), read_counts(connection, delivery)
        languages, reasons = read_languages(connection, delivery), read_reasons(connection, delivery)
        unknown, resent = unknown_ones(connection, delivery), resent_ones(connection, delivery)
        next_at = read_next(connection, delivery)
        refused = audit_of(connection, delivery, books) if found.state.waits_for_a_person else ()
    return Report(
        delivery=found,
        books=books,
        problems=tuple(dict.fromkeys((*reconcile(found, books), *refused))),
        languages=languages,
        reasons=reasons,
        unknown=tuple(unknown),
        resent=tuple(resent),
        next_at=next_at,
        cannot_resume=refused,
        attended=is_attended(database),
    )
