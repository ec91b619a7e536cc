"""Event: one thing that happened to a subscriber (unsubscribed, resubscribed, suppressed, unsuppressed, erased, paused,
resumed, readdressed), or to a delivery after it was sent.

Append-only, kept by `storage/audience/events.py`. Events hold ids, never addresses, so that erasing a subscriber is
complete. How a subscription began is stored on the subscription. A restore carries over unsubscribes and suppressions,
not their events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened."""

    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    """Subscribed again after unsubscribing: by their own undo, or by an operator at their request."""
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    ERASED = "erased"
    PAUSED = "paused"
    """They asked for no issues for some time."""
    RESUMED = "resumed"
    REASON = "reason"
    """Why they unsubscribed, where they say so afterwards."""
    READDRESSED = "readdressed"
    """They get their emails at another address from then on."""
    NOTE = "note"
    """What an operator wrote about them. Erasing the subscriber removes it."""
    LINK_MENDED = "link-mended"
    """Of a delivery: a link on its web page leads elsewhere since."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the record."""

    kind: EventKind
    at: datetime
    subscriber: int | None = None
    recipient: str | None = None
    delivery: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    """The same event reported twice has the same key and is stored once; None: every report is an event of its own."""
