"""Re-check: whether frozen recipients may still be written to at the moment they are claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger import RecipientState
from newsletter.delivery.plan import Exclusion
from newsletter.storage.tables import recipients, subscriptions, suppressions

MAY_HAVE_REACHED = frozenset(
    {RecipientState.PERMITTED.value, RecipientState.ACCEPTED.value, RecipientState.UNKNOWN.value}
)
"""States in which a message may have reached its address; the ones that `uq_recipients_once` is about."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row becomes instead of being claimed."""

    state: RecipientState
    reason: str


def recheck(
    connection: sa.Connection, rows: Sequence[sa.Row[*tuple[Any, ...]]], now: datetime, expiry: timedelta
) -> dict[str, Verdict]:
    """Those of a delivery's rows that must not be sent to (any more), by id."""
    if not rows:
        return {}
    hashes = [row.address_hash for row in rows]
    suppressed = suppressed_among(connection, hashes)
    consents = _consents(connection, [row.subscriber_id for row in rows])
    first = rows[0]
    reached = set() if first.again else reached_among(connection, first.issue, first.delivery_id, hashes)
    verdicts: dict[str, Verdict] = {}
    for row in rows:
        given = {consents.get((row.subscriber_id, list_id)) for list_id in row.list_ids}
        if row.address_hash in suppressed or not row.address:
            reason = suppressed.get(row.address_hash, SuppressionReason.ERASED.value)
            verdicts[row.id] = Verdict(RecipientState.SUPPRESSED, reason)
        elif Consent.CONFIRMED not in given:
            why = Exclusion.UNSUBSCRIBED if Consent.UNSUBSCRIBED in given else Exclusion.NO_PERMISSION
            verdicts[row.id] = Verdict(RecipientState.EXCLUDED, why)
        elif row.address_hash in reached:
            verdicts[row.id] = Verdict(RecipientState.EXCLUDED, Exclusion.ALREADY_RECEIVED)
        elif row.state == RecipientState.DEFERRED and row.eligible_at + expiry < now:
            verdicts[row.id] = Verdict(RecipientState.REJECTED, f"expired: {row.reason}")
    return verdicts


def _consents(connection: sa.Connection, people: Sequence[int]) -> dict[tuple[int, int], Consent]:
    columns = subscriptions.c.subscriber_id, subscriptions.c.list_id, subscriptions.c.consent
    query = sa.select(*columns).where(subscriptions.c.subscriber_id.in_(people))
    return {(row.subscriber_id, row.list_id): Consent(row.consent) for row in connection.execute(query)}


def suppressed_among(connection: sa.Connection, hashes: Sequence[str]) -> dict[str, str]:
    """Which of these addresses are suppressed, and why."""
    query = sa.select(suppressions.c.address_hash, suppressions.c.reason).where(suppressions.c.address_hash.in_(hashes))
    return {row.address_hash: row.reason for row in connection.execute(query)}


def reached_among(connection: sa.Connection, issue: str, delivery: str, hashes: Sequence[str]) -> set[str]:
    """Which of these addresses another delivery of the issue reached, or may have."""
    query = sa.select(recipients.c.address_hash).where(
        recipients.c.issue == issue,
        recipients.c.address_hash.in_(hashes),
        recipients.c.delivery_id != delivery,
        recipients.c.state.in_(sorted(MAY_HAVE_REACHED)),
    )
    return set(connection.execute(query).scalars())
