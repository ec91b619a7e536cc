"""Mend: a link that was wrong in a sent issue leads elsewhere on its web page, in the archive and in feeds.

Only links of the issue's own editions can be changed, and only by an operator: no URL of a request leads anywhere.
"""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.compiler.edition import Edition
from newsletter.errors import NotFoundError, WrongUsageError
from newsletter.expression import FIELD, Values
from newsletter.source import near_miss
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Archive
from newsletter.storage.ledger.deliveries import Deliveries


def mend_link(database: Database, delivery: str, wrong: str, right: str, *, now: datetime) -> tuple[str, ...]:
    """Let a link of a delivery's editions lead to another URL; the languages that have it.

    `wrong` is the URL as it was sent, merge fields in it without a value. Raises NotFoundError when no edition has it,
    WrongUsageError for a URL that is none of the web.
    """
    fault = url_fault(right)
    if fault or FIELD.search(right) or urlsplit(right).scheme.lower() not in ("http", "https"):
        hint = (fault and fault.hint) or "Give a whole URL, such as https://example.org/, without merge fields"
        raise WrongUsageError(f"{right!r} is no URL that a link may lead to", hint=hint)
    store = Deliveries(database)
    found = store.get(delivery)
    links = {language: set(_urls(store.edition(delivery, language))) for language in found.languages}
    having = tuple(language for language, urls in links.items() if wrong in urls)
    if not having:
        known = sorted(set().union(*links.values()))
        hint = near_miss(wrong, known) or f"Its links: {' '.join(known)}"
        raise NotFoundError(f"No edition of delivery {delivery} has a link to {wrong}", hint=hint)
    Archive(database).mend(delivery, found.issue, having, wrong, normalise_url(right), now)
    return having


def _urls(edition: Edition) -> Iterator[str]:
    """Where the links of an edition lead for everybody, without those of the recipient's own."""
    values: Values = {"subscriber": {}, "link": {}}
    urls = (edition.fill_words(link.url, values) for link in (*edition.links, *edition.page_links))
    return (url for url in urls if url)
