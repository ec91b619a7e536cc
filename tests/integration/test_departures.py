"""Who joined and left after a backup was made: a restore knows it, and no import brings them back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from factories import start_delivery

from newsletter.app.audience.lists import add_list
from newsletter.app.audience.subscribers import NewSubscriber, add_subscriber, show_subscriber, unsubscribe_subscriber
from newsletter.app.audience.unsubscribe import unsubscribe
from newsletter.app.operating.backup import back_up, restore
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, open_project
from newsletter.audience.consent import Consent, OptIn
from newsletter.errors import LinkError
from newsletter.feedback.unsubscribe import Wish
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import subscribers, subscriptions
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.tokens import Purpose

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, {})


def make_list(database: Database, slug: str) -> None:
    add_list(database, slug, name=slug, opt_in=OptIn.SINGLE, language="", now=NOW)


def join(project: Project, database: Database, name: str, slug: str = "weekly") -> None:
    person = NewSubscriber(f"{name}@example.org", name=name)
    add_subscriber(project, database, person, [slug], consent=Consent.CONFIRMED, basis="form", now=NOW)


def test_who_joined_and_left_since_the_backup_stays_out(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    make_list(database, "weekly")
    join(project, database, "old")
    back_up(database, tmp_path / "backup.db")
    make_list(database, "monthly")
    join(project, database, "new")
    join(project, database, "new", "monthly")
    join(project, database, "stays")
    for slug in ("weekly", "monthly"):
        unsubscribe_subscriber(project, database, "new@example.org", slug, now=NOW)

    restored = restore(project, database, tmp_path / "backup.db", NOW)

    person = show_subscriber(project, database, "new@example.org")
    assert {(one.list, one.consent, one.how) for one in person.subscriptions} == {
        ("weekly", Consent.UNSUBSCRIBED, "restore"), ("monthly", Consent.UNSUBSCRIBED, "restore"),
    }  # fmt: skip
    assert restored.carried_over == 2
    with database.read() as connection:
        everybody = connection.execute(sa.select(subscribers.c.address).order_by(subscribers.c.address)).scalars().all()
        count = connection.execute(sa.select(sa.func.count()).select_from(subscriptions)).scalar_one()
    assert (everybody, count) == (["new@example.org", "old@example.org"], 3)


def test_link_of_a_delivery_newer_than_the_backup_leaves_it_to_the_operator(project: Project, tmp_path: Path) -> None:
    database = connect(project)
    make_list(database, "weekly")
    join(project, database, "old")
    back_up(database, tmp_path / "backup.db")
    start_delivery(database, now=NOW)
    [recipient] = Deliveries(database).recipients("delivery1")
    token = project.keys.signer.sign(Purpose.UNSUBSCRIBE, recipient.id)

    restore(project, database, tmp_path / "backup.db", NOW)

    with pytest.raises(LinkError):
        unsubscribe(database, project.keys.signer, token, Wish.ONE_CLICK, NOW)
    assert unsubscribe_subscriber(project, database, "old@example.org", "weekly", now=NOW) == ["weekly"]
