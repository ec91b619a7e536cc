"""Lists: add, change, count and remove them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from newsletter.audience.consent import Consent, OptIn
from newsletter.audience.subscriber import MailingList
from newsletter.errors import StateError, WrongUsageError
from newsletter.language import language_tag
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.database.database import Database

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""One label of a domain: it becomes part of the List-Id (RFC 2919)."""


@dataclass(frozen=True, slots=True)
class ListCounts:
    """A list and its subscriptions, counted by consent."""

    list: MailingList
    counts: Mapping[Consent, int]


def show_lists(database: Database) -> list[ListCounts]:
    """Every list with its counts, in the order of the slugs."""
    with database.read() as connection:
        store = ListStore(database, connection)
        counts = store.counts()
        return [ListCounts(item, counts.get(item.slug, {})) for item in store.all()]


def show_list(database: Database, slug: str) -> ListCounts:
    """Raises NotFoundError."""
    with database.read() as connection:
        store = ListStore(database, connection)
        return ListCounts(store.named(slug), store.counts().get(slug, {}))


def add_list(
    database: Database, slug: str, *, name: str, opt_in: OptIn, language: str, now: datetime, public: bool = False
) -> MailingList:
    """Add a list. Raises WrongUsageError for a slug or language of the wrong shape, AlreadyExistsError."""
    if not _SLUG.fullmatch(slug):
        raise WrongUsageError(
            f"{slug!r} cannot be the short name of a list",
            hint="Use at most 63 lower-case letters, digits and hyphens; no hyphen first or last",
        )
    with database.write() as connection:
        return ListStore(database, connection).add(
            slug, name=_name(name) or slug, opt_in=opt_in, language=read_language(language), now=now, public=public
        )


def edit_list(
    database: Database, slug: str, *, name: str | None, opt_in: OptIn | None, language: str | None,
    public: bool | None = None,
) -> MailingList:  # fmt: skip
    """Change what is not None. No consent changes with the opt-in. Raises NotFoundError, WrongUsageError."""
    changes: dict[str, str | bool] = {}
    if name is not None:
        changes["name"] = _name(name) or slug
    if opt_in is not None:
        changes["opt_in"] = opt_in.value
    if language is not None:
        changes["language"] = read_language(language)
    if public is not None:
        changes["public"] = public
    with database.write() as connection:
        return ListStore(database, connection).edit(slug, **changes)


def remove_list(database: Database, slug: str) -> None:
    """Remove a list with its subscriptions, ended ones too. Raises NotFoundError, StateError once it was sent to."""
    with database.write() as connection:
        store = ListStore(database, connection)
        if store.was_sent_to(slug):
            raise StateError(
                f"The list {slug!r} was sent to, so the ledger refers to it",
                hint="Keep it: a list without subscriptions costs nothing",
            )
        store.remove(slug)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name.isprintable():  # it is written into headers
        raise WrongUsageError("The name of a list cannot hold control characters")
    return name


def read_language(language: str) -> str:
    """A language tag in its canonical form; empty stays empty. Raises WrongUsageError."""
    tag = language_tag(language) if language else ""
    if tag is None:
        raise WrongUsageError(f"{language!r} is no language tag", hint="One looks like en, zh or pt-BR")
    return tag
