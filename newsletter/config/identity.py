"""`[newsletter]` → the identity that emails and pages show."""

import re

from newsletter.compiler.edition import Identity
from newsletter.config.newsletter import NewsletterSection


def identity_of(section: NewsletterSection) -> Identity:
    """The sender identity in `[newsletter]`; delivery's checks report what is missing."""
    match = re.fullmatch(r'\s*(?:"?(?P<name>[^"<]*?)"?\s*)<(?P<address>[^<>]+)>\s*', section.from_)
    name, address = (match["name"], match["address"]) if match else ("", section.from_.strip())
    return Identity(
        newsletter=section.name,
        from_name=name or section.name,
        from_address=address.strip(),
        reply_to=section.reply_to,
        legal_name=section.legal_name,
        postal_address=section.postal_address,
        contact=section.contact,
        imprint=section.imprint,
    )
