"""Suppressing the addresses that relays said do not exist, with the relay's words as evidence.

Done when a delivery comes to rest, not at each refusal: a relay that refuses everybody halts the delivery before that.
"""

from datetime import datetime

import sqlalchemy as sa

from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.feedback.event import EventKind
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import events, recipients, suppressions

_REASON = SuppressionReason.INVALID_ADDRESS.value
_KEY = sa.literal(f"{_REASON} ") + recipients.c.id
"""Of the event: an operator who lifts the suppression does it for good, as far as this refusal is concerned."""
_FOUND = (
    sa.select(recipients, _KEY.label("key"))
    .where(recipients.c.delivery_id == sa.bindparam("of"), recipients.c.state == RecipientState.REJECTED.value)
    .where(recipients.c.reason.startswith(f"{_REASON}: ", autoescape=True), recipients.c.address != "")
    .where(~sa.exists().where(events.c.key == _KEY))
    .order_by(recipients.c.id)
)


def suppress_invalid(database: Database, delivery: str, now: datetime) -> int:
    """Suppress whoever was rejected as `invalid_address`; how many were found."""
    with database.write() as connection:
        rows = connection.execute(_FOUND, {"of": delivery}).all()
        if rows:
            connection.execute(
                database.insert_ignore(suppressions),
                [
                    {"address_hash": one.address_hash, "address": one.address, "reason": _REASON, "created_at": now,
                     "note": f"delivery {delivery}: {one.reply}"}
                    for one in rows
                ],
            )  # fmt: skip
            connection.execute(
                database.insert_ignore(events),
                [
                    {"kind": EventKind.SUPPRESSED.value, "at": now, "key": one.key, "subscriber_id": one.subscriber_id,
                     "recipient_id": one.id, "delivery_id": delivery, "data": {"reason": _REASON, "reply": one.reply}}
                    for one in rows
                ],
            )  # fmt: skip
    return len(rows)
