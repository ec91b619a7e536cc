"""One subscriber at a time: added, shown, unsubscribed, suppressed."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW

from newsletter.app.audience.subscribers import (
    NewSubscriber,
    SubscriberRecord,
    add_subscriber,
    show_subscriber,
    suppress_subscriber,
    unsubscribe_subscriber,
    unsuppress_subscriber,
)
from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.suppression import SuppressionReason
from newsletter.errors import AddressError, NotFoundError, RequestError, StateError
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience.events import append_event
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import events

ANA = "ana@example.org"


def add(
    project: Project, database: Database, *lists: str, consent: Consent | None = None, basis: str = "", **values: str
) -> SubscriberRecord:
    new = NewSubscriber(**{"email": ANA} | values)
    return add_subscriber(project, database, new, lists, consent=consent, basis=basis, now=NOW)


def consents(record: SubscriberRecord) -> dict[str, Consent]:
    return {item.list: item.consent for item in record.subscriptions}


def kinds(database: Database, record: SubscriberRecord) -> list[EventKind]:
    assert record.subscriber is not None
    with database.read() as connection:
        query = sa.select(events.c.kind).where(events.c.subscriber_id == record.subscriber.id).order_by(events.c.id)
        return [EventKind(kind) for kind in connection.execute(query).scalars()]


def test_added_subscriber_has_the_consent_that_each_list_asks_for(project: Project, database: Database) -> None:
    record = add(project, database, "weekly", "news", name=" Ana  Lima", language="pt_br", timezone="UTC")
    assert consents(record) == {"weekly": Consent.CONFIRMED, "news": Consent.PENDING}
    assert record.subscriber is not None
    assert (record.subscriber.name, record.subscriber.language) == ("Ana Lima", "pt-BR")
    assert {item.how for item in record.subscriptions} == {"command"}
    assert kinds(database, record) == []


def test_subscriber_is_one_whatever_the_capitals(project: Project, database: Database) -> None:
    first = add(project, database, "weekly")
    second = add(project, database, "news", email="ANA@Example.ORG", name="Ana")
    assert first.subscriber is not None
    assert second.subscriber is not None
    assert second.subscriber.id == first.subscriber.id
    assert consents(second) == {"weekly": Consent.CONFIRMED, "news": Consent.PENDING}


def test_address_is_shown_and_kept_as_it_was_spelt_first(project: Project, database: Database) -> None:
    add(project, database, "weekly", email="Ana.Lima@example.org")
    again = add(project, database, "news", email="ana.lima@EXAMPLE.org", name="Ana")
    shown = show_subscriber(project, database, "ANA.LIMA@example.org")
    assert again == shown
    assert shown.subscriber is not None
    assert (shown.address, shown.subscriber.address, shown.subscriber.name) == (*["Ana.Lima@example.org"] * 2, "Ana")
    suppress_subscriber(project, database, "Bo@example.org", "", now=NOW)
    assert show_subscriber(project, database, "bo@example.org").address == "Bo@example.org"


def test_added_twice_is_subscribed_once(project: Project, database: Database) -> None:
    add(project, database, "weekly", name="Ana")
    record = add(project, database, "weekly")
    assert record.subscriber is not None
    assert record.subscriber.name == "Ana"
    assert consents(record) == {"weekly": Consent.CONFIRMED}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"email": "nobody"}, AddressError),
        ({"language": "english"}, RequestError),
        ({"timezone": "Mars/Olympus"}, RequestError),
        ({"name": "A\x07"}, RequestError),
    ],
)
def test_subscriber_who_cannot_be_written_to_is_refused(
    project: Project, database: Database, values: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        add(project, database, "weekly", **values)
    with pytest.raises(NotFoundError):
        show_subscriber(project, database, ANA)


def test_unknown_list_adds_nobody(project: Project, database: Database) -> None:
    with pytest.raises(NotFoundError):
        add(project, database, "weekly", "montly")
    with pytest.raises(NotFoundError):
        show_subscriber(project, database, ANA)


def test_unsubscribed_everywhere_or_from_one_list(project: Project, database: Database) -> None:
    add(project, database, "weekly", "news")
    assert unsubscribe_subscriber(project, database, ANA, "news", now=NOW) == ["news"]
    assert unsubscribe_subscriber(project, database, ANA, None, now=NOW) == ["weekly"]
    assert unsubscribe_subscriber(project, database, ANA, None, now=NOW) == []
    record = show_subscriber(project, database, ANA)
    assert set(consents(record).values()) == {Consent.UNSUBSCRIBED}
    assert kinds(database, record) == [EventKind.UNSUBSCRIBED] * 2


def test_unsubscribing_from_a_list_one_was_never_on_keeps_imports_out(project: Project, database: Database) -> None:
    add(project, database, "weekly")
    assert unsubscribe_subscriber(project, database, ANA, "news", now=NOW) == []
    assert consents(show_subscriber(project, database, ANA))["news"] is Consent.UNSUBSCRIBED


def test_unsubscribed_come_back_on_their_own_word_only(project: Project, database: Database) -> None:
    add(project, database, "weekly")
    unsubscribe_subscriber(project, database, ANA, None, now=NOW)
    for consent, basis in ((None, ""), (None, "said so"), (Consent.CONFIRMED, ""), (Consent.PENDING, "said so")):
        with pytest.raises(StateError) as caught:
            add(project, database, "weekly", consent=consent, basis=basis)
        assert "--basis" in caught.value.hint
    assert consents(show_subscriber(project, database, ANA)) == {"weekly": Consent.UNSUBSCRIBED}
    record = add(project, database, "weekly", consent=Consent.CONFIRMED, basis="asked by mail")
    assert [(item.consent, item.basis) for item in record.subscriptions] == [(Consent.CONFIRMED, "asked by mail")]
    assert kinds(database, record) == [EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED]


def test_pending_stays_so_without_the_subscribers_word(project: Project, database: Database) -> None:
    add(project, database, "news")
    assert consents(add(project, database, "news", consent=Consent.CONFIRMED))["news"] is Consent.PENDING
    assert consents(add(project, database, "news", consent=Consent.CONFIRMED, basis="paper form"))["news"] is (
        Consent.CONFIRMED
    )


def test_suppressed_address_is_not_added_until_it_is_allowed(project: Project, database: Database) -> None:
    add(project, database, "weekly")
    assert suppress_subscriber(project, database, "ANA@example.org", "angry", now=NOW)
    assert not suppress_subscriber(project, database, ANA, "again", now=NOW)
    record = show_subscriber(project, database, ANA)
    assert record.suppression is not None
    assert (record.suppression.reason, record.suppression.note) == (SuppressionReason.MANUAL, "angry")
    with pytest.raises(StateError, match="suppressed"):
        add(project, database, "news")
    unsuppress_subscriber(project, database, ANA, now=NOW)
    with pytest.raises(StateError):
        unsuppress_subscriber(project, database, ANA, now=NOW)
    assert consents(add(project, database, "news"))["news"] is Consent.PENDING
    assert kinds(database, record) == [EventKind.SUPPRESSED, EventKind.UNSUPPRESSED]


def test_address_of_no_subscriber_can_be_suppressed_beforehand(project: Project, database: Database) -> None:
    assert suppress_subscriber(project, database, ANA, "never", now=NOW)
    assert show_subscriber(project, database, ANA).subscriber is None


def test_event_told_twice_is_kept_once(project: Project, database: Database) -> None:
    record = add(project, database, "weekly")
    assert record.subscriber is not None
    event = Event(EventKind.UNSUBSCRIBED, NOW, subscriber=record.subscriber.id, data={"how": "page"}, key="k")
    with database.write() as connection:
        assert append_event(database, connection, event)
        assert not append_event(database, connection, event)
        [row] = connection.execute(sa.select(events).where(events.c.key == "k")).all()
    assert (row.kind, row.at, row.subscriber_id, row.data) == (event.kind, NOW, event.subscriber, event.data)
