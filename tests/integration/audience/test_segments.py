"""A segment holds for the same subscribers in SQL and in Python, whatever is known of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, add_list, add_people, address_hash, make_order, set_consent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.segments import show_segment
from newsletter.app.audience.subscribers import NewSubscriber, add_subscriber, tag_subscriber
from newsletter.app.project import Project
from newsletter.app.sending.steer import resume
from newsletter.audience.segment import parse_segment, parse_written_segment, values_of
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.ledger.plan import why_unexpected
from newsletter.errors import ExpressionError, NotFoundError, WrongUsageError
from newsletter.expression import Condition, holds
from newsletter.expression.tree import Among, And, Comparison, Literal, Name, Not, Operator, Or, Present, Value
from newsletter.storage.audience.expression import BLANKS, matches
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze

TEXTS = ["", "  ", "\u3000\x1f", "DE", "de", "Da", "é", "z", "Ж", "\uffff", "\U0001f600", "1", "true", "null", "3.5",
         "a'b\"c\\d%_", "ß", "SS", "[1]", '{"a": 1}', "2026-11-23", "2026-11-22", "20261123", "9999-12-31"]  # fmt: skip
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TEXTS),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3),
    st.sampled_from([0, 1, -1, 7, 2**53, 0.5, -0.25, 1.0, 3.5, True, False]),
)
VALUES = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
PEOPLE = st.fixed_dictionaries(
    {"name": st.sampled_from(TEXTS), "language": st.sampled_from(["", "de", "zh-Hant"]),
     "attributes": st.dictionaries(st.sampled_from(["a", "b", "c", "name", "lists"]), VALUES, max_size=4)}
)  # fmt: skip
NAMES = st.sampled_from(
    [("a",), ("b",), ("c",), ("subscriber", "a"), ("subscriber", "lists"), ("a", "b"), ("name",), ("language",),
     ("timezone",), ("email",), ("joined",), ("missing",), ("consent", "letters"), ("since", "all_news"),
     ("consent", "no_such")]
)  # fmt: skip
LISTS = st.sampled_from(
    [("lists",), ("received",), ("a",), ("b",), ("subscriber", "lists"), ("subscriber", "name"), ("a", "b")]
)
LITERALS = st.builds(Literal, SCALARS | st.sampled_from(["letters", "all-news", "first", "confirmed"]))
SIDES = st.builds(Value, st.builds(Name, NAMES) | LITERALS)
CHOICES: st.SearchStrategy[Any] = st.lists(LITERALS, min_size=1, max_size=3).map(tuple) | st.builds(Name, LISTS)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.builds(Comparison, SIDES, st.sampled_from(Operator), SIDES)
    | st.builds(Among, SIDES, CHOICES, st.booleans())
    | st.builds(Present, SIDES),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=4,
)


def expected(database: Database, condition: Condition) -> set[str]:
    """The addresses for which the condition holds in Python."""
    with database.read() as connection:
        sent = sa.select(tables.recipients.c.address_hash, tables.recipients.c.issue)
        received = connection.execute(sent.where(tables.recipients.c.state == "accepted")).all()
        rows = connection.execute(sa.select(tables.subscribers.c.id, tables.subscribers.c.created_at))
        joined = {row.id: row.created_at for row in rows}
        standings = list(AudienceStore(database, connection).all())
    return {
        one.subscriber.address
        for one in standings
        if holds(condition, values_of(
            one.subscriber, one.subscriptions,
            [issue for hashed, issue in received if hashed == one.subscriber.address_hash], joined[one.subscriber.id],
        ))
    }  # fmt: skip


def found(database: Database, condition: Condition) -> set[str]:
    """The addresses that SQL finds, each certainly true or false."""
    with database.read() as connection:
        is_in = matches(database, condition)
        query = sa.select(tables.subscribers.c.address, is_in.label("is_in"))
        rows = connection.execute(query).all()
        assert {bool(row.is_in) == row.is_in for row in rows} <= {True}
        chosen = connection.execute(sa.select(tables.subscribers.c.address).where(is_in)).scalars()
        assert set(chosen) == {row.address for row in rows if row.is_in}
    return {row.address for row in rows if row.is_in}


@pytest.fixture
def filled(database: Database) -> Database:
    """Six subscribers with subscriptions, and some who received issues; the tests change what is known of them."""
    weekly, news = add_list(database, "letters"), add_list(database, "all-news")
    ids = add_people(database, [f"r{n}@example.com" for n in range(6)])
    with database.write() as connection:
        for number, consent in enumerate(["confirmed", "pending", "unsubscribed"]):
            set_consent(connection, ids[number], weekly, consent)
            set_consent(connection, ids[number + 1], news, consent)
        change = sa.update(tables.subscriptions).where(tables.subscriptions.c.subscriber_id == ids[1])
        connection.execute(change.values(changed_at=NOW - timedelta(hours=10)))  # the day before
        delivery = {"id": "d", "issue": "first", "state": "finished", "hash": "", "again": False, "created_at": NOW,
                    "frozen_to": 0, "not_eligible": {}}  # fmt: skip
        connection.execute(sa.insert(tables.deliveries), delivery)
        for number, state in enumerate(["accepted", "rejected", "accepted"]):
            row = {"id": f"r{number}", "delivery_id": "d", "issue": ["first", "first", "DE"][number], "again": False,
                   "subscriber_id": ids[number], "address": "", "address_hash": address_hash(f"r{number}@example.com"),
                   "list_ids": [], "language": "en", "values": {}, "state": state, "eligible_at": NOW,
                   "next_at": NOW}  # fmt: skip
            connection.execute(sa.insert(tables.recipients), row)
    return database


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(PEOPLE, min_size=6, max_size=6), trees=st.lists(TREES, min_size=8, max_size=8))
def test_sql_chooses_whom_python_chooses(filled: Database, people: list[dict[str, Any]], trees: list[Any]) -> None:
    with filled.write() as connection:
        for number, person in enumerate(people):
            mine = tables.subscribers.c.address == f"r{number}@example.com"
            connection.execute(sa.update(tables.subscribers).where(mine).values(**person))

    for tree in trees:
        condition = Condition("", tree)
        assert found(filled, condition) == expected(filled, condition), condition


def test_blanks_are_those_of_python() -> None:
    assert set(BLANKS) == {chr(code) for code in range(0x110000) if chr(code).isspace()}


@pytest.mark.parametrize(
    ("source", "index"),
    [
        ('"letters" in lists and "all-news" in lists', "subscriptions"),
        ('since.letters >= "2026-01-01" and consent.all_news == "confirmed"', "subscriptions"),
        ('not ("letters" in lists) and consent.letters in ["pending", "unsubscribed"]', "subscriptions"),
        ('"first" in received and joined >= "2026-01-01"', "recipients_address_issue"),
        ('"letters" in lists and "first" not in received', "recipients_address_issue"),
    ],
)
def test_each_subscriber_is_asked_by_an_index_or_all_by_one_join(filled: Database, source: str, index: str) -> None:
    """SQLite looks each one up; PostgreSQL joins the tables. Neither reads a table once for every subscriber."""
    query = sa.select(sa.func.count()).select_from(tables.subscribers).where(matches(filled, parse_segment(source)))
    with filled.read() as connection:
        sql = query.compile(connection, compile_kwargs={"literal_binds": True})
        is_sqlite = connection.dialect.name == "sqlite"
        rows = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN' if is_sqlite else ''} {sql}")
        plan = [str(row[-1]) for row in rows]
    if is_sqlite:
        [scan] = [line for line in plan if line.startswith("SCAN")]
        assert scan.startswith("SCAN subscribers")
        assert [line for line in plan if index in line and "INDEX" in line]
    else:
        assert not [line for line in plan if "SubPlan" in line]


@pytest.mark.parametrize(
    "hostile", ["'; DROP TABLE subscribers; --", '" OR 1=1 --', "%(x)s :y ?", "\\", "$.a", "{a,b}", "A" * 900]
)
def test_source_is_only_ever_a_value(filled: Database, hostile: str) -> None:
    tree = Or((
        Comparison(Value(Name(("a",))), Operator.EQUAL, Value(Literal(hostile))),
        Among(Value(Literal(hostile)), Name(("lists",))),
    ))  # fmt: skip
    assert found(filled, Condition(hostile, tree)) == set()


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ('country | lower == "de"', 0, "without filters"),
        ("lists", 0, "lists is a list"),
        ('a and lists == "letters"', 6, "lists is a list"),
        ('"x" in lists.letters', 7, "lists is a list"),
        ("consent", 0, "needs the name of a list"),
        ('"x" in since.letters', 7, "needs the name of a list"),
        ('"x" in name', 7, "name is one text"),
        ('joined.at == "x"', 0, "joined is one text"),
        ("subscriber", 0, "subscriber is no value"),
    ],
)
def test_condition_that_holds_for_nobody_is_refused(source: str, position: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_segment(source)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        (" or ".join(f"a{number}" for number in range(201)), 0, "at most 200 tests, not 201"),
        ("(a or b and " * 7 + "c" + ")" * 7, 73, "nested too deeply"),
        ('language == "de" or "en"', 20, "alone is true of everybody"),
        ("language == de", 12, "de has no quotes"),
        ("3 and not a", 0, "alone is true of everybody"),
        ('since.letters >= "1.12.2024"', 17, "since.letters is a day, and '1.12.2024' is none"),
        ("joined < 2024", 9, "joined is a day"),
        ('joined in ["2024-12-01", "2024-13-01"]', 25, "'2024-13-01' is none"),
        ('consent.letters == "subscribed"', 19, "there is no consent 'subscribed'"),
    ],
)
def test_comparison_that_cannot_be_meant_is_refused_where_it_is_written(
    source: str, position: int, message: str
) -> None:
    parse_segment(source)  # a delivery keeps the one that it was made with
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_written_segment(source)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "city != subscriber.home",
        "a == name",
        'since.a_b >= "2024"',
        'joined < "2024-12" and consent.x != "pending"',
    ],
)
def test_comparison_with_the_beginning_of_a_day_is_fine(source: str) -> None:
    assert parse_written_segment(source).source == source


def test_list_that_does_not_exist_is_told(filled: Database, project: Project) -> None:
    for known in ('"all-news" in lists and since.all_news < "2030"', 'consent.letters == "pending"'):
        show_segment(project, filled, known)
    for unknown in ('"leters" in lists', 'since.leters < "2030"'):
        with pytest.raises(NotFoundError, match="There is no list 'leters'"):
            show_segment(project, filled, unknown)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('"red" in colours', 1), ('"blue" in colours', 0), ("3 in colours", 1), ("true in colours", 0),
        ('company.city == "Bonn"', 1), ("age > 2", 1), ('age == "3"', 0), ("member", 1), ("member == 1", 0),
        ('subscriber.since == "always"', 1), ('"letters" in lists', 1), ('consent.letters == "pending"', 1),
        ('since.letters < "2026-11-23"', 1), ('since.all_news >= "2026-11-23"', 2), ('joined == "2026-11-23"', 6),
        ('"first" in received', 1), ('not ("first" in received)', 5), ('name == "Zoë" or email == "r1@example.com"', 2),
    ],
)  # fmt: skip
def test_names_mean_what_the_reference_says(filled: Database, source: str, count: int) -> None:
    known = {"colours": ["red", 3], "company": {"city": "Bonn"}, "age": 3, "member": True, "since": "always"}
    with filled.write() as connection:
        mine = tables.subscribers.c.address == "r0@example.com"
        connection.execute(sa.update(tables.subscribers).where(mine).values(name="Zoë", attributes=known))
    assert len(found(filled, parse_segment(source))) == count
    assert found(filled, parse_segment(source)) == expected(filled, parse_segment(source))


def test_delivery_goes_to_its_segment_alone(filled: Database) -> None:
    confirmed = add_people(filled, ["de@example.com", "at@example.com"], _list(filled), attributes={"country": "DE"})
    with filled.write() as connection:
        other = sa.update(tables.subscribers).where(tables.subscribers.c.id == confirmed[1])
        connection.execute(other.values(attributes={"country": "AT"}))
    order = replace(make_order(lists=("letters",)), segment='country == "DE"', expected=1)
    Deliveries(filled).create(order, NOW)
    freeze(filled, "delivery1", NOW)

    delivery = Deliveries(filled).get("delivery1")
    assert [one.address for one in Deliveries(filled).recipients("delivery1")] == ["de@example.com"]
    assert (delivery.state, delivery.segment) == (DeliveryState.SENDING, 'country == "DE"')


def test_delivery_whose_segment_grew_waits_for_an_operator(filled: Database, project: Project) -> None:
    add_people(filled, [f"new{n}@example.com" for n in range(59)], _list(filled))
    Deliveries(filled).create(replace(make_order(lists=("letters",)), segment="true", expected=10), NOW)
    freeze(filled, "delivery1", NOW)

    delivery = Deliveries(filled).get("delivery1")
    assert delivery.state is DeliveryState.PAUSED
    assert delivery.reason == "the segment has 60 recipients; it had 10 when the delivery was confirmed"
    assert resume(project, filled, "delivery1", NOW).state is DeliveryState.SENDING


@pytest.mark.parametrize(
    ("expected", "frozen", "stops"),
    [(None, 900, False), (0, 49, False), (0, 50, True), (250, 300, False), (249, 299, True), (100, 50, True),
     (1000, 1200, False), (1000, 1201, True), (1000, 799, True), (100, 149, False)],
)  # fmt: skip
def test_how_far_a_segment_may_move(expected: int | None, frozen: int, stops: bool) -> None:
    assert bool(why_unexpected(expected, frozen)) is stops


def _list(database: Database) -> int:
    with database.read() as connection:
        found = connection.execute(sa.select(tables.lists.c.id).where(tables.lists.c.slug == "letters"))
        return int(found.scalar_one())


def test_tags_are_added_taken_away_and_asked_for(filled: Database, project: Project) -> None:
    tagged = NewSubscriber("tagged@example.com")
    add_subscriber(project, filled, tagged, ["letters"], consent=None, basis="", now=NOW)
    change = partial(tag_subscriber, project, filled, "tagged@example.com", now=NOW)
    assert change(["vip", "früh", "vip"]) == ["vip", "früh"]
    assert change(["vip"]) == ["vip", "früh"]
    assert found(filled, parse_segment('"früh" in tags')) == {"tagged@example.com"}
    assert change(["vip", "other"], remove=True) == ["früh"]
    assert found(filled, parse_segment('"vip" in tags')) == set()
    assert change(["früh"], remove=True) == []
    for wrong in ("", " vip", "v\u200bip\u202e"):
        with pytest.raises(WrongUsageError):
            change([wrong])


def test_column_of_tags_is_a_list(filled: Database, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text('email,Tags\na@example.com,"vip, ""New York, NY"""\nb@example.com,\n', encoding="utf-8")
    import_subscribers(project, filled, ImportOrder(file, ("letters",)), now=NOW)
    assert found(filled, parse_segment('"New York, NY" in tags and "vip" in tags')) == {"a@example.com"}
