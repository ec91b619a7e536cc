"""Subscriber, MailingList and the Subscription that joins them: what a delivery is planned from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from newsletter.audience.consent import Consent, OptIn

Attribute = str | int | float | bool | list[Any] | dict[str, Any]
"""A JSON value. A CSV column gives text; numbers and the rest come from JSON objects in other tools' exports."""


def text_of(value: Attribute) -> str:
    """An attribute as readers see it: `3`, `true`, `red, green`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(text_of, value))
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list to subscribe to."""

    id: int
    slug: str
    """The name in commands and in the List-Id: lower-case letters, digits and hyphens."""
    name: str
    opt_in: OptIn = OptIn.SINGLE
    language: str = ""
    """The edition for subscribers whose language is unknown; empty for the issue's own."""
    public: bool = False
    """Whether what is sent to it is in the archive, and readers can sign up to it."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Empty strings mean: not known."""

    id: int
    address: str
    """As given, with the domain as a lower-case A-label; empty once erased."""
    address_hash: str
    """Keyed hash of the canonical address; identifies the subscriber, also once erased."""
    name: str = ""
    language: str = ""
    timezone: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    paused_until: datetime | None = None
    """No issues until then, as they asked."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The tie between a subscriber and a list."""

    list: str
    """The list's slug."""
    consent: Consent
    since: datetime
    how: str = ""
    """As in `Origin`."""
    basis: str = ""
