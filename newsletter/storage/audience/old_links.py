"""Old links: the ids by which the links of another tool name subscribers, as its export brought them."""

import sqlalchemy as sa

from newsletter.storage.database.tables import old_links, subscribers


def holder_of(connection: sa.Connection, old_id: str) -> tuple[int, str] | None:
    """Id and address hash of the subscriber whom a link's id means; None for an unknown one."""
    query = (
        sa.select(subscribers.c.id, subscribers.c.address_hash)
        .join(old_links, old_links.c.subscriber_id == subscribers.c.id)
        .where(old_links.c.id == old_id)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.id, row.address_hash)
