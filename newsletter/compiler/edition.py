"""Edition: an issue compiled for one language, ready for any recipient. Made by `compile`; composed by delivery.

Where one recipient's value belongs, subject, preheader, HTML and text hold a slot's marker: a run of letters and
digits that contains the content hash, so no author writes one by accident and every tool keeps it.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.errors import AddressError
from newsletter.expression import FIELD, Condition, MergeField, Values, holds, parse_condition, parse_field


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
class Region:
    """What only some recipients get, in HTML and text: it stands between `marker` and `end`."""

    marker: str
    when: Condition
    """Over the truth of the edition's conditions: `shown.c1 and not shown.c2`."""

    @property
    def end(self) -> str:
        """The marker behind it; its last letter keeps it apart from what may follow either of them."""
        return _end_of(self.marker)


def _end_of(marker: str) -> str:
    return f"{marker[:-1]}e"


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
class Card:
    """What lists of issues, feeds and link previews show of an edition; the same for everybody."""

    summary: str = ""
    """The subtitle, else the preheader."""
    day: date | None = None
    """The date of the issue; None in editions stored before there were cards."""
    source: str = ""
    """URL of the original."""
    picture: str = ""
    """The name of its first picture's asset."""


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
    page_links: tuple[Link, ...] = ()
    """The links that only this page has."""
    composer: int = 0
    """The version of the composer for which a delivery stored it; 0: it was not stored, or before versions were."""
    until: date | None = None
    """The last day on which it may be sent, in the newsletter's time zone: the first `until` of its sponsors."""
    conditions: tuple[Condition, ...] = ()
    """The authors' conditions, each once: `shown.c1` is the truth of the first one."""
    regions: tuple[Region, ...] = ()
    notes: str = ""
    """How the markers of notes begin, in an edition with regions: notes are counted in what each recipient gets."""
    card: Card = Card()

    def shown(self, values: Values) -> tuple[bool, ...]:
        """The truth of each condition for one recipient. A name alone means what the subscriber has by that name."""
        known = values.get("subscriber", {})
        scope = {**known, "subscriber": known}
        return tuple(holds(condition, scope) for condition in self.conditions)

    def variant(self, shown: Sequence[bool]) -> "Edition":
        """The edition of those for whom the conditions are true or false like this; slots stay."""
        if not self.regions:
            return self
        hidden = self._hidden(shown)
        html, text, page = (self._left(part, hidden) for part in (self.html, self.text, self.page))
        return replace(self, html=html, text=text, page=page, conditions=(), regions=())

    @property
    def whole(self) -> "Edition":
        """The edition with everything that only some recipients get."""
        return self.variant([True] * len(self.conditions))

    def _left(self, text: str, hidden: Mapping[str, bool]) -> str:
        """What is left of a part without the regions that are hidden, its notes counted from 1."""
        if not hidden:
            return text
        numbers: dict[str, int] = {}
        pattern = re.compile(rf"{re.escape(self.notes)}(\d+)z")
        return pattern.sub(lambda note: str(numbers.setdefault(note[1], len(numbers) + 1)), _without(text, hidden))

    def _hidden(self, shown: Sequence[bool]) -> dict[str, bool]:
        """Marker of each region → whether it is left out."""
        truth = {"shown": {f"c{number}": value for number, value in enumerate(shown, 1)}}
        return {region.marker: not holds(region.when, truth) for region in self.regions}

    def fill(self, values: Values) -> Filled:
        """Put one recipient's values into the slots; a missing value without a default is an empty string."""
        plain = {slot.marker: write_value(slot, values, markup=False) for slot in self.slots}
        markup = {slot.marker: write_value(slot, values, markup=True) for slot in self.slots}
        hidden = self._hidden(self.shown(values)) if self.regions else {}
        return Filled(
            subject=_replace(self.subject, plain),
            preheader=_replace(self.preheader, plain),
            html=_replace(self._left(self.html, hidden), markup),
            text=_replace(self._left(self.text, hidden), plain),
        )

    def fill_words(self, text: str, values: Values) -> str:
        """A piece of this edition's plain words with one recipient's values, or those of nobody."""
        return _replace(text, {slot.marker: write_value(slot, values, markup=False) for slot in self.slots})

    def fill_page(self, values: Values) -> str:
        """The HTML of the web page with one recipient's values, or those of nobody."""
        markup = {slot.marker: write_value(slot, values, markup=True) for slot in self.slots}
        hidden = self._hidden(self.shown(values)) if self.regions else {}
        return _replace(self._left(self.page or self.html, hidden), markup)

    def readable(self, text: str) -> str:
        """A piece of this edition with the author's merge fields in place of the markers, and comments for regions."""
        fields = {slot.marker: "{{ " + slot.field.source + " }}" for slot in self.slots}
        for region in self.regions:
            source, is_alone = region.when.source, " " not in region.when.source
            for number in range(len(self.conditions), 0, -1):
                written = self.conditions[number - 1].source.replace("--", "- -")
                source = source.replace(f"shown.c{number}", written if is_alone else f"({written})")
            fields |= {region.end: "<!-- end of show_if -->", region.marker: f"<!-- show_if: {source} -->"}
        return _replace(re.sub(rf"{self.notes}0*(\d+)z", r"\1", text) if self.notes else text, fields)


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


