"""Archive: the issues that went to public lists, with what was amended since. Read by the public site.

An issue is in it once a delivery of it to a whole public list has finished; of several deliveries the newest is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from newsletter.authoring.issue import Correction
from newsletter.compiler.edition import Card, card_from_json
from newsletter.delivery.delivery import DeliveryState
from newsletter.feedback.event import Event, EventKind
from newsletter.storage.audience.events import append_event
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import (
    amendments,
    assets,
    deliveries,
    delivery_lists,
    editions,
    lists,
    recipients,
)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What the web page of a sent edition shows otherwise."""

    corrections: tuple[Correction, ...] = ()
    """The newest first."""
    links: Mapping[str, str] = field(default_factory=dict)
    """URL as sent → URL that the page has instead."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The edition of a page, and what the page shows otherwise."""

    delivery: str
    language: str
    hash: str
    """Another one after the edition was replaced."""
    amendment: Amendment


@dataclass(frozen=True, slots=True)
class ArchivedIssue:
    """One issue of the archive."""

    issue: str
    """Its slug."""
    first: str
    """Its first delivery; ids in feeds are made of it."""
    delivery: str
    """The delivery whose editions are shown."""
    languages: tuple[str, ...]
    """The issue's own first."""
    published: datetime
    updated: Mapping[str, datetime]
    """By language: when what its page shows last changed."""

    @property
    def changed(self) -> datetime:
        """When any of its pages last changed."""
        return max(self.updated.values())


@dataclass(frozen=True, slots=True)
class ArchivedEdition:
    """What a list of issues shows of one edition."""

    title: str
    direction: str
    card: Card


