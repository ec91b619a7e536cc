"""Slots: merge fields become markers before Markdown or Jinja see the text, so an author's text is never a template.

`mark` puts them into an issue; Markdown adds those inside the URLs of its links. What only some recipients get stands
between the two markers of a region.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from newsletter.compiler.edition import Region, Slot, SlotKind
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD, LITERAL, MergeField, parse_condition, parse_field

LINKS = frozenset({("link", "unsubscribe"), ("link", "view")})
"""Merge fields for a link of the recipient's own."""


class Slots:
    """The slots of one edition, made as they are met. `seed` comes from the content: no author can write a marker."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._slots: dict[tuple[str, SlotKind], Slot] = {}
        self._regions: dict[str, Region] = {}
        self._pattern = re.compile(f"m{seed}n\\d+z")

    def marker(self, field: MergeField, kind: SlotKind) -> str:
        """The marker for a field; the same field in the same kind of place shares one."""
        key = (field.source, kind)
        if key not in self._slots:
            # Lower case survives being a host name; the last letter keeps one marker from being another's beginning.
            self._slots[key] = Slot(f"m{self.seed}n{len(self._slots) + 1:02d}z", field, kind)
        return self._slots[key].marker

    def link(self, name: str) -> str:
        """The marker of a link of the recipient's own: `unsubscribe` or `view`."""
        return self.marker(parse_field(f"link.{name}"), SlotKind.URL)

    @property
    def made(self) -> list[tuple[str, str]]:
        """Field and kind of every slot in order, from which `make` makes the same ones elsewhere."""
        return [(source, kind.value) for source, kind in self._slots]

    def make(self, made: Iterable[Sequence[str]]) -> None:
        """Add slots in this order, where they are not there yet."""
        for source, kind in made:
            self.marker(parse_field(source), SlotKind(kind))

    def region(self, formula: str) -> Region:
        """The region of what is shown when a formula holds."""
        if formula not in self._regions:
            marker = f"m{self.seed}r{len(self._regions) + 1:02d}z"
            self._regions[formula] = Region(marker, parse_condition(formula))
        return self._regions[formula]

    def note(self, number: int) -> str:
        """The marker of a note's number, where it depends on what is shown before."""
        return f"{self.notes}{number:03d}z"

    @property
    def notes(self) -> str:
        """How the markers of notes begin."""
        return f"m{self.seed}t"

    @property
    def regions(self) -> tuple[Region, ...]:
        """Every region in order."""
        return tuple(self._regions.values())

    @property
    def own_links(self) -> frozenset[str]:
        """The markers of whole links of the recipient's own."""
        return frozenset(slot.marker for slot in self._slots.values() if slot.kind is SlotKind.URL)

    def mark(self, text: str, prose: str = "") -> str:
        """Put markers for the merge fields among words. Raises ExpressionError for an unknown field.

        `prose` is the text with spaces in place of code, where it is Markdown: there is no merge field in code.
        """
        return "".join(piece for piece, _ in self.pieces(text, prose))

    def pieces(self, text: str, prose: str = "") -> Iterator[tuple[str, int]]:
        """The marked text in pieces, each with its place in the text: words, and markers."""
        end = 0
        for match in FIELD.finditer(prose or text):
            yield text[end : match.start()], end
            end = match.end()
            yield self.marker(_field(match, text), SlotKind.TEXT), match.start()
        yield text[end:], end

    def in_url(self, url: str) -> str:
        """A URL whose markers for words become markers for parts of a URL. Raises ExpressionError where none may be."""
        found = {slot.marker: slot for slot in self._slots.values()}

        def place(match: re.Match[str]) -> str:
            slot = found.get(match.group())
            if slot is None or slot.kind is not SlotKind.TEXT:
                return match.group()
            if slot.field.path in LINKS:
                if match.group() != url:
                    raise ExpressionError(f"{_braces(slot)} is a whole link and cannot be a part of another one")
                return self.marker(slot.field, SlotKind.URL)
            if not re.match(r"(?i)https?://[^/?#]+[/?#]|mailto:[^?]*\?", url[: match.start()]):
                raise ExpressionError(
                    f"{_braces(slot)} would decide where the link leads",
                    hint="A URL may have merge fields only after its host name, as in https://example.org/?n=…",
                )
            return self.marker(slot.field, SlotKind.URL_PART)

        return self._pattern.sub(place, url)

    def unmark(self, text: str) -> str:
        """The text as its author wrote it, with merge fields in place of markers."""
        found = {slot.marker: slot for slot in self._slots.values()}
        return self._pattern.sub(
            lambda match: _braces(found[match.group()]) if match.group() in found else match.group(), text
        )

    def used_in(self, *parts: str) -> tuple[Slot, ...]:
        """The slots in these parts, in order of their markers."""
        present = {marker for part in parts for marker in self._pattern.findall(part)}
        return tuple(slot for slot in self._slots.values() if slot.marker in present)


def _field(match: re.Match[str], text: str) -> MergeField:
    source = text[slice(*match.span("source"))]
    try:
        field = parse_field(source)
    except ExpressionError as error:
        raise ExpressionError(str(error), position=match.start(), hint=error.hint) from error
    if field.path in LINKS and not field.filters:
        return field
    if field.path[0] == "subscriber" and len(field.path) == 2:
        return field
    raise ExpressionError(
        f"there is no merge field {field.source!r}",
        position=match.start(),
        hint=f"Use subscriber.name, another attribute of subscriber, link.view or link.unsubscribe. {LITERAL}",
    )


def _braces(slot: Slot) -> str:
    return "{{ " + slot.field.source + " }}"
