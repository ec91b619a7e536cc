"""Importing: the rows of a file, staged in temporary tables, become people by a handful of statements.

Nobody waits while a file is staged. Then others are kept out, what is known of its people is looked up, `audience`
decides, and the rows are moved. The tables go with the transaction: nothing of a file outlives a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import sqlalchemy as sa

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.importing.decide import Entry, Known, Ruling, VerdictKind
from newsletter.audience.suppression import SuppressionReason
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import Instant, subscribers, subscriptions, suppressions

_PAGE = 1000

_staged = sa.MetaData()
_rows = sa.Table(
    "import_rows",
    _staged,
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("timezone", sa.String(64), nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("notes", sa.JSON(none_as_null=True)),
    prefixes=["TEMPORARY"],
)
_known = sa.Table(
    "import_known",
    _staged,
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("subscriber_id", sa.Integer, comment="null: a new person"),
    sa.Column("has_address", sa.Boolean, nullable=False),
    sa.Column("suppression", sa.String(16), nullable=False, comment="empty: none"),
    sa.Column("subscribed", sa.Integer, nullable=False),
    sa.Column("left", sa.Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
_FACTS = (_known.c.has_address, _known.c.suppression, _known.c.subscribed, _known.c.left)
"""The columns of `Known`, in its order."""


@contextmanager
def staged(database: Database) -> Iterator[Staging]:
    """A transaction with empty tables for the rows of one file."""
    with database.write(late=True) as connection:
        _staged.create_all(connection, checkfirst=False)
        yield Staging(database, connection)
        _staged.drop_all(connection, checkfirst=False)  # the connection lives on in its pool


class Staging:
    """The rows of one file on their way to the audience; each address once."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self.connection = connection

    def add(self, entries: Iterable[Entry]) -> None:
        """Stage rows. Nobody waits for this."""
        remaining = iter(entries)
        while page := [_row(entry) for entry in islice(remaining, _PAGE)]:
            self.connection.execute(sa.insert(_rows), page)

    def lock_audience(self) -> None:
        """Keep others from writing until the transaction ends. Only after `add`."""
        AudienceStore(self._database, self.connection).lock_audience()

    def look_up(self, lists: Collection[int]) -> dict[Known, int]:
        """What is known of the people of the file, as it bears on these lists: how many there are of each kind."""
        subscribed = (
            sa.select(sa.func.count())
            .where(subscriptions.c.subscriber_id == subscribers.c.id, subscriptions.c.list_id.in_(lists))
            .correlate(subscribers)
        )
        left = subscribed.where(subscriptions.c.consent == Consent.UNSUBSCRIBED.value)
        query = (
            sa.select(
                _rows.c.line,
                subscribers.c.id,
                sa.func.coalesce(subscribers.c.address, "") != "",
                sa.func.coalesce(suppressions.c.reason, ""),
                subscribed.scalar_subquery(),
                left.scalar_subquery(),
            )
            .select_from(_rows)
            .outerjoin(subscribers, subscribers.c.address_hash == _rows.c.address_hash)
            .outerjoin(suppressions, suppressions.c.address_hash == _rows.c.address_hash)
        )
        self.connection.execute(sa.insert(_known).from_select(_known.c.keys(), query))
        counted = self.connection.execute(sa.select(*_FACTS, sa.func.count()).group_by(*_FACTS))
        return {
            Known(has_address, SuppressionReason(suppression) if suppression else None, subscribed, left): count
            for has_address, suppression, subscribed, left, count in counted
        }

    def write(self, rulings: Mapping[Known, Ruling], consents: Mapping[int, Consent], origin: Origin) -> None:
        """Make people of the rows, and add subscriptions with these consents by list where there are none."""
        written = _any_of(known for known, ruling in rulings.items() if ruling.writes_person)
        self._add_people(written, origin)
        self._update_people(written, origin)
        imported = _any_of(known for known, ruling in rulings.items() if ruling.kind is VerdictKind.IMPORTED)
        for list_id, consent in consents.items():
            self._subscribe(imported, list_id, consent, origin)

    def notes(self, rulings: Mapping[Known, Ruling]) -> list[tuple[int, str]]:
        """Line and what of it could not be used, of people who are written."""
        written = _any_of(known for known, ruling in rulings.items() if ruling.writes_person)
        query = (
            sa.select(_rows.c.line, _rows.c.notes)
            .join(_known, _known.c.line == _rows.c.line)
            .where(_rows.c.notes.is_not(None), written)
            .order_by(_rows.c.line)
        )
        return [(line, note) for line, notes in self.connection.execute(query) for note in notes]

    def _add_people(self, written: sa.ColumnElement[bool], origin: Origin) -> None:
        names = ["address", "address_hash", "name", "language", "timezone", "attributes"]
        now = sa.literal(origin.at, Instant)
        query = (
            sa.select(*(_rows.c[name] for name in names), now, now)
            .join(_known, _known.c.line == _rows.c.line)
            .where(_known.c.subscriber_id.is_(None), written)
            .order_by(_rows.c.line)
        )
        self.connection.execute(sa.insert(subscribers).from_select([*names, "created_at", "updated_at"], query))

    def _update_people(self, written: sa.ColumnElement[bool], origin: Origin) -> None:
        """An empty cell takes nothing away, and neither does an attribute that the file does not name. An address
        stays spelt as it was: it is known by another spelling."""
        names = ("name", "language", "timezone")
        self.connection.execute(
            sa.update(subscribers)
            .where(subscribers.c.id == _known.c.subscriber_id, _known.c.line == _rows.c.line, written)
            .values(
                {name: sa.func.coalesce(sa.func.nullif(_rows.c[name], ""), subscribers.c[name]) for name in names}
                | {
                    "address": sa.func.coalesce(sa.func.nullif(subscribers.c.address, ""), _rows.c.address),
                    "attributes": self._database.merged(subscribers.c.attributes, _rows.c.attributes),
                    "updated_at": origin.at,
                }
            )
        )

    def _subscribe(self, imported: sa.ColumnElement[bool], list_id: int, consent: Consent, origin: Origin) -> None:
        """Put them on one list; nobody's consent that is there already is touched."""
        values = {
            "list_id": sa.literal(list_id),
            "consent": sa.literal(consent.value),
            "changed_at": sa.literal(origin.at, Instant),
            "how": sa.literal(origin.how),
            "basis": sa.literal(origin.basis),
        }
        query = (
            sa.select(subscribers.c.id, *values.values())
            .select_from(_rows)
            .join(_known, _known.c.line == _rows.c.line)
            .join(subscribers, subscribers.c.address_hash == _rows.c.address_hash)
            .where(imported)
            .order_by(subscribers.c.id)  # in the order of the indexes they go into, which is several times faster
        )
        statement = self._database.insert_ignore(subscriptions).from_select(["subscriber_id", *values], query)
        self.connection.execute(statement)


def _row(entry: Entry) -> dict[str, object]:
    return {
        "line": entry.line,
        "address": entry.address.text,
        "address_hash": entry.address_hash,
        "name": entry.name,
        "language": entry.language,
        "timezone": entry.timezone,
        "attributes": dict(entry.attributes),
        "notes": list(entry.notes) or None,
    }


def _any_of(knowns: Iterable[Known]) -> sa.ColumnElement[bool]:
    """Whether one of these is what is known of a row's person."""
    each = (
        sa.and_(
            _known.c.has_address == known.has_address,
            _known.c.suppression == (known.suppression or ""),
            _known.c.subscribed == known.subscribed,
            _known.c.left == known.left,
        )
        for known in knowns
    )
    return sa.or_(sa.false(), *each)
