"""Lists made, changed and taken away."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.app.audience.lists import add_list, edit_list, remove_list, show_list, show_lists
from newsletter.app.audience.subscribers import NewSubscriber, add_subscriber, unsubscribe_subscriber
from newsletter.app.project import Project
from newsletter.audience.consent import Consent, OptIn
from newsletter.errors import AlreadyExistsError, NotFoundError, RequestError, StateError
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database


def test_lists_are_shown_with_their_subscriptions_by_consent(project: Project, database: Database) -> None:
    for name in ("ana", "bob"):
        add_subscriber(
            project, database, NewSubscriber(f"{name}@example.org"), ["weekly"], consent=None, basis="", now=NOW
        )
    unsubscribe_subscriber(project, database, "bob@example.org", "weekly", now=NOW)
    news, weekly = show_lists(database)
    assert (news.list.name, news.list.opt_in, dict(news.counts)) == ("news", OptIn.DOUBLE, {})
    assert (weekly.list.name, weekly.list.language) == ("The Weekly", "en")
    assert weekly.counts == {Consent.CONFIRMED: 1, Consent.UNSUBSCRIBED: 1}


def test_list_that_is_there_is_not_made_twice(database: Database) -> None:
    with pytest.raises(AlreadyExistsError):
        add_list(database, "weekly", name="Other", opt_in=OptIn.SINGLE, language="", now=NOW)
    assert show_list(database, "weekly").list.name == "The Weekly"


@pytest.mark.parametrize("slug", ["", "Weekly", "a b", "-a", "a-", "a.b", "wöchentlich", "a" * 64])
def test_slug_that_is_no_label_is_refused(database: Database, slug: str) -> None:
    with pytest.raises(RequestError):
        add_list(database, slug, name="", opt_in=OptIn.SINGLE, language="", now=NOW)


@pytest.mark.parametrize(("name", "language"), [("Weekly\x07", "en"), ("Weekly", "english")])
def test_name_and_language_that_cannot_stand_in_a_header_are_refused(
    database: Database, name: str, language: str
) -> None:
    with pytest.raises(RequestError):
        edit_list(database, "weekly", name=name, opt_in=None, language=language)


def test_edit_changes_what_is_named(database: Database) -> None:
    edited = edit_list(database, "weekly", name="Sunday  Mail", opt_in=None, language="zh_hant")
    assert (edited.name, edited.opt_in, edited.language) == ("Sunday Mail", OptIn.SINGLE, "zh-Hant")
    assert edit_list(database, "weekly", name=None, opt_in=OptIn.DOUBLE, language=None).opt_in is OptIn.DOUBLE


def test_unknown_list_is_answered_with_those_there_are(database: Database) -> None:
    with pytest.raises(NotFoundError) as caught:
        edit_list(database, "montly", name="x", opt_in=None, language=None)
    assert "news, weekly" in caught.value.hint


def test_list_is_removed_with_its_subscriptions_but_not_its_subscribers(project: Project, database: Database) -> None:
    kept = add_subscriber(
        project, database, NewSubscriber("a@example.org"), ["weekly"], consent=None, basis="", now=NOW
    )
    remove_list(database, "weekly")
    assert [item.list.slug for item in show_lists(database)] == ["news"]
    with database.read() as connection:
        assert connection.execute(sa.select(tables.subscribers.c.address)).scalars().all() == [kept.address]
        assert connection.execute(sa.select(tables.subscriptions)).all() == []


def test_list_that_was_sent_to_stays(database: Database) -> None:
    with database.write() as connection:
        list_id = connection.execute(sa.select(tables.lists.c.id).where(tables.lists.c.slug == "weekly")).scalar_one()
        connection.execute(
            tables.deliveries.insert().values(
                id="d", issue="first", state="scheduled", hash="", again=False,
                created_at=NOW, not_eligible={},
            )
        )  # fmt: skip
        connection.execute(tables.delivery_lists.insert().values(delivery_id="d", list_id=list_id, position=0))
    with pytest.raises(StateError):
        remove_list(database, "weekly")
    assert show_list(database, "weekly").list.id == list_id
