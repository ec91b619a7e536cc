"""Lists, and the number of subscriptions of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from newsletter.audience.consent import Consent, OptIn
from newsletter.audience.subscriber import MailingList
from newsletter.errors import AlreadyExistsError, NotFoundError
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import delivery_lists, lists, subscriptions


class ListStore:
    """The lists, inside one transaction."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self._connection = connection

    def all(self) -> list[MailingList]:
        """Every list, in the order of their slugs."""
        return [_list(row) for row in self._connection.execute(sa.select(lists).order_by(lists.c.slug))]

    def named(self, slug: str) -> MailingList:
        """One list. Raises NotFoundError."""
        row = self._connection.execute(sa.select(lists).where(lists.c.slug == slug)).first()
        if row is None:
            known = self._connection.execute(sa.select(lists.c.slug).order_by(lists.c.slug)).scalars().all()
            hint = f"There are: {', '.join(known)}" if known else f"Add it: newsletter lists add {slug}"
            raise NotFoundError(f"There is no list {slug!r}", hint=hint)
        return _list(row)

    def add(
        self, slug: str, *, name: str, opt_in: OptIn, language: str, now: datetime, public: bool = False
    ) -> MailingList:
        """A new list. Raises AlreadyExistsError."""
        statement = self._database.insert_ignore(lists).values(
            slug=slug, name=name, opt_in=opt_in.value, language=language, created_at=now, public=public
        )
        if self._connection.execute(statement).rowcount != 1:
            raise AlreadyExistsError(f"There is a list {slug!r} already", hint="Change it: newsletter lists edit")
        return self.named(slug)

    def edit(self, slug: str, **changes: str | bool) -> MailingList:
        """Change name, opt_in, language or public of a list. Raises NotFoundError."""
        present = self.named(slug)
        if changes:
            self._connection.execute(sa.update(lists).where(lists.c.id == present.id).values(**changes))
        return self.named(slug)

    def remove(self, slug: str) -> None:
        """Remove a list with its subscriptions. Raises NotFoundError."""
        present = self.named(slug)
        self._connection.execute(sa.delete(subscriptions).where(subscriptions.c.list_id == present.id))
        self._connection.execute(sa.delete(lists).where(lists.c.id == present.id))

    def was_sent_to(self, slug: str) -> bool:
        """Whether a delivery names this list."""
        query = sa.select(delivery_lists.c.list_id).where(delivery_lists.c.list_id == self.named(slug).id).limit(1)
        return self._connection.execute(query).first() is not None

    def counts(self) -> Mapping[str, Mapping[Consent, int]]:
        """Subscriptions per list, by consent."""
        query = (
            sa.select(lists.c.slug, subscriptions.c.consent, sa.func.count())
            .join(subscriptions, subscriptions.c.list_id == lists.c.id)
            .group_by(lists.c.slug, subscriptions.c.consent)
        )
        found: dict[str, dict[Consent, int]] = {}
        for slug, consent, count in self._connection.execute(query):
            found.setdefault(slug, {})[Consent(consent)] = count
        return found

    def all_named(self, slugs: Sequence[str]) -> list[MailingList]:
        """These lists, each once, in the order given. Raises NotFoundError."""
        return [self.named(slug) for slug in dict.fromkeys(slugs)]

    def with_ids(self, list_ids: Sequence[int]) -> list[MailingList]:
        """Those of these lists that still exist, in the order given."""
        rows = self._connection.execute(sa.select(lists).where(lists.c.id.in_(list_ids)))
        found = {row.id: _list(row) for row in rows}
        return [found[list_id] for list_id in list_ids if list_id in found]


def lists_of(connection: sa.Connection, delivery: str) -> list[MailingList]:
    """The lists of a delivery, in the order they were named."""
    query = (
        sa.select(lists)
        .join(delivery_lists, delivery_lists.c.list_id == lists.c.id)
        .where(delivery_lists.c.delivery_id == delivery)
        .order_by(delivery_lists.c.position)
    )
    return [_list(row) for row in connection.execute(query)]


def _list(row: sa.Row[tuple[object, ...]]) -> MailingList:
    return MailingList(row.id, row.slug, row.name, OptIn(row.opt_in), row.language, row.public)
