"""Edition: an issue compiled for one language, ready for any recipient. Made by `compile`; composed by delivery.

Where one recipient's value belongs, subject, preheader, HTML and text hold a slot's marker: a run of letters and
digits that contains the content hash, so no author writes one by accident and every tool keeps it.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.errors import AddressError
from newsletter.expression import FIELD, MergeField, Values, parse_field


class SlotKind(StrEnum):
    """How a value must be written at the place of the slot."""

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
    """An email address or URL for questions of readers; other words are shown without a link."""
    imprint: str = ""
    """URL."""

    @property
    def contact_text(self) -> str:
        """The contact as shown."""
        return self.contact.strip().removeprefix("mailto:")

    @property
    def contact_url(self) -> str:
        """Where a link to the contact leads; empty when it is neither an email address nor a URL."""
        from newsletter.audience.address import parse_address  # slow to load, and rendering templates does without it

        try:
            return f"mailto:{quote(parse_address(self.contact).text, safe='@')}"
        except AddressError:
            return _own_url(self.contact, "https", "http", "mailto")

    @property
    def imprint_url(self) -> str:
        """Where a link to the imprint leads; empty when it is not a URL of the web."""
        return _own_url(self.imprint, "https", "http")


def _own_url(written: str, *schemes: str) -> str:
    """A URL from the configuration as it may travel, or nothing if it is none; merge fields are not known there."""
    url = written.strip()
    is_link = url and not FIELD.search(url) and url_fault(url) is None
    return normalise_url(url) if is_link and urlsplit(url).scheme in schemes else ""


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
    """Content hash (hex SHA-256) over issue, translations, contributors, templates, theme, image bytes and version."""
    page: str = field(default="", repr=False)
    """The HTML of its web page where that goes on after the end of the email; empty where it shows the same."""
    until: date | None = None
    """The last day on which it may be sent, in the newsletter's time zone: the first `until` of its sponsors."""

    def fill(self, values: Values) -> Filled:
        """Put one recipient's values into the slots; a missing value without a default is an empty string."""
        plain = {slot.marker: write_value(slot, values, markup=False) for slot in self.slots}
        markup = {slot.marker: write_value(slot, values, markup=True) for slot in self.slots}
        return Filled(
            subject=_replace(self.subject, plain),
            preheader=_replace(self.preheader, plain),
            html=_replace(self.html, markup),
            text=_replace(self.text, plain),
        )

    def fill_page(self, values: Values) -> str:
        """The HTML of the web page with one recipient's values, or those of nobody."""
        markup = {slot.marker: write_value(slot, values, markup=True) for slot in self.slots}
        return _replace(self.page or self.html, markup)

    def readable(self, text: str) -> str:
        """A piece of this edition with the author's merge fields in place of the markers."""
        return _replace(text, {slot.marker: "{{ " + slot.field.source + " }}" for slot in self.slots})


def write_value(slot: Slot, values: Values, *, markup: bool) -> str:
    """What one recipient's value looks like in place of the slot; `markup` is true in HTML, false anywhere else.

    Line ends, control characters and runs of space become one space: a value can neither begin a header nor a line.
    """
    raw = " ".join(_CONTROL.sub(" ", slot.field.evaluate(values)).split())
    # A lone surrogate (from a broken import) has no bytes in any encoding of an email.
    raw = raw.encode("utf-8", "replace").decode("utf-8")
    if slot.kind is SlotKind.URL_PART:
        raw = quote(raw, safe="")
    return html.escape(raw) if markup else raw


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _replace(text: str, written: Mapping[str, str]) -> str:
    if not written:
        return text
    pattern = re.compile("|".join(re.escape(marker) for marker in written))
    return pattern.sub(lambda match: written[match.group()], text)


def edition_to_json(edition: Edition) -> dict[str, Any]:
    """An edition as plain JSON values, so that it can be stored without the issue; without the images' bytes."""
    stored = {name: getattr(edition, name) for name in _TEXTS}
    return stored | {
        "slots": [[slot.marker, slot.field.source, slot.kind.value] for slot in edition.slots],
        "links": [[link.id, link.url, link.label] for link in edition.links],
        "identity": asdict(edition.identity),
        "page": edition.page,
        "until": edition.until.isoformat() if edition.until else "",
    }


def edition_from_json(stored: Mapping[str, Any], assets: Sequence[Asset] = ()) -> Edition:
    """The edition that `edition_to_json` wrote down, with the images that the caller kept beside it."""
    return Edition(
        **{name: stored[name] for name in _TEXTS},
        slots=tuple(Slot(marker, parse_field(source), SlotKind(kind)) for marker, source, kind in stored["slots"]),
        links=tuple(Link(*link) for link in stored["links"]),
        assets=tuple(assets),
        identity=Identity(**stored["identity"]),
        page=stored.get("page", ""),  # not in older databases, like the next one
        until=date.fromisoformat(until) if (until := stored.get("until")) else None,
    )


_TEXTS = ("issue", "language", "direction", "title", "subject", "preheader", "html", "text", "mjml", "hash")
