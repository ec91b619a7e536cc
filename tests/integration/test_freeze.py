"""The audience of a delivery becomes rows, once, whatever happens meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, address_hash, make_order, set_consent, start_delivery, suppress

from newsletter.app.audience.subscribers import erase_subscriber_everywhere
from newsletter.app.project import open_project
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import IN_JOURNAL, PlannedRecipient, plan
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger import audience
from newsletter.storage.ledger import freeze as freezing
from newsletter.storage.ledger.audience import preview_audience
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.tokens import keyed_hash

ADDRESSES = [f"reader{n}@example.com" for n in range(10)]


def states(database: Database, delivery: str = "delivery1") -> dict[str, tuple[str, str]]:
    """Address → state and reason."""
    return {one.address: (one.state.value, one.reason) for one in Deliveries(database).recipients(delivery)}


def test_freeze_makes_one_row_for_each_confirmed_subscriber(database: Database) -> None:
    weekly, monthly = add_list(database, "weekly"), add_list(database, "monthly")
    add_people(database, ADDRESSES[:3], weekly, monthly)
    add_people(database, ADDRESSES[3:5], weekly)
    add_people(database, ["elsewhere@example.com"], add_list(database, "other"))

    delivery = start_delivery(database, lists=("monthly", "weekly"))

    assert states(database) == dict.fromkeys(ADDRESSES[:5], ("waiting", ""))
    assert (delivery.state, delivery.frozen_count, len(delivery.frozen_digest)) == (DeliveryState.SENDING, 5, 64)
    both = next(one for one in Deliveries(database).recipients("delivery1") if one.address == ADDRESSES[0])
    assert both.lists == ("monthly", "weekly")


def test_freeze_counts_pending_and_unsubscribed_as_left_out(database: Database) -> None:
    weekly, monthly = add_list(database, "weekly"), add_list(database, "monthly")
    add_people(database, ADDRESSES[:2], weekly)
    add_people(database, ADDRESSES[2:5], weekly, consent="pending")
    add_people(database, ADDRESSES[5:7], weekly, consent="unsubscribed")
    [both] = add_people(database, ADDRESSES[7:8], weekly, consent="unsubscribed")
    with database.write() as connection:  # unsubscribed from one list, but confirmed on the other one
        row = {"subscriber_id": both, "list_id": monthly, "consent": "confirmed", "changed_at": NOW}
        connection.execute(sa.insert(tables.subscriptions), row)

    delivery = start_delivery(database, lists=("weekly", "monthly"))

    assert delivery.not_eligible == {"pending": 3, "unsubscribed": 2}
    assert set(states(database)) == {*ADDRESSES[:2], ADDRESSES[7]}


@pytest.mark.parametrize(
    ("weekly", "monthly", "counted"),
    [
        ("unsubscribed", "pending", {"pending": 1}),
        ("pending", "pending", {"pending": 1}),
        ("pending", "confirmed", {}),
        ("unsubscribed", "unsubscribed", {"unsubscribed": 1}),
    ],
)
def test_somebody_left_out_counts_once_for_their_best_consent(
    database: Database, weekly: str, monthly: str, counted: dict[str, int]
) -> None:
    lists = [add_list(database, slug) for slug in ("weekly", "monthly", "other")]
    [person] = add_people(database, ADDRESSES[:1])
    with database.write() as connection:
        for list_id, consent in zip(lists, (weekly, monthly, "confirmed"), strict=True):
            set_consent(connection, person, list_id, consent)

    assert start_delivery(database, lists=("weekly", "monthly")).not_eligible == counted


def test_freeze_keeps_suppressed_people_as_rows_with_the_reason(database: Database) -> None:
    add_people(database, ADDRESSES[:2], add_list(database))
    suppress(database, ADDRESSES[0], "manual")

    start_delivery(database)

    assert states(database) == {ADDRESSES[0]: ("suppressed", "manual"), ADDRESSES[1]: ("waiting", "")}


@pytest.mark.parametrize("reached", ["permitted", "accepted", "unknown"])
def test_freeze_excludes_who_may_have_received_the_issue_already(database: Database, reached: str) -> None:
    add_people(database, ADDRESSES[:3], add_list(database))
    start_delivery(database, "earlier")
    set_state(database, "earlier", ADDRESSES[0], reached)
    set_state(database, "earlier", ADDRESSES[1], "rejected")

    start_delivery(database, "later")
    start_delivery(database, "once-more", again=True)
    start_delivery(database, "another-issue", issue="second")

    assert states(database, "later")[ADDRESSES[0]] == ("excluded", "already_received")
    assert states(database, "later")[ADDRESSES[1]] == ("waiting", "")
    assert states(database, "once-more")[ADDRESSES[0]] == ("waiting", "")
    assert states(database, "another-issue")[ADDRESSES[0]] == ("waiting", "")


def set_state(database: Database, delivery: str, address: str, state: str) -> None:
    with database.write() as connection:
        of = (tables.recipients.c.delivery_id == delivery) & (tables.recipients.c.address == address)
        connection.execute(sa.update(tables.recipients).where(of).values(state=state))


def test_freeze_chooses_the_edition_by_person_then_list_then_issue(database: Database) -> None:
    weekly, chinese = add_list(database, "weekly"), add_list(database, "chinese", language="zh")
    add_people(database, ["a@example.com"], weekly, language="zh-TW")
    add_people(database, ["b@example.com"], chinese, language="")
    add_people(database, ["c@example.com"], weekly, chinese, language="fr")
    add_people(database, ["d@example.com"], weekly, language="")

    start_delivery(database, lists=("weekly", "chinese"), languages=("en", "zh"))

    chosen = {one.address[0]: one.language for one in Deliveries(database).recipients("delivery1")}
    assert chosen == {"a": "zh", "b": "zh", "c": "zh", "d": "en"}


def test_freeze_stores_no_address_beside_its_column(database: Database) -> None:
    add_people(database, ADDRESSES[:1], add_list(database), name="Ana", attributes={"city": "Porto"})
    start_delivery(database)

    with database.read() as connection:
        stored = connection.execute(sa.select(tables.recipients.c["values"])).scalar_one()
    [shown] = Deliveries(database).recipients("delivery1")

    assert stored == {"name": "Ana", "language": "", "timezone": "", "city": "Porto"}
    assert shown.values["email"] == ADDRESSES[0]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("survived", range(5))
def test_freeze_killed_at_a_chunk_resumes_to_the_same_set(
    database: Database, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    people = add_people(database, ADDRESSES, add_list(database))
    store = Deliveries(database)
    whole = start_delivery(database, "whole", issue="untouched")
    rows = {one.subscriber for one in store.recipients("whole")}
    store.create(make_order("killed"), NOW)
    count = 0
    plan = freezing._freeze_chunk

    def dies(database: Database, delivery: str, size: int) -> bool:
        nonlocal count
        if count == survived:
            # The chunk is written, but not committed.
            with database.write() as connection, monkeypatch.context() as patched:
                patched.setattr(type(database), "write", lambda _: _Nested(connection))
                plan(database, delivery, size)
                raise Killed
        count += 1
        return plan(database, delivery, size)

    monkeypatch.setattr(freezing, "_freeze_chunk", dies)
    with pytest.raises(Killed):
        freeze(database, "killed", NOW, chunk=2)
    monkeypatch.undo()
    assert store.get("killed").state is DeliveryState.PREPARING
    assert len(list(store.recipients("killed"))) == 2 * survived
    add_people(database, ["late@example.com"], 1)  # joined after the line was drawn
    freeze(database, "killed", NOW, chunk=3)
    resumed = store.get("killed")

    assert {one.subscriber for one in store.recipients("killed")} == rows == set(people)
    assert (resumed.state, resumed.frozen_count) == (DeliveryState.SENDING, whole.frozen_count)


def test_freeze_killed_before_its_last_step_is_completed_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(database, ADDRESSES, add_list(database))
    store = Deliveries(database)
    store.create(make_order(), NOW)

    def dies(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(freezing, "_complete", dies)
    with pytest.raises(Killed):
        freeze(database, "delivery1", NOW)
    monkeypatch.undo()
    before = store.get("delivery1")
    freeze(database, "delivery1", NOW)

    assert (before.state, before.frozen_count) == (DeliveryState.PREPARING, None)
    assert (store.get("delivery1").state, store.get("delivery1").frozen_count) == (DeliveryState.SENDING, 10)


class _Nested:
    """Hands out a transaction that somebody else ends."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sa.Connection:
        return self._connection

    def __exit__(self, *error: object) -> None:
        return None


