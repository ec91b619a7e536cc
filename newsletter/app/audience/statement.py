"""Statement: one page of all that happened to one address, signed as JSON and as HTML that carries the JSON.

The signature proves that a statement was not altered since; what it says is what this database held.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from newsletter.app.audience.subscribers import SubscriberRecord, show_subscriber
from newsletter.app.project import Project
from newsletter.audience.address import parse_address
from newsletter.seal import is_signed, public_key, sign
from newsletter.storage.audience.statements import RecordedEvent, SentMessage, events_about, messages_to
from newsletter.storage.database.database import Database
from newsletter.tokens import Key, keyed_hash

ALGORITHM = "Ed25519"
KEYS_PATH = "/.well-known/newsletter-statement-keys.json"
"""Where public keys are published, below the public URL."""
_BEGIN, _END = '<script type="application/json" id="statement">', "</script>"
PLACE = _BEGIN + _END
"""Where a page has its statement as JSON. The page is signed with nothing in it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of one address at one moment."""

    made_at: datetime
    newsletter: str
    asked: str
    """The address that was asked about."""
    record: SubscriberRecord
    messages: Sequence[SentMessage]
    """The latest first."""
    events: Sequence[RecordedEvent]
    """The earliest first."""


def statement_of(project: Project, database: Database, email: str, *, now: datetime) -> Statement:
    """The statement about an address. Raises AddressError, and NotFoundError when nothing is stored about it."""
    record = show_subscriber(project, database, email)
    address = parse_address(email)
    with database.read() as connection:
        messages = messages_to(connection, keyed_hash(project.keys.address, address.canonical))
        events = events_about(connection, record.subscriber.id) if record.subscriber else []
    return Statement(now, project.identity.newsletter, address.text, record, messages, events)


def public_keys(keys: Sequence[Key]) -> dict[str, str]:
    """Id → public key, the one that signs now first."""
    return {key.id: public_key(key) for key in keys}


def signed_statement(key: Key, facts: Mapping[str, Any], page: str) -> dict[str, Any]:
    """The JSON of a statement with its signature, which is over `page` as well."""
    about = {"algorithm": ALGORITHM, "key": key.id, "page_sha256": sha256(page.encode()).hexdigest()}
    return {**facts, "signature": {**about, "value": sign(key, {**facts, "signature": about})}}


def signed_page(page: str, signed: Mapping[str, Any]) -> str:
    """The page with its signed statement inside."""
    text = json.dumps(signed, ensure_ascii=False, indent=1).replace("<", "\\u003c")
    return page.replace(PLACE, f"{_BEGIN}\n{text}\n{_END}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of a statement in a file."""

    fault: str
    """Empty: it is as it was signed."""
    about: str = ""
    made_at: str = ""
    key: str = ""


def verify_statement(data: bytes, publics: Iterable[str]) -> Verdict:
    """Whether a file, JSON or HTML, is a statement as the owner of one of the public keys signed it."""
    page = ""
    try:
        text = data.decode()
        if not text.lstrip().startswith("{"):
            before, text = text.split(_BEGIN)
            text, after = text.split(_END, 1)
            page = before + PLACE + after
        facts = json.loads(text, object_pairs_hook=_once)
        about = dict(facts.pop("signature"))
        value, key = str(about.pop("value")), str(about["key"])
        signed = {**facts, "signature": about}
        is_known = any(is_signed(public, signed, value) for public in publics)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return Verdict("This is no signed statement, or it is damaged")
    if not is_known:
        return Verdict(f"It was altered after it was signed, or signed by a key that is not known here ({key})")
    if page and sha256(page.encode()).hexdigest() != about["page_sha256"]:
        return Verdict("The page was altered after it was signed; the statement inside it was not")
    return Verdict("", str(facts["about"]), str(facts["made_at"]), key)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key comes twice: a reader might see the one, and the signature be over the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found
