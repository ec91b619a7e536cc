"""Mould: an edition made ready once for all messages of a delivery. The one composer of messages.

Before: `compiler/edition.py`, `message.py` (MessageContext). For each recipient it fills the slots, makes the tokens,
writes the headers that differ and hashes the bytes. Bytes depend on nothing but edition, context and claim.
"""

import hashlib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from newsletter.audience.address import Address, parse_address
from newsletter.compiler.edition import Edition, Identity, write_value
from newsletter.delivery.compose.body import Body, Cut, cut, encode_body
from newsletter.delivery.compose.headers import Header, exact, named, text, write_headers
from newsletter.delivery.compose.message import Message, MessageContext, merge_values
from newsletter.delivery.compose.wire import check_wire
from newsletter.delivery.ledger.ledger import Claim
from newsletter.errors import AddressError, ComposeError
from newsletter.tokens import Purpose

COMPOSER = 2
"""The version of the bytes that moulds make; stored with each edition of a delivery.

Raise it with every change by which the same edition gives other bytes: a message that may have arrived is then held,
and the reason names the update. Version 1, before moulds, is not stored.
"""

_VARIANTS = 32
"""Variants of an edition that are kept encoded; another one takes as long as the first message."""


@dataclass(frozen=True, slots=True)
class ListHeaders:
    """The static headers of the messages to the members of one list: those before and after List-Unsubscribe."""

    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class _Parts:
    """Text and HTML of one variant of an edition. Text first: a reader shows the last alternative it understands
    (RFC 2046, section 5.1.4).
    """

    words: Body
    markup: Body
    delimiter: bytes
    """The begin of the line between two parts."""

    def fill(self, plain: Sequence[str], escaped: Sequence[str]) -> bytes:
        """The body of a message."""
        line, last = self.delimiter + b"\r\n", self.delimiter + b"--\r\n"
        return b"".join((line, *self.words.fill(plain), b"\r\n", line, *self.markup.fill(escaped), b"\r\n", last))

    def relaxed(self) -> "_Parts":
        """The same in the canonicalisation that is signed."""
        words, markup = self.words.relaxed(), self.markup.relaxed()
        return self if (words, markup) == (self.words, self.markup) else replace(self, words=words, markup=markup)


@dataclass(frozen=True, slots=True)
class Mould:
    """Made by `make_mould`."""

    edition: Edition
    is_updated: bool
    """Whether an older composer stored the edition."""
    context: MessageContext
    domain: str
    """Of the sender."""
    from_: bytes
    reply_to: bytes
    """Empty without one."""
    subject: Cut
    lists: Mapping[str, ListHeaders]
    """By the slug of the list."""
    parts: Callable[[tuple[bool, ...]], tuple[_Parts, _Parts]]
    """Of the recipients for whom the edition's conditions are true or false like this: as sent, and as signed."""

    def cast(self, claim: Claim) -> Message:
        """The message of one recipient: always the same bytes for the same claim.

        Raises ComposeError when a value of this recipient is not allowed in a header.
        """
        urls, recipient = self.context.urls, claim.recipient
        unsubscribe = urls.unsubscribe(recipient)
        values = merge_values(claim.values, claim.address, unsubscribe=unsubscribe, view=urls.view(recipient))
        plain = [write_value(slot, values, markup=False) for slot in self.edition.slots]
        message_id = self._message_id(recipient)
        header = self._header(claim, self.subject.fill(plain), message_id, unsubscribe)
        escaped = [html.escape(value) for value in plain]
        sent, signed = self.parts(self.edition.shown(values))
        body = sent.fill(plain, escaped)
        if self.context.dkim:  # `t=` is the instant of Date: a message that is sent again has the same bytes
            relaxed = body if signed is sent else signed.fill(plain, escaped)
            header = self.context.dkim.sign(header, relaxed, int(claim.dated_at.timestamp())) + header
        data = b"".join((header, b"\r\n", body))
        return Message(message_id, data, hashlib.sha256(data).hexdigest(), self.is_updated)

    def _header(self, claim: Claim, subject: str, message_id: str, unsubscribe: str) -> bytes:
        """The header section, without the empty line after it."""
        name = claim.values.get("name")
        mark = self.context.mark
        slug = claim.lists[0] if claim.lists else next(iter(self.context.lists), "")
        fixed = self.lists[slug]
        to = _checked([named("To", name if isinstance(name, str) else "", claim.address)])
        about = _subject(f"{mark} {subject}" if mark else subject)
        # All else was checked once: of letters and digits, however many, only these differ.
        own_id = f"Message-ID: <{message_id}>\r\n".encode()
        leave = f"List-Unsubscribe: <{unsubscribe}>\r\n".encode() if slug else b""
        date = _date(claim.dated_at)
        return b"".join((self.from_, to, self.reply_to, about, date, own_id, fixed.before, leave, fixed.after))

    def _message_id(self, recipient: str) -> str:
        """`recipient.mac@domain`: the same for every attempt; the MAC keeps others from making one of ours."""
        token = self.context.signer.sign(Purpose.MESSAGE_ID, recipient)
        return f"{recipient}.{token.removeprefix(recipient)}@{self.domain}"