def test_freeze_again_gives_the_same_ids_and_digest(database: Database) -> None:
    add_people(database, ADDRESSES, add_list(database))
    first = start_delivery(database)
    ids = [one.id for one in Deliveries(database).recipients("delivery1")]
    with database.write() as connection:
        connection.execute(sa.delete(tables.recipients))
        connection.execute(sa.update(tables.deliveries).values(state="preparing", frozen_to=0, frozen_count=None))

    freeze(database, "delivery1", NOW, chunk=1)

    again: Delivery = Deliveries(database).get("delivery1")
    assert again.frozen_digest == first.frozen_digest
    assert [one.id for one in Deliveries(database).recipients("delivery1")] == ids
    assert all(len(one) == 16 for one in ids)


def test_freeze_of_a_delivery_that_was_stopped_changes_nothing(database: Database) -> None:
    add_people(database, ADDRESSES, add_list(database))
    store = Deliveries(database)
    store.create(make_order(), NOW)
    store.move("delivery1", DeliveryState.PAUSED, since=DeliveryState.PREPARING)

    freeze(database, "delivery1", NOW)

    assert store.get("delivery1").state is DeliveryState.PAUSED
    assert list(store.recipients("delivery1", RecipientState.WAITING)) == []


@pytest.mark.parametrize("chunk", [1, 3, 10])
def test_freeze_leaves_out_who_leaves_while_their_chunk_is_read(
    database: Database, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    people = add_people(database, ADDRESSES, weekly := add_list(database))
    Deliveries(database).create(make_order(), NOW)
    really = freezing._write_rows

    def after_two_left(database: Database, connection: sa.Connection, *more: Any, **named: Any) -> None:
        for person in people[:2]:
            set_consent(connection, person, weekly, "unsubscribed")
        really(database, connection, *more, **named)

    monkeypatch.setattr(freezing, "_write_rows", after_two_left)
    freeze(database, "delivery1", NOW, chunk=chunk)

    frozen = Deliveries(database).get("delivery1")
    assert states(database) == dict.fromkeys(ADDRESSES[2:], ("waiting", ""))
    assert (frozen.state, frozen.frozen_count, frozen.not_eligible) == (DeliveryState.SENDING, 8, {"unsubscribed": 2})


@pytest.mark.parametrize("page", [1, 3, 10])
def test_outlook_goes_on_behind_a_page_of_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    weekly = add_list(database)
    add_people(database, ADDRESSES[:2], weekly, name="Out")
    add_people(database, ADDRESSES[2:], weekly, name="In")
    monkeypatch.setattr(audience, "CHUNK", page)

    found = preview_audience(database, "first", ["weekly"], 'name == "In"')

    assert [one.address for one in found.candidates] == ADDRESSES[2:]


def test_freeze_writes_down_nobody_who_is_erased_meanwhile(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = open_project(tmp_path, {})
    [erased, _] = add_people(database, ADDRESSES[:2], add_list(database))
    with database.write() as connection:  # known by the project's own key
        key = keyed_hash(project.keys.address, ADDRESSES[0])
        mine = sa.update(tables.subscribers).where(tables.subscribers.c.id == erased)
        connection.execute(mine.values(address_hash=key))
    Deliveries(database).create(make_order(), NOW)
    arguments = (project, database, ADDRESSES[0])
    erasing = threading.Thread(target=erase_subscriber_everywhere, args=arguments, kwargs={"now": NOW})
    really = freezing._write_rows

    def while_somebody_is_erased(*arguments: Any, **named: Any) -> None:
        really(*arguments, **named)
        erasing.start()
        erasing.join(0.5)  # it may end here or wait for us; neither may leave an address behind

    monkeypatch.setattr(freezing, "_write_rows", while_somebody_is_erased)
    freeze(database, "delivery1", NOW)
    erasing.join()

    assert set(states(database)) == {"", ADDRESSES[1]}


HOSTILE: list[dict[str, Any]] = [
    {},
    {"city": "Porto", "name": "not this one", "language": "xx", "email": "a@b.example"},
    {"tags": ["red", "green"], "count": 3, "price": 1.50, "big": 1e22, "yes": True, "deep": {"b": 1, "a": [None]}},
    {"attributes": "text", "quote": "\\\"'\n\t{}[]", "path": "\\u0000"},
    {"attributes": {"name": "x"}, "empty": "", "none": []},
    {"emoji": "🎈", "zero": "0"},
    {'"odd". $[0] key': "x", "": "empty name", "ключ": "значение", "a" * 300: "b" * 3000},
]
TAGS = ["", "en", "zh-TW", "ZH", "pt_BR", "no tag", "sr-ME", "'; --", "fr"]
DOMAINS = ["example.com", "gmail.com", "GMAIL.com", "outlook.com", "xn--bcher-kva.example", "sub.gmail.com"]


@pytest.mark.parametrize("again", [False, True])
def test_freeze_says_in_sql_what_plan_says_in_python(database: Database, *, again: bool) -> None:
    lists = [add_list(database, slug, language=tag) for slug, tag in (("a", ""), ("b", "zh"), ("c", "de"), ("d", "pt"))]
    languages, count = ("en", "zh-Hant", "pt", "fr-CA"), len(HOSTILE) * len(TAGS)
    addresses = [f"Reader.{n}'\"@{DOMAINS[n % len(DOMAINS)]}" for n in range(count)]
    with database.write() as connection:
        for n, address in enumerate(addresses):
            row = {
                "address": address, "address_hash": address_hash(address), "name": f"Ana \\ {n}'\" %s :x 娜",
                "language": TAGS[n // len(HOSTILE)], "timezone": "Europe/Lisbon" * (n % 2),
                "attributes": HOSTILE[n % len(HOSTILE)], "created_at": NOW, "updated_at": NOW,
            }  # fmt: skip
            made = sa.insert(tables.subscribers).returning(tables.subscribers.c.id)
            person = connection.execute(made, row).scalar_one()
            for bit, list_id in enumerate(lists):
                if (n + 1) >> bit & 1:
                    set_consent(connection, person, list_id, "confirmed" if n % 11 else "pending")
    start_delivery(database, "earlier", lists=("a",))
    for n, state in enumerate(("accepted", "unknown", "permitted", "rejected", "excluded")):
        set_state(database, "earlier", addresses[2 * n], state)
    for n, outcome in enumerate(("", "unknown", "accepted", "rejected", "accepted", "")):
        note_receipt(database, addresses[23 + n // 2 * 2], outcome, epoch=n)
    suppress(database, addresses[4], "hard_bounce")
    suppress(database, addresses[25], "complaint")

    people = list(preview_audience(database, "first", ["c", "a", "b", "d"]).candidates)
    planned = [plan(one, delivery="later", languages=languages, again=again) for one in people]
    start_delivery(database, "later", lists=("c", "a", "b", "d"), languages=languages, again=again)

    with database.read() as connection:
        mine = sa.select(tables.recipients).where(tables.recipients.c.delivery_id == "later")
        rows = {row.id: row._asdict() for row in connection.execute(mine)}
    assert len(planned) > 40
    assert {reason for one in planned if (reason := one.reason)} >= (
        {"hard_bounce"} if again else {"hard_bounce", "already_received", IN_JOURNAL}
    )
    assert {one.id: frozen_as(one, again=again) for one in planned} == {
        id_: {name: row[name] for name in frozen_as(planned[0], again=again)} for id_, row in rows.items()
    }


def frozen_as(one: PlannedRecipient, *, again: bool) -> dict[str, Any]:
    """The row of a planned recipient."""
    return {
        "issue": "first",
        "again": again,
        "subscriber_id": one.candidate.subscriber,
        "address": one.candidate.address,
        "address_hash": one.candidate.address_hash,
        "provider": one.provider,
        "list_ids": list(one.candidate.list_ids),
        "language": one.language,
        "values": one.values,
        "state": one.state.value,
        "reason": one.reason,
        "in_doubt": one.state is RecipientState.UNKNOWN,
        "eligible_at": NOW,
        "next_at": NOW,
        "epoch": 0,
    }


def note_receipt(database: Database, address: str, outcome: str, *, epoch: int) -> None:
    """An attempt of the issue that only the journal has."""
    with database.write() as connection:
        row = {
            "recipient_id": f"r{address_hash(address)}"[:26], "epoch": epoch, "worker": "w", "issue": "first",
            "delivery_id": "lost", "address_hash": address_hash(address), "lists": [], "outcome": outcome,
        }  # fmt: skip
        connection.execute(sa.insert(tables.receipts), row)