class Archive:
    """The archive of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issues(self) -> list[ArchivedIssue]:
        """Every issue that is public, the newest first."""
        public = (
            sa.select(delivery_lists.c.delivery_id)
            .join(lists, lists.c.id == delivery_lists.c.list_id)
            .where(lists.c.public == sa.true())
        )
        sent = (
            sa.select(deliveries.c.id, deliveries.c.issue, deliveries.c.hash, deliveries.c.started_at)
            .where(deliveries.c.id.in_(public), deliveries.c.state != DeliveryState.CANCELLED.value)
            .where(deliveries.c.segment == "")  # what only some were meant to read is not for everybody
            .where(sa.not_(deliveries.c.issue.contains("/")))  # of a series
            # One that has finished is sending again while an unknown message is sent once more.
            .where(deliveries.c.finished_at.is_not(None), deliveries.c.started_at.is_not(None))
            .order_by(deliveries.c.started_at, deliveries.c.id)
        )
        written = sa.select(editions.c.delivery_id, editions.c.language).order_by(editions.c.position)
        changed = sa.select(amendments.c.issue, amendments.c.language, amendments.c.amended_at)
        runs: dict[str, list[Any]] = {}
        languages: dict[str, list[str]] = {}
        with self._database.read() as connection:
            for row in connection.execute(sent):
                runs.setdefault(row.issue, []).append(row)
            shown = [rows[-1].id for rows in runs.values()]
            for delivery, language in connection.execute(written.where(editions.c.delivery_id.in_(shown))):
                languages.setdefault(delivery, []).append(language)
            amended = {(row.issue, row.language): row.amended_at for row in connection.execute(changed)}
        found = []
        for issue, rows in runs.items():
            newest = next(row for row in rows if row.hash == rows[-1].hash)  # when what is shown was first sent
            own = tuple(languages.get(rows[-1].id, ()))
            updated = {one: max(newest.started_at, amended.get((issue, one), newest.started_at)) for one in own}
            found.append(ArchivedIssue(issue, rows[0].id, rows[-1].id, own, rows[0].started_at, updated))
        return sorted(found, key=lambda one: (one.published, one.issue), reverse=True)

    def editions(self, chosen: Sequence[str], language: str) -> dict[str, ArchivedEdition]:
        """Delivery → what a list shows of its edition in a language."""
        body = editions.c.body
        query = sa.select(
            editions.c.delivery_id, body["title"].as_string(), body["direction"].as_string(), body["card"].as_json()
        ).where(editions.c.delivery_id.in_(chosen), editions.c.language == language)
        with self._database.read() as connection:
            return {
                delivery: ArchivedEdition(title, direction, card_from_json(card or {}))
                for delivery, title, direction, card in connection.execute(query)
            }

    def amendment(self, issue: str, language: str) -> Amendment:
        """What was amended on the page of an edition; empty when nothing was."""
        query = sa.select(amendments).where(amendments.c.issue == issue, amendments.c.language == language)
        with self._database.read() as connection:
            return _amendment(connection.execute(query).one_or_none())

    def shown(self, delivery: str, language: str) -> Shown | None:
        """The page of an edition; None where there is none."""
        return self._shown(_SHOWN.where(editions.c.delivery_id == delivery, editions.c.language == language))

    def shown_to(self, recipient: str) -> Shown | None:
        """The page of the edition that a recipient got."""
        got = sa.and_(recipients.c.delivery_id == editions.c.delivery_id, recipients.c.language == editions.c.language)
        return self._shown(_SHOWN.join(recipients, got).where(recipients.c.id == recipient))

    def _shown(self, query: sa.Select[*tuple[Any, ...]]) -> Shown | None:
        with self._database.ask() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Shown(row.delivery_id, row.language, row.hash, _amendment(row))

    def correct(self, issue: str, language: str, corrections: Sequence[Correction], now: datetime) -> bool:
        """Let the page of an edition show these corrections and no others; whether they are new."""
        present = self.amendment(issue, language)
        if present.corrections == tuple(corrections):
            return False
        self._amend(issue, language, corrections, present.links, now)
        return True

    def mend(self, delivery: str, issue: str, languages: Sequence[str], wrong: str, right: str, now: datetime) -> None:
        """Let a link lead elsewhere on the pages of these editions; as it was sent, where both URLs are the same.

        Recorded as an event of the delivery.
        """
        for language in languages:
            present = self.amendment(issue, language)
            links = {**present.links, wrong: right}
            if right == wrong:
                del links[wrong]
            event = Event(
                EventKind.LINK_MENDED, now, delivery=delivery, data={"language": language, "from": wrong, "to": right}
            )
            self._amend(issue, language, present.corrections, links, now, event)

    def _amend(
        self, issue: str, language: str, corrections: Sequence[Correction], links: Mapping[str, str], now: datetime,
        event: Event | None = None,
    ) -> None:  # fmt: skip
        row = {
            "issue": issue,
            "language": language,
            "corrections": [[one.date.isoformat(), one.text] for one in corrections],
            "links": dict(links),
            "amended_at": now,
        }
        change = ("corrections", "links", "amended_at")
        statement = self._database.upsert(amendments, key=("issue", "language"), change=change)
        with self._database.write() as connection:
            connection.execute(statement, row)
            if event is not None:
                append_event(self._database, connection, event)

    def known_assets(self, names: Sequence[str]) -> set[str]:
        """Which of these names are images that are served."""
        with self._database.read() as connection:
            return set(connection.execute(sa.select(assets.c.name).where(assets.c.name.in_(names))).scalars())


_AMENDED = sa.and_(amendments.c.issue == deliveries.c.issue, amendments.c.language == editions.c.language)
_SHOWN = (
    sa.select(
        editions.c.delivery_id, editions.c.language, editions.c.hash,
        amendments.c.corrections, amendments.c.links, amendments.c.amended_at,
    )
    .join(deliveries, deliveries.c.id == editions.c.delivery_id)
    .outerjoin(amendments, _AMENDED)
)  # fmt: skip


def _amendment(row: Any) -> Amendment:
    if row is None or row.amended_at is None:
        return Amendment()
    corrections = tuple(Correction(date.fromisoformat(day), text) for day, text in row.corrections)
    return Amendment(corrections, row.links, row.amended_at)
