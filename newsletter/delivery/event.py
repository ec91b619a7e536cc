"""Event: one thing that happened to one person or recipient, ours or theirs. Append-only; `storage/events.py` keeps it.

Events name ids, never addresses: who they were about must be forgettable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    """Took back an unsubscribe of their own."""
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    ERASED = "erased"


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
    """Two tellings of the same thing have the same key; None: every telling is a thing of its own."""
