"""View: a delivered edition as a page, and its images, from what the database keeps. Asked for by the public pages.

Nothing personal is in it and no link in it has any power, because such an address is passed on with the mail.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape

from newsletter.app.composing import page_for_nobody
from newsletter.compiler.edition import Asset, Edition
from newsletter.errors import LinkError, NotFoundError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Amendment, Archive, Shown
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.tokens import NOT_OURS, Purpose, Signer

_KEPT = 32
"""Editions; a long one with its MJML has a third of a megabyte."""
_HREF = re.compile(r'(?<=\bhref=")[^"]*(?=")')


@dataclass(frozen=True, slots=True)
class View:
    """An edition for everybody: merge fields show their defaults, conditions are those of nobody."""

    edition: Edition
    html: str
    """The whole page, its links mended."""
    amendment: Amendment


class Views:
    """The editions of one database as pages; the last ones asked for are kept. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._archive = Archive(database)
        self._deliveries = Deliveries(database)
        self._edition = lru_cache(maxsize=_KEPT)(self._read)

    def of_link(self, signer: Signer, token: str, *, leave_url: str, view_url: str) -> View:
        """The edition that a view link belongs to.

        `leave_url` and `view_url` stand where the mail has links of the recipient's own. Raises LinkError unless the
        token is a view link of ours.
        """
        # None: a valid signature over a row that is only in the journal.
        return self._view(self._archive.shown_to(signer.verify(Purpose.VIEW, token)), leave_url, view_url)

    def of_delivery(self, delivery: str, language: str, *, leave_url: str, view_url: str) -> View:
        """An edition of a delivery. Raises LinkError when there is none."""
        return self._view(self._archive.shown(delivery, language), leave_url, view_url)

    def _view(self, shown: Shown | None, leave_url: str, view_url: str) -> View:
        if shown is None:
            raise LinkError(NOT_OURS)
        try:
            edition = self._edition(shown.delivery, shown.language, shown.hash)
        except NotFoundError as error:
            raise LinkError(NOT_OURS) from error
        html = page_for_nobody(edition, unsubscribe=leave_url, view=view_url)
        if shown.amendment.links:
            html = _HREF.sub(lambda found: _mended(found.group(), shown.amendment), html)
        return View(edition, html, shown.amendment)

    def _read(self, delivery: str, language: str, _hash: str) -> Edition:
        return self._deliveries.edition(delivery, language)


def _mended(written: str, amendment: Amendment) -> str:
    instead = amendment.links.get(unescape(written))
    return written if instead is None else escape(instead)


def find_asset(database: Database, name: str) -> Asset | None:
    """An image that a stored edition shows."""
    return Deliveries(database).asset(name)
