"""View: a delivered edition as a page, and its images, from what the database keeps. Asked for by the public pages.

Nothing personal is in it and no link in it has any power, because such an address is passed on with the mail.
"""

import re
from dataclasses import dataclass
from html import escape, unescape

from newsletter.app.composing import page_for_nobody
from newsletter.compiler.edition import Asset, Edition
from newsletter.errors import LinkError, NotFoundError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Amendment, Archive
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.tokens import NOT_OURS, Purpose, Signer

_HREF = re.compile(r'(?<=\bhref=")[^"]*(?=")')


@dataclass(frozen=True, slots=True)
class View:
    """An edition for everybody: merge fields show their defaults, conditions are those of nobody."""

    edition: Edition
    html: str
    """The whole page, its links mended."""
    amendment: Amendment


def open_view(database: Database, signer: Signer, token: str, *, leave_url: str, view_url: str) -> View:
    """The edition that a view link belongs to.

    `leave_url` and `view_url` stand where the mail has links of the recipient's own. Raises LinkError unless the token
    is a view link of ours.
    """
    recipient = Deliveries(database).recipient(signer.verify(Purpose.VIEW, token))
    if recipient is None:
        # A valid signature over a row that is only in the journal.
        raise LinkError(NOT_OURS)
    return view_edition(database, recipient.delivery, recipient.language, leave_url=leave_url, view_url=view_url)


def view_edition(database: Database, delivery: str, language: str, *, leave_url: str, view_url: str) -> View:
    """An edition of a delivery. Raises LinkError when there is none."""
    try:
        edition = Deliveries(database).edition(delivery, language)
    except NotFoundError as error:
        raise LinkError(NOT_OURS) from error
    amendment = Archive(database).amendment(edition.issue, edition.language)
    html = page_for_nobody(edition, unsubscribe=leave_url, view=view_url)
    if amendment.links:
        html = _HREF.sub(lambda found: _mended(found.group(), amendment), html)
    return View(edition, html, amendment)


def _mended(written: str, amendment: Amendment) -> str:
    instead = amendment.links.get(unescape(written))
    return written if instead is None else escape(instead)


def find_asset(database: Database, name: str) -> Asset | None:
    """An image that a stored edition shows."""
    return Deliveries(database).asset(name)
