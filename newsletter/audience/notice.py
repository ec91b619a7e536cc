"""Notice: an email to one person caused by what they did. Stored in the transaction of that, then compiled and sent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """What a notice answers; the name of its table in the files of words."""

    CONFIRMATION = "confirmation"
    WELCOME = "welcome"
    """After a confirmation (double opt-in)."""
    WELCOME_SINGLE = "welcome-single"
    ALREADY = "already"
    """The address is subscribed to all that was asked for."""
    LINK = "link"
    """A fresh link to one's own page."""
    ADDRESS = "address"
    """To the new address of a subscriber."""


WITH_OPT_OUT = (NoticeKind.WELCOME, NoticeKind.WELCOME_SINGLE)
"""These announce emails, so that they hold an unsubscribe link and the header fields of a list."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One email to one person."""

    id: str
    kind: NoticeKind
    address: str
    """Empty once settled."""
    address_hash: str
    language: str
    list_ids: tuple[int, ...]
    created_at: datetime
    signup: str = ""
    subscriber: int | None = None
    attempts: int = 0
    message_id: str = ""