def _without(text: str, hidden: Mapping[str, bool]) -> str:
    """The text without the regions that are hidden, and without all markers. `hidden`: marker → whether it is."""
    parts: list[str] = []
    at, inside, depth = 0, "", 0
    ends = {_end_of(marker): marker for marker in hidden}
    for match in re.finditer("|".join(map(re.escape, (*hidden, *ends))), text):
        marker, is_end = ends.get(match.group(), match.group()), match.group() in ends
        if not inside:
            parts.append(text[at : match.start()])
        at = match.end()
        if inside == marker or (not inside and hidden[marker] and not is_end):
            inside, depth = marker, depth + (-1 if is_end else 1)
            inside = inside if depth else ""
    return "".join([*parts, text[at:]])


def edition_to_json(edition: Edition) -> dict[str, Any]:
    """An edition as plain JSON values, so that it can be stored without the issue; without the images' bytes."""
    stored = {name: getattr(edition, name) for name in _TEXTS}
    return stored | {
        "slots": [[slot.marker, slot.field.source, slot.kind.value] for slot in edition.slots],
        "links": [[link.id, link.url, link.label] for link in edition.links],
        "identity": asdict(edition.identity),
        "page": edition.page,
        "page_links": [[link.id, link.url, link.label] for link in edition.page_links],
        "until": edition.until.isoformat() if edition.until else "",
        "conditions": [condition.source for condition in edition.conditions],
        "notes": edition.notes,
        "regions": [[region.marker, region.when.source] for region in edition.regions],
        "card": asdict(edition.card) | {"day": edition.card.day and edition.card.day.isoformat()},
    }


def edition_from_json(stored: Mapping[str, Any], assets: Sequence[Asset] = ()) -> Edition:
    """The edition that `edition_to_json` wrote down, with the images that the caller kept beside it."""
    return Edition(
        **{name: stored[name] for name in _TEXTS},
        slots=tuple(Slot(marker, parse_field(source), SlotKind(kind)) for marker, source, kind in stored["slots"]),
        links=tuple(Link(*link) for link in stored["links"]),
        assets=tuple(assets),
        identity=Identity(**stored["identity"]),
        page=stored.get("page", ""),  # not in older databases, like the next ones
        page_links=tuple(Link(*link) for link in stored.get("page_links", ())),
        until=date.fromisoformat(until) if (until := stored.get("until")) else None,
        conditions=tuple(map(parse_condition, stored.get("conditions", ()))),
        notes=stored.get("notes", ""),
        regions=tuple(Region(marker, parse_condition(when)) for marker, when in stored.get("regions", ())),
        composer=stored.get("composer", 0),
        card=card_from_json(stored.get("card") or {}),
    )


def card_from_json(stored: Mapping[str, Any]) -> Card:
    """The card that `edition_to_json` wrote down."""
    day = stored.get("day")
    return Card(**{**stored, "day": date.fromisoformat(day) if day else None})


_TEXTS = ("issue", "language", "direction", "title", "subject", "preheader", "html", "text", "mjml", "hash")
