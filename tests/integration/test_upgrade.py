"""A database of the first version, in the middle of its work, brought up: nothing is lost, and sending goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
import sqlalchemy as sa
from factories import IDENTITY, NOW, add_people, address_hash, make_edition, make_order

from newsletter.app.operating.backup import back_up, restore
from newsletter.app.operating.database import connect, connect_to_back_up, upgrade_database
from newsletter.app.project import Project
from newsletter.compiler.edition import edition_to_json
from newsletter.config import Config, DatabaseSection
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.ledger import Decision, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Reply
from newsletter.delivery.ledger.plan import digest, recipient_id
from newsletter.errors import SchemaVersionError
from newsletter.reporting.reconcile import reconcile
from newsletter.storage.database import migrations, tables
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.storage.ledger.reconcile import read_counts

WORKER = Worker("later", "here", "", 2)
STATES = {
    "ana@Gmail.com": "accepted", "bo@gmx.de": "permitted", "cy@example.org": "claimed", "di@163.com": "waiting",
    "": "suppressed", "ed@mail.example": "deferred", "flo@hotmail.com": "unknown", "gil@gmail.com.example": "waiting",
}  # fmt: skip
OUTCOMES = {"accepted": "accepted", "permitted": "", "deferred": "deferred", "unknown": "unknown"}
PROVIDERS = ["gmail", "gmx", "other", "netease", "other", "other", "outlook", "other"]


@pytest.fixture
def project(empty_url: str, tmp_path: Path) -> Project:
    return Project(folder=tmp_path, config=Config(database=DatabaseSection(url=empty_url)))


@pytest.fixture
def old(project: Project, tmp_path: Path) -> Iterator[Database]:
    """What the first version left when it was killed while it sent."""
    (tmp_path / "high-water.json").write_text(
        '{"permits": {"abc": 4}, "databases": {"abc": "sqlite:///newsletter.db"}}'
    )
    scripts = tmp_path / "scripts"
    copytree(
        Path(next(iter(migrations.__path__))), scripts, ignore=ignore_patterns("v000[2-9]*", "v00[1-9]*", "__pycache__")
    )
    database = open_database(project.database_url)
    require_current(database, scripts=scripts)
    with database.write() as connection:
        _fill(connection)
    yield database
    database.close()


def _fill(connection: sa.Connection) -> None:
    schema = sa.MetaData()
    schema.reflect(connection)
    at = NOW.replace(tzinfo=None) if connection.dialect.name == "sqlite" else NOW

    def insert(table: str, *rows: dict[str, Any]) -> None:
        connection.execute(sa.insert(schema.tables[table]), list(rows))

    people = dict(enumerate(STATES, start=1))
    ids = {n: recipient_id("first1", n) for n in people}
    hashes = {n: address_hash(address or "erased") for n, address in people.items()}
    permitted = [n for n, address in people.items() if STATES[address] in OUTCOMES]
    insert("facts", {"name": "identity", "value": "abc"}, {"name": "permits", "value": str(len(permitted) + 40)},
           {"name": "permits added", "value": "40"})  # fmt: skip
    insert("lists", {"id": 1, "slug": "weekly", "name": "Weekly", "opt_in": "single", "created_at": at})
    insert("subscribers", *({"id": n, "address": address, "address_hash": hashes[n], "attributes": {"town": "Basel"},
                             "created_at": at, "updated_at": at} for n, address in people.items()))  # fmt: skip
    insert("subscriptions", *({"subscriber_id": n, "list_id": 1, "consent": "confirmed", "changed_at": at}
                              for n, address in people.items() if address))  # fmt: skip
    insert("deliveries", {
        "id": "first1", "issue": "first", "state": "sending", "hash": "f" * 64, "again": False, "created_at": at,
        "started_at": at, "high_water": len(people), "frozen_to": len(people), "frozen_count": len(people),
        "frozen_digest": digest(sorted((ids[n], hashes[n]) for n in people)), "left_out": {"pending": 2},
    })  # fmt: skip
    insert("delivery_lists", {"delivery_id": "first1", "list_id": 1, "position": 0})
    edition = make_edition(identity=IDENTITY)
    insert("editions", {"delivery_id": "first1", "language": "en", "position": 0, "hash": edition.hash,
                        "body": edition_to_json(edition)})  # fmt: skip
    insert("workers", {"id": "killed", "host": "here", "boot": "", "pid": 1, "lease_until": 0.0, "entered_at": at})
    insert("recipients", *({
        "id": ids[n], "delivery_id": "first1", "issue": "first", "again": False, "subscriber_id": n,
        "address": address, "address_hash": hashes[n], "list_ids": [1], "language": "en", "values": {"name": "A"},
        "state": STATES[address], "epoch": 1, "worker": "killed" if STATES[address] in ("claimed", "permitted") else "",
        "eligible_at": at, "next_at": at, "dated_at": at, "attempts": 0,
    } for n, address in people.items()))  # fmt: skip
    insert("attempts", *({"recipient_id": ids[n], "epoch": 1, "worker": "killed", "permitted_at": at,
                          "outcome": OUTCOMES[STATES[people[n]]]} for n in permitted))  # fmt: skip
    insert(
        "events", {"id": 7, "kind": "unsubscribed", "at": at, "key": "unsubscribed:x", "subscriber_id": 1, "data": {}}
    )
    if connection.dialect.name == "postgresql":
        for table, last in (("lists", 1), ("subscribers", len(people)), ("events", 7)):
            connection.execute(sa.text(f"SELECT setval('{table}_id_seq', {last})"))


def sizes(database: Database) -> dict[str, int]:
    with database.read() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if name != "schema_version"]
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar_one()
            for name in names
        }


def test_first_version_is_brought_up_by_command_only_and_nothing_is_lost(old: Database, project: Project) -> None:
    with pytest.raises(SchemaVersionError, match="earlier version"):
        connect(project)
    before = sizes(old)
    assert upgrade_database(project).changed
    after = sizes(old)
    assert (after.pop("properties"), before.pop("facts")) == (1, 3)  # permits are no longer counted
    assert after == dict.fromkeys(after, 0) | before  # new tables are empty
    connect(project).close()
    delivery = Deliveries(old).get("first1")
    assert (delivery.state, delivery.not_eligible, delivery.frozen_count) == (DeliveryState.SENDING, {"pending": 2}, 8)
    with old.read() as connection:
        query = sa.select(tables.recipients.c.provider).order_by(tables.recipients.c.subscriber_id)
        assert connection.execute(query).scalars().all() == PROVIDERS
        assert connection.execute(sa.select(tables.lists.c.newsletter)).scalars().all() == [""]


def test_attributes_keep_their_words_without_half_characters(old: Database, project: Project) -> None:
    """Binary JSON, which PostgreSQL has since, refuses half characters and NUL."""
    kept = {
        "emoji": "🎈",
        "word": "\\u0000",
        "n": 1.5,
        "tags": ["a"],
        "half": "a\ud83d",
        "low": "\udc00b",
        "nul": "c\x00",
    }
    with old.write() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        written = sa.text("UPDATE subscribers SET attributes = :value" if is_sqlite else _AS_JSON)
        connection.execute(written, {"value": json.dumps(kept)})
    old.close()
    upgrade_database(project)
    with closing(connect(project)) as database, database.read() as connection:
        found = connection.execute(sa.select(tables.subscribers.c.attributes)).scalars().first()
    mended = {"half": "a\ufffd", "low": "\ufffdb", "nul": "c\ufffd"}
    assert found == (kept if is_sqlite else kept | mended)


_AS_JSON = "UPDATE subscribers SET attributes = CAST(:value AS JSON)"


def test_sending_goes_on_and_reaches_each_address_once(old: Database, project: Project) -> None:
    upgrade_database(project)
    ledger = StoredLedger(old)
    ledger.recover(NOW, lambda _: False)
    project.journal(old).require_current("first1")
    ledger.register(WORKER, 1e9, NOW)
    claims = ledger.claim("first1", WORKER, 50, NOW)
    assert sorted(one.address for one in claims) == sorted(
        a for a, s in STATES.items() if s in ("claimed", "waiting", "deferred")
    )
    asked = [PermitRequest(one, one.recipient, "b" * 64) for one in claims]
    assert ledger.record(WORKER, [], asked, NOW) == [True] * len(asked)
    accepted = Accepted(Reply(250, "", "ok"))
    ledger.record(
        WORKER, [Settlement(one, Decision.done(), accepted, one.recipient, "b" * 64) for one in claims], [], NOW
    )
    with old.read() as connection:
        counts = read_counts(connection, "first1")
        assert reconcile(Deliveries(old).get("first1"), counts) == ()
    assert counts.by_state == {"accepted": 5, "unknown": 2, "suppressed": 1}
    assert ledger.finish("first1", NOW)

    Deliveries(old).create(make_order("second"), NOW)
    freeze(old, "second", NOW)
    again = Counter((one.state.value, one.reason) for one in Deliveries(old).recipients("second"))
    assert again == {("excluded", "already_received"): 7}


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # a server is backed up by its own tools
def test_backup_of_the_first_version_is_made_before_the_upgrade_and_restored_after_it(
    old: Database, project: Project, tmp_path: Path
) -> None:
    with closing(connect_to_back_up(project)) as database:
        back_up(database, tmp_path / "first.db")
    upgrade_database(project)
    with closing(connect_to_back_up(project)) as database:
        assert restore(project, database, tmp_path / "first.db", NOW).stopped == ("first1",)
    delivery = Deliveries(old).get("first1")
    assert (delivery.state, delivery.frozen_count) == (DeliveryState.PAUSED, 8)
    project.journal(old).require_current("first1")


def test_ids_go_on_and_have_room(old: Database, project: Project) -> None:
    upgrade_database(project)
    assert add_people(old, ["new@example.org"]) == [len(STATES) + 1]
    beyond = 2**31 + 5
    with old.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(
                sa.text(f"UPDATE sqlite_sequence SET seq = {beyond} WHERE name IN ('subscribers', 'events')")
            )
        else:
            for table in ("subscribers", "events"):
                connection.execute(sa.text(f"SELECT setval('{table}_id_seq', {beyond})"))
    [subscriber] = add_people(old, ["later@qq.com"], 1)
    assert subscriber == beyond + 1
    with old.write() as connection:
        row = {"kind": "unsubscribed", "at": NOW, "subscriber_id": subscriber, "data": {}}
        made = connection.execute(sa.insert(tables.events).returning(tables.events.c.id), row).scalar_one()
    assert made == beyond + 1
    Deliveries(old).create(make_order("third", issue="third"), NOW)
    freeze(old, "third", NOW)
    assert subscriber in [one.subscriber for one in Deliveries(old).recipients("third")]
