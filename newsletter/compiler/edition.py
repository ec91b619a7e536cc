"""Edition: an issue compiled for one language, ready for any recipient. Made by `compile`; composed by delivery.

Where one recipient's value belongs, subject, preheader, HTML and text hold a slot's marker: a run of letters and
digits that contains the content hash, so no author can write one by accident and every tool passes it through.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from newsletter.expression import MergeField, Values


class SlotKind(StrEnum):
    """How a value must be written where the slot stands."""

    TEXT = "text"
    """Among words: escaped in HTML, as it is in the text part and the subject."""
    URL_PART = "url-part"
    """Inside a URL: percent-encoded."""
    URL = "url"
    """A whole URL made by us: only escaped in HTML."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place in an edition that one recipient's value fills."""

    marker: str
    field: MergeField
    kind: SlotKind


@dataclass(frozen=True, slots=True)
class Link:
    """One link of an edition: `id` is stable for the same issue and place, `url` still holds slot markers."""

    id: str
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Asset:
    """An image that the edition shows; served by its name, which is made of its content."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends: from the configuration, shown in the footer and used for From and Reply-To."""

    newsletter: str
    """The periodical's name."""
    from_name: str
    from_address: str
    reply_to: str = ""
    legal_name: str = ""
    postal_address: str = ""
    contact: str = ""
    """A mail address or URL for people who want to talk to somebody."""
    imprint: str = ""
    """URL."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An edition with one recipient's values in place."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Edition:
    """An issue compiled for one language."""

    issue: str
    """The issue's slug."""
    language: str
    direction: str
    """`ltr` or `rtl`."""
    title: str
    subject: str
    preheader: str
    html: str = field(repr=False)
    text: str = field(repr=False)
    mjml: str = field(repr=False)
    slots: tuple[Slot, ...]
    links: tuple[Link, ...]
    assets: tuple[Asset, ...]
    identity: Identity
    hash: str
    """Content hash (hex SHA-256) over issue, translations, people, templates, theme, image bytes and schema version."""

    def fill(self, values: Values) -> Filled:
        """Put one recipient's values into the slots; a missing value without a default is an empty string."""
        written = {slot.marker: (slot.kind, slot.field.evaluate(values)) for slot in self.slots}
        return Filled(
            subject=_replace(self.subject, written, escape=False),
            preheader=_replace(self.preheader, written, escape=False),
            html=_replace(self.html, written, escape=True),
            text=_replace(self.text, written, escape=False),
        )


def _replace(text: str, written: Mapping[str, tuple[SlotKind, str]], *, escape: bool) -> str:
    if not written:
        return text
    pattern = re.compile("|".join(re.escape(marker) for marker in written))

    def value(match: re.Match[str]) -> str:
        kind, raw = written[match.group()]
        raw = quote(raw, safe="") if kind is SlotKind.URL_PART else raw
        return html.escape(raw) if escape else raw

    return pattern.sub(value, text)
