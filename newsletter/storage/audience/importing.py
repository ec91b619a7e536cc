"""Importing: the rows of a file are staged in temporary tables, then written by a few statements.

Staging blocks no other writer. Then the audience is locked, subscribers are looked up, `audience` decides, and the rows
are written. The tables end with the transaction: nothing of a file outlives a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from newsletter.audience.consent import Consent, Origin
from newsletter.audience.importing.cells import LINK_ID
from newsletter.audience.importing.decide import Entry, Known, Ruling, VerdictKind
from newsletter.audience.suppression import SuppressionReason
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.compiled import Bulk
from newsletter.storage.database.database import MANY, Database
from newsletter.storage.database.tables import Instant, lists, old_links, subscribers, subscriptions, suppressions

_PAGE = 1000
"""Rows."""
_PAGE_SIZE = 1_000_000
"""Characters of their cells."""
_UNSUBSCRIBED = Consent.UNSUBSCRIBED.value

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
    sa.Column("paused_until", Instant),
    sa.Column("is_subscriber", sa.Boolean, nullable=False),
    sa.Column("suppressed", sa.String(16), nullable=False, comment="reason; empty: the row does not suppress"),
    sa.Column("suppressed_at", Instant),
    sa.Column("suppressed_note", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False, comment="2: it suppresses; 1: it unsubscribes"),
    prefixes=["TEMPORARY"],
)
_wanted = sa.Table(
    "import_subscriptions",
    _staged,
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("list", sa.String(64), primary_key=True),
    sa.Column("consent", sa.String(16), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("how", sa.String(32), nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("from_tool", sa.Boolean, nullable=False, comment="said by another tool's export"),
    prefixes=["TEMPORARY"],
)
_known = sa.Table(
    "import_known",
    _staged,
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("subscriber_id", sa.Integer, comment="null: a new subscriber"),
    sa.Column("is_subscriber", sa.Boolean, nullable=False),
    sa.Column("suppresses", sa.Boolean, nullable=False),
    sa.Column("has_address", sa.Boolean, nullable=False),
    sa.Column("suppression", sa.String(16), nullable=False, comment="empty: none"),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("wanted", "subscribed", "unsubscribed", "opt_outs")),
    prefixes=["TEMPORARY"],
)
_FACTS = tuple(_known.c)[2:]
"""The columns of `Known`, in its order; None there is empty here."""

_OPTS_OUT = sa.and_(
    _wanted.c.consent == _UNSUBSCRIBED,
    subscriptions.c.consent != _UNSUBSCRIBED,
    sa.or_(
        _wanted.c.changed_at > subscriptions.c.changed_at,
        sa.and_(_wanted.c.from_tool, subscriptions.c.how == "import"),
    ),
)
"""The row unsubscribes, later than the known consent. The time of an imported consent may be that of the import, and
somebody may have left the other tool shortly before: there an imported consent ends whatever the times."""


@contextmanager
def staged(database: Database) -> Iterator[Staging]:
    """A transaction with empty tables for the rows of one file."""
    with database.write(late=True) as connection:
        _staged.create_all(connection, checkfirst=False)
        staging = Staging(database, connection)
        yield staging
        _staged.drop_all(connection, checkfirst=False)  # the connection returns to its pool
    if staging.written >= MANY:
        database.analyse(subscribers, subscriptions)


class Staging:
    """The staged rows of one file; each address once."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self.connection = connection
        self.written = 0
        """Subscribers who were added."""

    def add(self, entries: Iterable[Entry], slugs: Sequence[str]) -> int:
        """Stage rows for these lists; returns their number. Of several rows with one address the first that leaves
        counts, or else the first."""
        added = 0
        for page in _pages(entries):
            _ROWS.add(self.connection, map(_row, page))
            _WANTED.add(self.connection, [each for entry in page for each in _wanted_of(entry, slugs)])
            added += len(page)
        place = sa.func.row_number().over(
            partition_by=_rows.c.address_hash, order_by=[_rows.c.rank.desc(), _rows.c.line]
        )
        ranked = sa.select(_rows.c.line, place.label("place")).subquery()
        repeats = sa.select(ranked.c.line).where(ranked.c.place > 1)
        self.connection.execute(sa.delete(_rows).where(_rows.c.line.in_(repeats)))
        return added

    def subscribe_all(self, consents: Mapping[str, Consent], origin: Origin) -> None:
        """Stage a subscription of every subscriber of the file to lists, by slug, with these consents."""
        for slug, consent in consents.items():
            values = (
                sa.literal(slug), sa.literal(consent.value), sa.literal(origin.at, Instant),
                sa.literal(origin.how), sa.literal(origin.basis), sa.false(),
            )  # fmt: skip
            query = sa.select(_rows.c.line, *values).where(_rows.c.is_subscriber)
            self.connection.execute(sa.insert(_wanted).from_select(_wanted.c.keys(), query))

    def lock_audience(self) -> None:
        """Block other writers until the transaction ends. Only after `add`."""
        AudienceStore(self._database, self.connection).lock_audience()

    def look_up(self) -> dict[Known, int]:
        """The facts that decide about the rows, and how many rows have each combination."""
        query = (
            sa.select(
                _rows.c.line,
                subscribers.c.id,
                _rows.c.is_subscriber,
                _rows.c.suppressed != "",
                sa.func.coalesce(subscribers.c.address, "") != "",
                sa.func.coalesce(suppressions.c.reason, ""),
                sa.func.count(_wanted.c.list),
                sa.func.count(subscriptions.c.list_id),
                sa.func.count(sa.case((subscriptions.c.consent == _UNSUBSCRIBED, 1))),
                sa.func.count(sa.case((_OPTS_OUT, 1))),
            )
            .select_from(_rows)
            .outerjoin(subscribers, subscribers.c.address_hash == _rows.c.address_hash)
            .outerjoin(suppressions, suppressions.c.address_hash == _rows.c.address_hash)
            .outerjoin(_wanted, _wanted.c.line == _rows.c.line)
            .outerjoin(lists, lists.c.slug == _wanted.c.list)
            .outerjoin(
                subscriptions,
                sa.and_(subscriptions.c.subscriber_id == subscribers.c.id, subscriptions.c.list_id == lists.c.id),
            )
            .group_by(_rows.c.line, subscribers.c.id, subscribers.c.address, suppressions.c.reason)
        )
        self.connection.execute(sa.insert(_known).from_select(_known.c.keys(), query))
        counted = self.connection.execute(sa.select(*_FACTS, sa.func.count()).group_by(*_FACTS))
        return {
            Known(
                is_subscriber, suppresses, has_address, SuppressionReason(reason) if reason else None, *numbers
            ): count
            for is_subscriber, suppresses, has_address, reason, *numbers, count in counted
        }

    def write(self, rulings: Mapping[Known, Ruling], origin: Origin, *, starts_series: bool = False) -> None:
        """Write subscribers, subscriptions and suppressions as ruled; with new subscriptions series begin, if any."""
        written = _any_of(known for known, ruling in rulings.items() if ruling.writes_subscriber)
        self.written = self._add_subscribers(written, origin)
        self._update_subscribers(written, origin)
        taken = _any_of(known for known, ruling in rulings.items() if ruling.kind is not VerdictKind.SKIPPED)
        self._unsubscribe(taken)
        self._subscribe(taken, origin.at if starts_series else None)
        self._suppress(taken)
        self._keep_links()

    def notes(self, rulings: Mapping[Known, Ruling], limit: int) -> tuple[int, list[tuple[int, str]]]:
        """Line and what could not be used, of rows that are written: their number, and the first `limit`."""
        written = _any_of(known for known, ruling in rulings.items() if ruling.writes_subscriber)
        query = (
            sa.select(_rows.c.line, _rows.c.note)
            .join(_known, _known.c.line == _rows.c.line)
            .where(_rows.c.note != "", written)
            .order_by(_rows.c.line)
        )
        count = self.connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
        return count, [(line, note) for line, note in self.connection.execute(query.limit(limit))]

    def _add_subscribers(self, written: sa.ColumnElement[bool], origin: Origin) -> int:
        names = ["address", "address_hash", "name", "language", "timezone", "attributes", "paused_until"]
        now = sa.literal(origin.at, Instant)
        query = (
            sa.select(*(_rows.c[name] for name in names), now, now)
            .join(_known, _known.c.line == _rows.c.line)
            .where(_known.c.subscriber_id.is_(None), written)
            .order_by(_rows.c.line)
        )
        added = sa.insert(subscribers).from_select([*names, "created_at", "updated_at"], query)
        return self.connection.execute(added).rowcount

    def _update_subscribers(self, written: sa.ColumnElement[bool], origin: Origin) -> None:
        """An empty cell changes nothing, nor does an attribute that the file does not name. The address stays."""
        names = ("name", "language", "timezone")
        self.connection.execute(
            sa.update(subscribers)
            .where(subscribers.c.id == _known.c.subscriber_id, _known.c.line == _rows.c.line, written)
            .values(
                {name: sa.func.coalesce(sa.func.nullif(_rows.c[name], ""), subscribers.c[name]) for name in names}
                | {
                    "address": sa.func.coalesce(sa.func.nullif(subscribers.c.address, ""), _rows.c.address),
                    "attributes": self._database.merged(subscribers.c.attributes, _rows.c.attributes),
                    "paused_until": sa.func.coalesce(_rows.c.paused_until, subscribers.c.paused_until),
                    "updated_at": origin.at,
                }
            )
        )

    def _subscribe(self, taken: sa.ColumnElement[bool], series_from: datetime | None) -> None:
        """Add subscriptions; existing ones do not change."""
        names = ["consent", "changed_at", "how", "basis"]
        begun = sa.case((_wanted.c.consent == Consent.CONFIRMED.value, sa.literal(series_from, Instant)))
        query = (
            sa.select(subscribers.c.id, lists.c.id, *(_wanted.c[name] for name in names), begun)
            .select_from(_wanted)
            .join(lists, lists.c.slug == _wanted.c.list)
            .join(_rows, _rows.c.line == _wanted.c.line)
            .join(_known, _known.c.line == _rows.c.line)
            .join(subscribers, subscribers.c.address_hash == _rows.c.address_hash)
            .where(taken)
            .order_by(subscribers.c.id, lists.c.id)  # in the order of the indexes, which is several times faster
        )
        statement = self._database.insert_ignore(subscriptions)
        self.connection.execute(statement.from_select(["subscriber_id", "list_id", *names, "series_from"], query))

    def _unsubscribe(self, taken: sa.ColumnElement[bool]) -> None:
        self.connection.execute(
            sa.update(subscriptions)
            .where(
                subscriptions.c.subscriber_id == _known.c.subscriber_id,
                subscriptions.c.list_id == lists.c.id,
                lists.c.slug == _wanted.c.list,
                _known.c.line == _wanted.c.line,
                _known.c.opt_outs > 0,
                _OPTS_OUT,
                taken,
            )
            .values({name: _wanted.c[name] for name in ("consent", "changed_at", "how", "basis")})
        )

    def _keep_links(self) -> None:
        """Store the ids of the links in another tool's emails, also of rows that change nothing else."""
        old_id = self._database.json_value(_rows.c.attributes, (LINK_ID,)).text
        assert old_id is not None, "a JSON value may be text"
        query = (
            sa.select(old_id, subscribers.c.id)
            .join(subscribers, subscribers.c.address_hash == _rows.c.address_hash)
            .where(old_id.is_not(None), subscribers.c.address != "")
        )
        self.connection.execute(self._database.insert_ignore(old_links).from_select(["id", "subscriber_id"], query))

    def _suppress(self, taken: sa.ColumnElement[bool]) -> None:
        query = (
            sa.select(
                _rows.c.address_hash,
                _rows.c.address,
                _rows.c.suppressed,
                _rows.c.suppressed_note,
                _rows.c.suppressed_at,
            )
            .join(_known, _known.c.line == _rows.c.line)
            .where(_rows.c.suppressed != "", taken)
        )
        names = ["address_hash", "address", "reason", "note", "created_at"]
        self.connection.execute(self._database.insert_ignore(suppressions).from_select(names, query))


