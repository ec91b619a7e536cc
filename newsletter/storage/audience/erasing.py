"""Erasing: remove one subscriber's address and data from every table; the keyed hash stays, against re-import."""

from datetime import datetime

import sqlalchemy as sa

from newsletter.storage.audience.returned import erase_returned
from newsletter.storage.audience.signups import erase_signups
from newsletter.storage.audience.statements import erase_notes
from newsletter.storage.database.tables import attempts, old_links, recipients, subscribers, subscriptions, suppressions


def erase_subscriber(connection: sa.Connection, address_hash: str, now: datetime) -> None:
    """Empty everything that identifies the subscriber.

    Also replies of relays, which often quote the address. States, ids and hashes stay, so the ledger still adds up.
    """
    theirs = sa.select(recipients.c.id).where(recipients.c.address_hash == address_hash)
    # Lock all rows first, in the order of `storage/ledger/claims.py`: a sender may be working on some.
    connection.execute(theirs.order_by(recipients.c.id).with_for_update())
    connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.address_hash == address_hash)
        .values(address="", name="", language="", timezone="", attributes={}, paused_until=None)
    )
    connection.execute(
        sa.update(suppressions).where(suppressions.c.address_hash == address_hash).values(address="", note="")
    )
    connection.execute(sa.update(attempts).where(attempts.c.recipient_id.in_(theirs)).values(reply=""))
    connection.execute(
        sa.update(recipients)
        .where(recipients.c.address_hash == address_hash)
        .values(
            address="",
            values={},
            reply="",
            # Our own reasons are one word; one that quotes a relay has a space.
            reason=sa.case((recipients.c.reason.like("% %"), ""), else_=recipients.c.reason),
        )
    )
    subscriber = sa.select(subscribers.c.id).where(subscribers.c.address_hash == address_hash)
    connection.execute(sa.delete(old_links).where(old_links.c.subscriber_id.in_(subscriber)))
    connection.execute(sa.delete(subscriptions).where(subscriptions.c.subscriber_id.in_(subscriber)))
    erase_signups(connection, address_hash, now)
    erase_returned(connection, address_hash)
    erase_notes(connection, address_hash)
