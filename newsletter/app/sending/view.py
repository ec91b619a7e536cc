"""View: a delivered edition as a page, and its images, from what the database keeps. Asked for by the public pages.

Nothing personal is in it and no link in it has any power, because such an address is passed on with the mail.
"""

from newsletter.app.composing import page_for_nobody
from newsletter.compiler.edition import Asset
from newsletter.errors import LinkError
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.tokens import NOT_OURS, Purpose, Signer


def open_view(database: Database, signer: Signer, token: str, *, leave_url: str, view_url: str) -> str:
    """The HTML of the edition that a view link belongs to, its merge fields showing their defaults.

    `leave_url` and `view_url` stand where the mail has links of the recipient's own. Raises LinkError unless the token
    is a view link of ours.
    """
    deliveries = Deliveries(database)
    recipient = deliveries.recipient(signer.verify(Purpose.VIEW, token))
    if recipient is None:
        # A valid signature over a row that is only in the journal.
        raise LinkError(NOT_OURS)
    edition = deliveries.edition(recipient.delivery, recipient.language)
    return page_for_nobody(edition, unsubscribe=leave_url, view=view_url)


def find_asset(database: Database, name: str) -> Asset | None:
    """An image that a stored edition shows."""
    return Deliveries(database).asset(name)
