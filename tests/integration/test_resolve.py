"""The policy `sending.unknown = "resend"`: what it sends again, when and how often, and what it leaves alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, start_delivery

from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.settle import HELD_FOR_BYTES
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import deliveries, recipients
from newsletter.storage.ledger.resolve import resend_by_policy, with_unknown

PATIENCE, EXPIRY = timedelta(minutes=12), timedelta(hours=48)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def delivery(database: Database) -> str:
    """One delivery whose two recipients are unknown since `NOW`."""
    add_people(database, ["ana@example.org", "bo@example.org"], add_list(database))
    name = start_delivery(database).id
    with database.write() as connection:
        connection.execute(sa.update(recipients).values(state="unknown", settled_at=NOW, eligible_at=NOW))
    return name


def states(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(recipients.c.state).order_by(recipients.c.address)).scalars())


def resend(database: Database, delivery: str, now: datetime = LATER) -> int:
    return resend_by_policy(database, delivery, now, patience=PATIENCE, expiry=EXPIRY)


def test_policy_waits_until_no_reply_can_come_any_more(database: Database, delivery: str) -> None:
    assert resend(database, delivery, NOW + PATIENCE / 2) == 0
    assert resend(database, delivery) == 2
    assert states(database) == ["waiting", "waiting"]


def test_policy_gives_up_on_what_expired(database: Database, delivery: str) -> None:
    assert resend(database, delivery, NOW + EXPIRY + timedelta(minutes=1)) == 0


@pytest.mark.parametrize("reason", HELD_FOR_BYTES)
def test_policy_leaves_held_whose_bytes_would_differ(database: Database, delivery: str, reason: str) -> None:
    with database.write() as connection:
        connection.execute(sa.update(recipients).where(recipients.c.address == "ana@example.org").values(reason=reason))
    assert resend(database, delivery) == 1
    assert states(database) == ["unknown", "waiting"]


def test_policy_leaves_alone_what_was_cancelled_a_moment_ago(database: Database, delivery: str) -> None:
    assert with_unknown(database) == [delivery]
    with database.write() as connection:
        connection.execute(sa.update(deliveries).values(state=DeliveryState.CANCELLED.value))
    assert resend(database, delivery) == 0
    assert with_unknown(database) == []
    assert states(database) == ["unknown", "unknown"]


def test_senders_do_not_wait_for_a_policy_with_nothing_to_do(database: Database, delivery: str) -> None:
    with database.write() as connection:
        connection.execute(sa.select(deliveries).with_for_update())
        assert resend(database, delivery, NOW + PATIENCE / 2) == 0
