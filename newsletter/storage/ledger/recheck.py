"""Re-check: what is known of frozen recipients when they are claimed; `delivery/ledger/plan.py` decides."""

from collections.abc import Sequence

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Frozen, recheck
from newsletter.storage.database.compiled import Compiled, Row
from newsletter.storage.database.tables import (
    MAY_HAVE_REACHED,
    receipts,
    recipients,
    subscribers,
    subscriptions,
    suppressions,
)

UNSURE = ("", "unknown")
"""Outcomes of receipts: the message may have arrived."""
PAUSED = sa.func.coalesce(subscribers.c.paused_until > sa.func.current_timestamp(), sa.false())
"""Of a subscriber's row: they asked for no issues for some time, by the database's clock."""


def recheck_rows(connection: sa.Connection, rows: Sequence[Row]) -> dict[str, tuple[RecipientState, str]]:
    """Id → state and reason of those among a delivery's rows that must not be sent to (any more)."""
    if not rows:
        return {}
    hashes = [row.address_hash for row in rows]
    suppressed = suppressed_among(connection, hashes)
    ties = _TIES.rows(connection, {"of": [row.subscriber_id for row in rows]})
    consents = {(one.subscriber_id, one.list_id): Consent(one.consent) for one in ties}
    paused = {one.subscriber_id for one in ties if one.paused}
    reached = reached_among(connection, rows[0].issue, rows[0].delivery_id, hashes)
    sent = receipts_among(connection, rows[0].issue, hashes)
    refused = {}
    for row in rows:
        frozen = Frozen(
            address=row.address,
            suppression=suppressed.get(row.address_hash, ""),
            consents=frozenset(consents[key] for id_ in row.list_ids if (key := (row.subscriber_id, id_)) in consents),
            # What nobody knows bars them, too, unless an operator has it sent again.
            already_received=row.address_hash in reached or _is_barred(sent.get(row.address_hash), row.in_doubt),
            in_doubt=row.in_doubt,
            is_paused=row.subscriber_id in paused,
        )
        if verdict := recheck(frozen, again=row.again):
            refused[row.id] = verdict
    return refused


def suppressed_among(connection: sa.Connection, hashes: Sequence[str]) -> dict[str, str]:
    """Which of these addresses are suppressed, and why."""
    return {row.address_hash: row.reason for row in _SUPPRESSED.rows(connection, {"of": list(hashes)})}


def reached_among(connection: sa.Connection, issue: str, delivery: str, hashes: Sequence[str]) -> set[str]:
    """Which of these addresses another delivery of the issue reached, or may have."""
    asked = {"issue": issue, "of": list(hashes), "not": delivery}
    return {row.address_hash for row in _REACHED.rows(connection, asked)}


def receipts_among(connection: sa.Connection, issue: str, hashes: Sequence[str]) -> dict[str, bool]:
    """To which of these addresses the issue was sent by the journal alone, and whether it certainly arrived."""
    rows = _RECEIPTS.rows(connection, {"issue": issue, "of": list(hashes)})
    return {row.address_hash: bool(row.is_certain) for row in rows}


def _is_barred(sent: bool | None, in_doubt: bool) -> bool:
    return sent is not None and (sent or not in_doubt)


_SUPPRESSED = Compiled(
    lambda among, _: sa.select(suppressions.c.address_hash, suppressions.c.reason).where(
        among(suppressions.c.address_hash, "of")
    )
)
_TIES = Compiled(
    lambda among, _: (
        sa.select(
            subscriptions.c.subscriber_id, subscriptions.c.list_id, subscriptions.c.consent, PAUSED.label("paused")
        )
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(among(subscriptions.c.subscriber_id, "of"))
    )
)
_REACHED = Compiled(
    lambda among, _: sa.select(recipients.c.address_hash).where(
        recipients.c.issue == sa.bindparam("issue"),
        among(recipients.c.address_hash, "of"),
        recipients.c.delivery_id != sa.bindparam("not"),
        MAY_HAVE_REACHED,
    )
)
_RECEIPTS = Compiled(
    lambda among, _: (
        sa.select(
            receipts.c.address_hash,
            sa.func.max(sa.case((receipts.c.outcome == "accepted", 1), else_=0)).label("is_certain"),
        )
        .where(receipts.c.issue == sa.bindparam("issue"), among(receipts.c.address_hash, "of"))
        .where(receipts.c.outcome.in_([*UNSURE, "accepted"]))
        .group_by(receipts.c.address_hash)
    )
)
