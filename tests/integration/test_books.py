"""What reports count, against real databases."""

from __future__ import annotations

import sqlalchemy as sa
from factories import add_list, add_people, start_delivery, suppress

from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.reconcile import read_languages


def test_who_is_sent_nothing_gets_no_edition(database: Database) -> None:
    weekly = add_list(database)
    add_people(database, ["ana@example.org", "bo@example.org"], weekly, language="de")
    add_people(database, ["cy@example.org"], weekly)
    suppress(database, "bo@example.org")
    start_delivery(database, languages=("en", "de"))
    with database.read() as connection:
        assert read_languages(connection, "delivery1") == {"de": 1, "en": 1}

    with database.write() as connection:
        gone = tables.recipients.c.address == "cy@example.org"
        connection.execute(sa.update(tables.recipients).where(gone).values(state="excluded"))
        assert read_languages(connection, "delivery1") == {"de": 1}
