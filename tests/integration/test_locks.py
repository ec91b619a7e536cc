"""Who waits for whom on a server: nobody for somebody who waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, address_hash, make_worker, start_delivery

from newsletter.delivery.ledger.ledger import PermitRequest
from newsletter.storage.audience.erasing import erase_subscriber
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.tables import attempts, recipients
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.record import lock_rows, lock_states, lock_worker
from newsletter.storage.ledger.resolve import accept_unknown

ISSUES = [f"issue{n}" for n in range(4)]
ADDRESSES = [f"reader{n}@example.com" for n in range(8)]


def erase(database: Database) -> None:
    with database.write() as connection:
        erase_subscriber(connection, address_hash(ADDRESSES[0]), NOW)


def accept(database: Database) -> None:
    accept_unknown(database, ISSUES[0], NOW)


def reclaim(database: Database) -> None:
    StoredLedger(database).recover(NOW, lambda _: True)


def until_somebody_waits(database: Database, other: Future[None]) -> None:
    """Until another connection waits for a lock, or `other` is over; the test's time limit is the only clock."""
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not other.done():
        with database.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.01)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)  # the other kind has one writer at a time
@pytest.mark.parametrize(
    ("other", "state", "touched"),
    [
        (erase, "permitted", recipients.c.address == ADDRESSES[0]),
        (accept, "unknown", recipients.c.delivery_id == ISSUES[0]),
        (reclaim, "permitted", sa.true()),
    ],
)
def test_sender_that_locks_row_by_row_is_in_nobodys_way(
    database: Database, other: Callable[[Database], None], state: str, touched: sa.ColumnElement[bool]
) -> None:
    add_people(database, ADDRESSES, add_list(database))
    for issue in ISSUES:
        start_delivery(database, issue, issue=issue)
    StoredLedger(database).register(make_worker("gone"), 60.0, NOW)
    with database.write() as connection:
        connection.execute(sa.update(recipients).values(state=state, worker="gone", epoch=1))
        rows = connection.execute(sa.select(recipients.c.id).where(touched).order_by(recipients.c.id)).scalars().all()
        opened = [{"recipient_id": id_, "epoch": 1, "worker": "gone", "permitted_at": NOW} for id_ in rows]
        connection.execute(sa.insert(attempts), opened)

    with ThreadPoolExecutor(1) as aside:
        with database.write() as connection:  # as `record` does for another worker
            lock_states(connection, ISSUES)
            lock_rows(connection, rows[:1])
            ending = aside.submit(other, database)
            until_somebody_waits(database, ending)
            lock_rows(connection, rows)
            connection.execute(sa.update(attempts).values(reply="250 ok"))
        ending.result()


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_permits_of_one_worker_do_not_wait_for_those_of_another(database: Database) -> None:
    """Nor does a heartbeat for the claims and permits of its own worker."""
    other = open_database(database._url.render_as_string(hide_password=False), patience=1)
    add_people(database, ADDRESSES, add_list(database))
    start_delivery(database)
    one, two = make_worker("one"), make_worker("two")
    ledger = StoredLedger(other)
    for worker in (one, two):
        ledger.register(worker, 60.0, NOW)
    claims = ledger.claim("delivery1", two, 4, NOW)

    with database.write() as connection:
        assert lock_worker(connection, one.id)
        assert ledger.renew(one, 60.0)
        lock_states(connection, ["delivery1"])
        asked = [PermitRequest(claim, claim.recipient, "b" * 64) for claim in claims]
        assert ledger.record(two, [], asked, NOW) == [True] * 4
    other.close()
