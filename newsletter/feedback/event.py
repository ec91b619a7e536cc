"""Event: one line of the record of who left, came back, was suppressed, allowed again or erased.

Append-only, kept by `storage/audience/events.py`. Events name ids, never addresses: who they were about must be
forgettable. How somebody came in, by command or by import, stands on the subscription itself; a restore carries over
who stays out, not the lines that say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened."""

    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    """Came back after leaving: by the undo of their own, or by an operator on their word."""
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
