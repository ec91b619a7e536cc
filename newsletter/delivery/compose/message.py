"""Message: header and body as sent (RFC 5322), composed from an edition and one recipient's claim.

Before: `compiler/edition.py`, `ledger.py` (Claim). After: a transport. Bytes depend on nothing but the arguments.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime

from newsletter.audience.address import Address, parse_address
from newsletter.compiler.edition import Edition, Filled, Identity
from newsletter.delivery.compose.headers import Header, exact, named, text, write_headers
from newsletter.delivery.compose.urls import Urls
from newsletter.delivery.compose.wire import check_wire
from newsletter.delivery.ledger.ledger import Claim
from newsletter.errors import AddressError, ComposeError
from newsletter.expression import Values
from newsletter.tokens import Purpose, Signer

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What all messages of a delivery share besides the edition."""

    lists: Mapping[str, str]
    """Slug → name of the delivery's lists, at least one, in the order they were named."""
    urls: Urls
    signer: Signer
    bounces: str
    """The mailbox of return paths: `bounces@example.org`."""
    mark: str = ""
    """Put before the subject of a proof: `[Proof]`. Empty for a delivery."""


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient's message. `data`: CRLF line ends, not yet dot-stuffed, without terminator."""

    id: str
    """Message-ID without angle brackets."""
    data: bytes = field(repr=False)
    sha256: str
    """Hex SHA-256 of `data`; stored with the permit."""


def compose_message(edition: Edition, claim: Claim, message_context: MessageContext) -> Message:
    """The message of one recipient: always the same bytes for the same edition, claim and message_context.

    Raises ComposeError when a value of this recipient is not allowed in a header or in text.
    """
    filled = fill_for(edition, claim, message_context.urls)
    # Text first: a reader shows the last alternative it understands (RFC 2046, section 5.1.4).
    parts = (_encode("plain", filled.text), _encode("html", filled.html))
    boundary = choose_boundary(f"{edition.hash} {claim.recipient}", parts)
    message_id = _message_id(claim, edition.identity, message_context.signer)
    subject = f"{message_context.mark} {filled.subject}" if message_context.mark else filled.subject
    dated_at = claim.dated_at.astimezone(UTC)  # the same instant always gives the same bytes
    headers = [
        *_from_and_to(edition.identity, claim),
        text("Subject", subject),
        exact("Date", *format_datetime(dated_at).split(" ")),
        exact("Message-ID", f"<{message_id}>"),
        *_list(edition, claim, message_context),
        exact("MIME-Version", "1.0"),
        exact("Content-Type", "multipart/alternative;", f'boundary="{boundary}"'),
    ]
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"
    data = write_headers(headers) + b"\r\n" + body
    check_wire(data, [header.name for header in headers])
    return Message(id=message_id, data=data, sha256=hashlib.sha256(data).hexdigest())


def fill_for(edition: Edition, claim: Claim, urls: Urls) -> Filled:
    """An edition with one recipient's own data and links."""
    unsubscribe, view = urls.unsubscribe(claim.recipient), urls.view(claim.recipient)
    return edition.fill(merge_values(claim.values, claim.address, unsubscribe=unsubscribe, view=view))


def merge_values(values: Mapping[str, object], address: str, *, unsubscribe: str, view: str) -> Values:
    """The values of an edition's merge fields; the last two are this recipient's own links."""
    return {"subscriber": {**values, "email": address}, "link": {"unsubscribe": unsubscribe, "view": view}}


def choose_boundary(seed: str, parts: Sequence[bytes]) -> str:
    """A boundary made from `seed` that occurs in none of the parts (RFC 2046, section 5.1.1)."""
    number = 0
    while True:
        # `=_` occurs in neither encoding, so the first is taken unless a part was not encoded.
        boundary = "=_" + hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:32]
        if not any(boundary.encode() in part for part in parts):
            return boundary
        number += 1


def _from_and_to(identity: Identity, claim: Claim) -> list[Header]:
    name = claim.values.get("name")
    headers = [
        named("From", identity.from_name, _sender(identity).text),
        named("To", name if isinstance(name, str) else "", claim.address),
    ]
    if identity.reply_to:
        headers.append(named("Reply-To", "", _parse("Reply-To", identity.reply_to).text))
    return headers


def _list(edition: Edition, claim: Claim, message_context: MessageContext) -> list[Header]:
    """The list fields, by which email clients and providers recognise a newsletter (RFC 2919, RFC 2369, RFC 8058)."""
    domain = _sender(edition.identity).domain
    slug = claim.lists[0] if claim.lists else next(iter(message_context.lists))
    headers = [
        named("List-Id", message_context.lists[slug], f"{slug}.{domain}"),
        exact("List-Unsubscribe", f"<{message_context.urls.unsubscribe(claim.recipient)}>"),
        exact("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    if help_url := edition.identity.contact_url:
        headers.append(exact("List-Help", f"<{help_url}>"))
    headers.append(exact("Feedback-ID", _feedback_id(edition.issue, slug, domain)))
    headers.append(exact("Precedence", "bulk"))
    return headers


def _sender(identity: Identity) -> Address:
    return _parse("From", identity.from_address)


def _parse(name: str, address: str) -> Address:
    try:
        return parse_address(address)
    except AddressError as error:
        raise ComposeError(f"{name}: {error}", hint="`newsletter check` shows what is wrong with it") from error


def _message_id(claim: Claim, identity: Identity, signer: Signer) -> str:
    """`recipient.mac@domain`: the same for every attempt; the MAC keeps others from making one of ours."""
    token = signer.sign(Purpose.MESSAGE_ID, claim.recipient)
    return f"{claim.recipient}.{token.removeprefix(claim.recipient)}@{_sender(identity).domain}"


def _feedback_id(issue: str, list_slug: str, domain: str) -> str:
    """`campaign:list:kind:sender`, by which providers group complaints; nothing in it identifies the recipient."""
    fields = (issue, list_slug, "newsletter", domain)
    return ":".join(re.sub(r"[^A-Za-z0-9._-]", "-", field)[:64] or "-" for field in fields)


def _encode(subtype: str, content: str) -> bytes:
    """One body part with its headers, in quoted-printable or base64, whichever is smaller. Ends with CRLF."""
    lines = _CONTROLS.sub("", content).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    try:
        data = (lines if lines.endswith("\r\n") else lines + "\r\n").encode()
    except UnicodeEncodeError as error:
        raise ComposeError(f"The {subtype} part holds half a character (a lone surrogate)") from error
    # Ends in CRLF, so that b2a_qp breaks its lines with CRLF too; `istext` keeps line ends as they are.
    quoted = binascii.b2a_qp(data, istext=True)
    encoding, encoded = "quoted-printable", quoted
    if len(quoted) > len(data) * 78 // 57:
        encoding, encoded = "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")
    headers = [
        exact("Content-Type", f"text/{subtype};", "charset=utf-8"),
        exact("Content-Transfer-Encoding", encoding),
    ]
    return write_headers(headers) + b"\r\n" + encoded
