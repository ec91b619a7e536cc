"""Made-up editions, claims and letterheads for tests of the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from newsletter.compiler.edition import Edition, Identity, Slot, SlotKind
from newsletter.delivery.compose.message import Message, MessageContext
from newsletter.delivery.compose.mould import make_mould
from newsletter.delivery.compose.urls import Urls
from newsletter.delivery.ledger.ledger import Claim
from newsletter.expression import parse_field
from newsletter.tokens import Key, Signer

SIGNER = Signer([Key("aa", b"k" * 32)])
RECIPIENT = "abcdefghijklmnopqrstuvwxyz"

IDENTITY = Identity(
    newsletter="The Weekly",
    from_name="The Weekly",
    from_address="weekly@example.org",
    reply_to="answers@example.org",
    legal_name="Weekly Press",
    postal_address="1 Example Street, Sample Town",
    contact="help@example.org",
)

EDITION = Edition(
    issue="2024-01-25",
    language="en",
    direction="ltr",
    title="Title",
    subject="Hello NAMEslot",
    preheader="Before",
    html='<p>Hello NAMEslot</p>\n<a href="LEAVEslot">Leave</a>\n',
    text="Hello NAMEslot\n\nLeave: LEAVEslot\n",
    mjml="<mjml></mjml>",
    slots=(
        Slot("NAMEslot", parse_field('subscriber.name | default("there")'), SlotKind.TEXT),
        Slot("LEAVEslot", parse_field("link.unsubscribe"), SlotKind.URL),
    ),
    links=(),
    assets=(),
    identity=IDENTITY,
    hash="0" * 64,
)

LETTERHEAD = MessageContext(
    lists={"weekly": "The Weekly", "daily": "Daily, too"},
    urls=Urls("https://news.example.org", SIGNER),
    signer=SIGNER,
    bounces="bounces@example.org",
)

CLAIM = Claim(
    recipient=RECIPIENT,
    delivery="d",
    epoch=1,
    address="ana@example.com",
    language="en",
    dated_at=datetime(2024, 1, 25, 9, 0, 0, 123456, tzinfo=UTC),
    attempts=0,
    eligible_at=datetime(2024, 1, 25, 9, tzinfo=UTC),
    values={"name": "Ana"},
)


def composed(edition: Edition, claim: Claim, context: MessageContext) -> Message:
    """One message of a mould of its own."""
    return make_mould(edition, context).cast(claim)


def claim(**changes: Any) -> Claim:
    return replace(CLAIM, **changes)


def edition(**changes: Any) -> Edition:
    return replace(EDITION, **changes)