def _pages(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    page: list[Entry] = []
    size = 0
    for entry in entries:
        page.append(entry)
        size += sum(len(value) if isinstance(value, str | list | dict) else 1 for value in entry.attributes.values())
        if len(page) == _PAGE or size > _PAGE_SIZE:
            yield page
            page, size = [], 0
    if page:
        yield page


def _row(entry: Entry) -> tuple[object, ...]:
    suppression = entry.suppression
    return (
        entry.line,
        entry.address.text,
        entry.address_hash,
        entry.name,
        entry.language,
        entry.timezone,
        entry.attributes,
        entry.paused_until,
        entry.is_subscriber,
        suppression.reason.value if suppression else "",
        suppression.since if suppression else None,
        suppression.note if suppression else "",
        "; ".join(entry.notes),
        2 if suppression else int(any(one.consent is Consent.UNSUBSCRIBED for one in entry.subscriptions)),
    )


def _wanted_of(entry: Entry, slugs: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for one in entry.subscriptions:
        for slug in [one.list] if one.list else slugs:
            yield (entry.line, slug, one.consent.value, one.since, one.how, one.basis, entry.from_tool)


_ROWS, _WANTED = (Bulk(table, *table.c.keys()) for table in (_rows, _wanted))
"""As `_row` and `_wanted_of` make them."""


def _any_of(knowns: Iterable[Known]) -> sa.ColumnElement[bool]:
    """Whether a row has one of these combinations of facts."""
    each = (
        sa.and_(*(column == (getattr(known, column.name) or column.type.python_type()) for column in _FACTS))
        for known in knowns
    )
    return sa.or_(sa.false(), *each)
