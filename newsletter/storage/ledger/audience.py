"""Audience: whom a delivery is for, as conditions of SQL; previewed here, written into the ledger by `freeze`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from newsletter.audience.consent import Consent
from newsletter.audience.segment import parse_segment
from newsletter.audience.subscriber import MailingList
from newsletter.delivery.ledger.plan import Candidate, NotEligible
from newsletter.storage.audience.expression import matches
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.compiled import Row
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import subscribers, subscriptions
from newsletter.storage.ledger.recheck import PAUSED, reached_among, receipts_among, suppressed_among

CHUNK = 5000
"""Subscribers; senders wait for as long as one takes, about a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a delivery is for: what its candidates are selected by."""

    delivery: str
    """Empty for one that does not exist (yet)."""
    issue: str
    list_ids: tuple[int, ...]
    """In the order they were named."""
    list_languages: Mapping[int, str]
    where: sa.ColumnElement[bool] | None = None
    """What narrows it: a segment."""

    def end_of_chunk(self, connection: sa.Connection, *, after: int, up_to: int, size: int) -> int:
        """The subscriber with whom the lists have `size` more, whatever a segment leaves of them; else `up_to`."""
        ids = (
            sa.select(subscriptions.c.subscriber_id)
            .where(*self._confirmed(after, up_to))
            .distinct()
            .order_by(subscriptions.c.subscriber_id)
        )
        found: int | None = connection.execute(ids.offset(size - 1).limit(1)).scalar()
        return up_to if found is None else found

    def members(self, *, after: int, up_to: int) -> tuple[sa.Join, list[sa.ColumnElement[bool]], list[sa.Label[int]]]:
        """Candidates between two ids: subscribers with their lists, what is true of them, and for each list whether it
        led to them (NULL if not). One statement: a subscriber may leave between two.
        """
        each = [
            sa.func.max(sa.case((subscriptions.c.list_id == id_, 1))).label(f"list{number}")
            for number, id_ in enumerate(self.list_ids)
        ]
        # The condition on the ids is said of both tables: either may be the one that is read first.
        led = (
            sa.select(subscriptions.c.subscriber_id, *each)
            .where(*self._confirmed(after, up_to))
            .group_by(subscriptions.c.subscriber_id)
            .subquery("led")
        )
        where = [*_between(subscribers.c.id, after, up_to), subscribers.c.address != "", sa.not_(PAUSED)]
        where += [] if self.where is None else [self.where]
        joined = subscribers.join(led, led.c.subscriber_id == subscribers.c.id)
        return joined, where, [led.c[one.name].label(one.name) for one in each]

    def _confirmed(self, after: int, up_to: int) -> list[sa.ColumnElement[bool]]:
        return [
            *_between(subscriptions.c.subscriber_id, after, up_to),
            subscriptions.c.list_id.in_(self.list_ids),
            subscriptions.c.consent == Consent.CONFIRMED.value,
        ]


def _between(column: sa.ColumnElement[int], after: int, up_to: int) -> list[sa.ColumnElement[bool]]:
    return [column > after, column <= up_to]


@dataclass(frozen=True, slots=True)
class AudiencePreview:
    """An audience as it would be frozen now."""

    lists: tuple[MailingList, ...]
    candidates: Iterator[Candidate]
    """Once, in order of their ids, read page by page as they are asked for."""
    not_eligible: Mapping[str, int]


def audience_of(database: Database, delivery: str, issue: str, chosen: Sequence[MailingList], segment: str) -> Audience:
    """The audience of these lists, narrowed by a segment's expression unless that is empty."""
    languages = {one.id: one.language for one in chosen}
    where = matches(database, parse_segment(segment)) if segment else None
    return Audience(delivery, issue, tuple(one.id for one in chosen), languages, where)


def preview_audience(database: Database, issue: str, list_slugs: Sequence[str], segment: str = "") -> AudiencePreview:
    """Who would be in the audience of a delivery, were it frozen now. Writes nothing. Raises NotFoundError."""
    with database.read() as connection:
        chosen = ListStore(database, connection).all_named(list_slugs)
        audience = audience_of(database, "", issue, chosen, segment)
        return AudiencePreview(tuple(chosen), _pages(database, audience), not_eligible(connection, audience))


def _pages(database: Database, audience: Audience) -> Iterator[Candidate]:
    last, highest = 0, 1
    while last < highest:
        with database.read() as connection:
            highest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(subscribers.c.id), 0))).scalar_one()
            end = audience.end_of_chunk(connection, after=last, up_to=highest, size=CHUNK)
            joined, where, led_by = audience.members(after=last, up_to=end)
            query = sa.select(subscribers, *led_by).select_from(joined).where(*where).order_by(subscribers.c.id)
            page = _candidates(connection, audience, connection.execute(query).all())
        yield from page
        last = end


def _candidates(connection: sa.Connection, audience: Audience, rows: Sequence[Row]) -> list[Candidate]:
    hashes = [row.address_hash for row in rows]
    suppressed = suppressed_among(connection, hashes)
    received = reached_among(connection, audience.issue, audience.delivery, hashes)
    sent = receipts_among(connection, audience.issue, hashes)
    found = []
    for row in rows:
        led_by = row[-len(audience.list_ids) :]
        list_ids = tuple(id_ for id_, led in zip(audience.list_ids, led_by, strict=True) if led)
        candidate = Candidate(
            subscriber=row.id,
            address=row.address,
            address_hash=row.address_hash,
            name=row.name,
            language=row.language,
            timezone=row.timezone,
            attributes=row.attributes,
            list_ids=list_ids,
            list_languages=tuple(audience.list_languages[id_] for id_ in list_ids),
            suppression=suppressed.get(row.address_hash, ""),
            already_received=row.address_hash in received or sent.get(row.address_hash, False),
            in_journal=row.address_hash in sent,
        )
        found.append(candidate)
    return found


def not_eligible(connection: sa.Connection, audience: Audience, *, up_to: int | None = None) -> dict[str, int]:
    """Subscribers of the lists who are no candidates, counted by reason; pending on any list counts as pending."""
    counted = {
        NotEligible.PAUSED: _at_best(audience, Consent.CONFIRMED, better=[]).where(
            sa.exists().where(subscribers.c.id == subscriptions.c.subscriber_id, PAUSED)
        ),
        NotEligible.PENDING: _at_best(audience, Consent.PENDING, better=[Consent.CONFIRMED]),
        NotEligible.UNSUBSCRIBED: _at_best(audience, Consent.UNSUBSCRIBED, better=[Consent.CONFIRMED, Consent.PENDING]),
    }
    found = {}
    for reason, query in counted.items():
        chosen = query if up_to is None else query.where(subscriptions.c.subscriber_id <= up_to)
        count = connection.execute(sa.select(sa.func.count()).select_from(chosen.distinct().subquery())).scalar_one()
        if count:
            found[reason.value] = count
    return found


def _at_best(audience: Audience, consent: Consent, *, better: Sequence[Consent]) -> sa.Select[int]:
    """Subscribers with this consent to one of the lists, and a better one to none of them."""
    other = subscriptions.alias()
    # Do not say NOT IN: PostgreSQL reads its list anew for every row once it is too long for memory.
    is_better = sa.exists().where(
        other.c.subscriber_id == subscriptions.c.subscriber_id,
        other.c.list_id.in_(audience.list_ids),
        other.c.consent.in_([one.value for one in better]),
    )
    return sa.select(subscriptions.c.subscriber_id).where(
        subscriptions.c.list_id.in_(audience.list_ids), subscriptions.c.consent == consent.value, ~is_better
    )
