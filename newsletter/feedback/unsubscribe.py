"""Unsubscribing: what a POST to a personal link asks for, and what that changes. Decisions only.

Before: the bytes that a mail program (RFC 8058) or the form of our own page sent. After: `app/audience/unsubscribe.py`
carries the consequence out in one transaction and appends the event.
"""

from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from enum import StrEnum
from urllib.parse import parse_qsl

from newsletter.audience.consent import Consent

MAX_BODY = 4096
"""Bytes. A one-click body has 26, as multipart a few hundred; more is not read."""

FIELD, AGREED = "answer", "yes"
"""What the button of our own page posts."""

_MAX_FIELDS = 8


class Wish(StrEnum):
    """How the wish reached us; kept with the subscription and the event."""

    ONE_CLICK = "one-click"
    """By the mail program, for its user (RFC 8058)."""
    PAGE = "page"
    """By the button of a page of ours."""
    COMPLAINT = "complaint"
    """By marking a message as unwanted at their provider, who told us."""


class LeavingReason(StrEnum):
    """Why somebody unsubscribed, as they may say on the page that follows."""

    TOO_OFTEN = "too-often"
    NOT_RELEVANT = "not-relevant"
    NEVER_ASKED = "never-asked"
    """They never subscribed: look at where the addresses come from."""
    ELSEWHERE = "elsewhere"
    OTHER = "other"


def read_wish(content_type: str, body: bytes) -> Wish | None:
    """What a POST asks for; None when it asks for nothing we know, and nothing must change then.

    RFC 8058, section 3.2: the body is the pair `List-Unsubscribe=One-Click`, as `multipart/form-data` or
    `application/x-www-form-urlencoded`. Nothing else of the request (cookie, Referer, Origin) is asked about.
    """
    fields = read_fields(content_type, body)
    if [value for name, value in fields if name == "List-Unsubscribe"] == ["One-Click"]:
        return Wish.ONE_CLICK
    if fields == [(FIELD, AGREED)]:
        return Wish.PAGE
    return None


def lists_to_leave(led_here: Sequence[int], present: Mapping[int, Consent]) -> dict[int, Consent]:
    """The consequence of an unsubscribe: list id → the consent that ends.

    `led_here` are the lists of the delivery through which the person got the mail; one click leaves all of them.
    `present` is what the person's subscriptions say now.
    """
    return {
        list_id: present[list_id]
        for list_id in led_here
        if list_id in present and present[list_id] is not Consent.UNSUBSCRIBED
    }


def read_fields(content_type: str, body: bytes, most: int = _MAX_FIELDS) -> list[tuple[str, str]]:
    """The fields of a posted form; none where it is none, or has more."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > MAX_BODY:
        return []
    if kind == "multipart/form-data":
        return _multipart(content_type, body, most)
    if kind in ("application/x-www-form-urlencoded", ""):  # some mail programs send no type
        try:
            return [(name, value.strip()) for name, value in parse_qsl(body.decode("ascii"), max_num_fields=most)]
        except ValueError:  # not ASCII, or more fields than any of ours has
            return []
    return []


def _multipart(content_type: str, body: bytes, most: int) -> list[tuple[str, str]]:
    """The fields of a form (RFC 7578), read as the MIME message that it is; damaged bytes give no fields."""
    head = "".join(character for character in content_type if character.isprintable())
    message = BytesParser().parsebytes(b"Content-Type: " + head.encode("ascii", "replace") + b"\r\n\r\n" + body)
    parts = message.get_payload()
    if not isinstance(parts, list) or len(parts) > most:
        return []
    return [(_name(part), _value(part)) for part in parts if isinstance(part, Message)]


def _name(part: Message) -> str:
    name = part.get_param("name", header="content-disposition")
    return name if isinstance(name, str) else ""


def _value(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("ascii", "replace").strip() if isinstance(payload, bytes) else ""