def make_mould(edition: Edition, context: MessageContext) -> Mould:
    """Encode an edition for all its messages. Raises ComposeError when none can be made of it."""
    sender = _parse("From", edition.identity.from_address)
    from_ = named("From", edition.identity.from_name, sender.text)
    reply_to = _reply_to(edition.identity)
    # `=_` occurs in neither encoding, so the boundary is in no part (RFC 2045, section 6.7).
    boundary = "=_" + hashlib.sha256(edition.hash.encode()).hexdigest()[:32]
    rest = [
        exact("Auto-Submitted", "auto-generated") if context.is_notice else exact("Precedence", "bulk"),
        exact("MIME-Version", "1.0"),
        exact("Content-Type", "multipart/alternative;", f'boundary="{boundary}"'),
    ]
    lists = {slug: _list_headers(edition, slug, name, sender.domain, rest) for slug, name in context.lists.items()}
    lists = lists or {"": ListHeaders(b"", _checked(rest))}

    @lru_cache(maxsize=_VARIANTS)
    def parts(shown: tuple[bool, ...]) -> tuple[_Parts, _Parts]:
        one = edition.variant(shown)
        words, markup = encode_body("plain", one.text, one.slots), encode_body("html", one.html, one.slots)
        sent = _Parts(words, markup, f"--{boundary}".encode())
        return sent, sent.relaxed()

    parts(tuple(True for _ in edition.conditions))  # what cannot be encoded is said here
    unsubscribe = context.urls.unsubscribe("a" * 26)  # no recipient has a longer one
    _checked([exact("Message-ID", f"<a@{sender.domain}>"), exact("List-Unsubscribe", f"<{unsubscribe}>")])
    return Mould(
        edition=edition,
        is_updated=edition.composer != COMPOSER,
        context=context,
        domain=sender.domain,
        from_=_checked([from_]),
        reply_to=_checked(reply_to),
        subject=cut(edition.subject, edition.slots),
        lists=lists,
        parts=parts,
    )


def _reply_to(identity: Identity) -> list[Header]:
    if not identity.reply_to:
        return []
    return [named("Reply-To", "", _parse("Reply-To", identity.reply_to).text)]


def _list_headers(edition: Edition, slug: str, name: str, domain: str, rest: Sequence[Header]) -> ListHeaders:
    """The list fields, by which email clients and providers recognise a newsletter (RFC 2919, RFC 2369, RFC 8058), and
    the rest."""
    help_url = edition.identity.contact_url
    after = [
        exact("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        *([exact("List-Help", f"<{help_url}>")] if help_url else []),
        exact("Feedback-ID", _feedback_id(edition.issue, slug, domain)),
        *rest,
    ]
    return ListHeaders(_checked([named("List-Id", name, f"{slug}.{domain}")]), _checked(after))


def _checked(headers: Sequence[Header]) -> bytes:
    """Static headers, written and checked."""
    written = write_headers(headers)
    if headers:
        check_wire(written + b"\r\n", [header.name for header in headers])
    return written


@lru_cache(maxsize=64)
def _subject(words: str) -> bytes:
    """Subject; of most editions the same for everybody."""
    return _checked([text("Subject", words)])


@lru_cache(maxsize=64)
def _date(dated_at: datetime) -> bytes:
    """Date, in UTC: the same instant always gives the same bytes. Claims made together have the same."""
    return write_headers([exact("Date", *format_datetime(dated_at.astimezone(UTC)).split(" "))])


def _feedback_id(issue: str, list_slug: str, domain: str) -> str:
    """`campaign:list:kind:sender`, by which providers group complaints; nothing in it identifies the recipient."""
    fields = (issue, list_slug, "newsletter", domain)
    return ":".join(re.sub(r"[^A-Za-z0-9._-]", "-", field)[:64] or "-" for field in fields)


def _parse(name: str, address: str) -> Address:
    try:
        return parse_address(address)
    except AddressError as error:
        raise ComposeError(f"{name}: {error}", hint="`newsletter check` shows what is wrong with it") from error
