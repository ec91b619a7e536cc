"""Compare: receipts that say more than the database. One without its attempt shows an older copy (`replay.py`)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.storage.database.tables import attempts, receipts, recipients
from newsletter.storage.journal.files import Receipt
from newsletter.storage.ledger.recheck import UNSURE

_PAGE = 500
_ACCEPTED = RecipientState.ACCEPTED.value
_UNKNOWN = RecipientState.UNKNOWN.value


@dataclass(frozen=True, slots=True)
class Compared:
    """Receipts that say more than the database."""

    missing: tuple[Receipt, ...]
    """It does not have their attempts."""
    late: tuple[Receipt, ...]
    """It has their attempts, and does not know what became of them."""


def compare(connection: sa.Connection, found: Iterable[Receipt]) -> Compared:
    """Compare receipts with attempts, row by row: of a mixture of two database files no count could tell."""
    missing: list[Receipt] = []
    late: list[Receipt] = []
    for page in pages(found):
        named = {"of": sorted({one.recipient for one in page})}
        known = {tuple(row[:3]): row for row in connection.execute(_ATTEMPTS, named)}
        replayed = {tuple(row) for row in connection.execute(_REPLAYED, named)}
        for one in page:
            row = known.get(one.key)
            # In a mixture the attempt may be there, and the row of before it.
            if one.key not in replayed and (row is None or (one.outcome == _ACCEPTED and row.state in _BEFORE)):
                missing.append(one)
            elif row is not None and one.outcome and not row.outcome and row.state == _UNKNOWN:
                late.append(one)
    return Compared(_one_each(missing), _one_each(late))


def _one_each(found: Iterable[Receipt]) -> tuple[Receipt, ...]:
    """One receipt for each attempt: rather one whose outcome is known."""
    kept: dict[tuple[str, int, str], Receipt] = {}
    for one in found:
        if one.key not in kept or kept[one.key].outcome in UNSURE:
            kept[one.key] = one
    return tuple(kept.values())


_BEFORE = (RecipientState.WAITING, RecipientState.CLAIMED, RecipientState.DEFERRED)
_AMONG: sa.BindParameter[object] = sa.bindparam("of", expanding=True)
_ATTEMPTS = (
    sa.select(attempts.c.recipient_id, attempts.c.epoch, attempts.c.worker, attempts.c.outcome, recipients.c.state)
    .join(recipients, recipients.c.id == attempts.c.recipient_id)
    .where(attempts.c.recipient_id.in_(_AMONG))
)
_REPLAYED = sa.select(receipts.c.recipient_id, receipts.c.epoch, receipts.c.worker).where(
    receipts.c.recipient_id.in_(_AMONG)
)


def pages(found: Iterable[Receipt]) -> Iterator[list[Receipt]]:
    """Receipts, as many at a time as one statement takes."""
    rest = iter(found)
    while page := list(islice(rest, _PAGE)):
        yield page
