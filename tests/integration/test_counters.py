"""What is counted of a delivery, against real databases."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from factories import NOW, add_list, add_people, start_delivery, suppress

from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.counters import FEW, count_states, read_languages, read_next, read_reasons

WAITING, EXCLUDED, REJECTED = RecipientState.WAITING, RecipientState.EXCLUDED, RecipientState.REJECTED


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


def test_reasons_are_counted_unless_there_are_too_many(database: Database) -> None:
    add_people(database, [f"reader{n}@example.org" for n in range(4)], add_list(database))
    start_delivery(database)
    with database.write() as connection:
        mine = tables.recipients.c
        for state, reason, address in (
            ("excluded", "render", "reader0"),
            ("excluded", "already_received", "reader1"),
            ("rejected", "550", "reader2"),
        ):
            of = mine.address == f"{address}@example.org"
            connection.execute(sa.update(tables.recipients).where(of).values(state=state, reason=reason))
    with database.write() as connection:
        states = count_states(connection, "delivery1")
        whole = read_reasons(connection, "delivery1", states)
        some = read_reasons(connection, "delivery1", states, most=1)
        late = tables.recipients.c.reason == "render"
        connection.execute(sa.update(tables.recipients).where(late).values(next_at=NOW + timedelta(hours=1)))
        assert read_reasons(connection, "delivery1", states, most=1)[EXCLUDED] == {"render": 0}
    assert states == {WAITING: 1, EXCLUDED: 2, REJECTED: 1}
    assert whole == {REJECTED: {"550": 1}, EXCLUDED: {"already_received": 1, "render": 1}}
    assert some[REJECTED] == {"550": 1}
    assert list(some[EXCLUDED].values()) == [0]


def test_next_is_the_earliest_of_those_who_wait_or_are_deferred(database: Database) -> None:
    add_people(database, ["ana@example.org", "bo@example.org"], add_list(database))
    start_delivery(database)
    later, mine = NOW + timedelta(hours=1), tables.recipients.c
    with database.write() as connection:
        connection.execute(sa.update(tables.recipients).values(state="deferred", next_at=later))
        assert read_next(connection, "delivery1") == later
        ana = mine.address == "ana@example.org"
        connection.execute(sa.update(tables.recipients).where(ana).values(state="waiting", next_at=NOW))
        assert read_next(connection, "delivery1") == NOW
        connection.execute(sa.update(tables.recipients).where(ana).values(state="claimed"))
        assert read_next(connection, "delivery1") is None
        connection.execute(sa.update(tables.recipients).values(state="accepted"))
        assert read_next(connection, "delivery1") is None


def test_looking_at_a_delivery_reads_its_recipients_by_an_index(database: Database) -> None:
    """Never all rows: `show`, `list` and `pause` are asked for while a million are sent to."""
    add_people(database, ["ana@example.org"], add_list(database))
    start_delivery(database)
    asked: list[str] = []
    with database.read() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        states = count_states(connection, "delivery1")
        read_next(connection, "delivery1")
        read_reasons(connection, "delivery1", states, most=FEW)
        assert sum(states.values()) == 1
        if not database.shown_url.startswith("sqlite"):
            return  # the plan of a server depends on how many rows there are
        for query in [one for one in asked if "FROM recipients" in one]:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("?",) * query.count("?")).all()
            [how] = [row[3] for row in plan if "recipients" in row[3]]
            assert "ix_recipients_due (delivery_id=?" in how
            assert "COVERING" in how or "AND state=?" in how
