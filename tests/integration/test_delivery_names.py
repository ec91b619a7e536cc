"""What may be said for a delivery's id: the start of one, `last`, or an issue's slug."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import NOW, add_list, make_order

from newsletter.errors import NotFoundError, WrongUsageError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries


@pytest.fixture
def store(database: Database) -> Deliveries:
    """Four deliveries of two issues, a minute apart; one bears the slug of the other issue as its id."""
    add_list(database)
    store = Deliveries(database)
    for minute, (name, issue) in enumerate(
        [("abc1", "birds"), ("abd2", "birds"), ("xyz3", "trees"), ("birds", "trees")]
    ):
        store.create(make_order(name, issue=issue), NOW + timedelta(minutes=minute))
    return store


@pytest.mark.parametrize(
    ("name", "meant"),
    [("abc1", "abc1"), ("abd", "abd2"), ("x", "xyz3"), ("last", "birds"), ("trees", "birds"), ("birds", "birds")],
)
def test_delivery_is_found_by_what_people_type(store: Deliveries, name: str, meant: str) -> None:
    assert store.id_of(name) == meant


def test_slug_means_the_newest_delivery_of_the_issue(database: Database) -> None:
    add_list(database)
    store = Deliveries(database)
    for minute, name in enumerate(["one", "two"]):
        store.create(make_order(name, issue="birds"), NOW + timedelta(minutes=minute))
    assert store.id_of("birds") == "two"


def test_start_of_several_ids_lists_them(store: Deliveries) -> None:
    with pytest.raises(WrongUsageError, match=r"^'ab' could be abd2 \(birds\), abc1 \(birds\)$"):
        store.id_of("ab")


@pytest.mark.parametrize("name", ["", "nothing", "ABC1", "tre", "a%", "\udcff"])
def test_name_that_means_no_delivery_is_said_so(store: Deliveries, name: str) -> None:
    with pytest.raises(NotFoundError, match="There is no delivery"):
        store.id_of(name)


def test_last_means_nothing_while_there_is_no_delivery(database: Database) -> None:
    with pytest.raises(NotFoundError):
        Deliveries(database).id_of("last")
