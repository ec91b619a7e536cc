"""Size: Gmail shows the first 102 kB of an email's HTML; the rest, with the unsubscribe link, is behind a click."""

from collections.abc import Iterator

from newsletter.compiler.edition import Edition, SlotKind
from newsletter.problem import Place, Problem, Severity

WARN_BYTES = 90_000
MAX_BYTES = 99_000

LONGEST = {SlotKind.TEXT: 80, SlotKind.URL_PART: 240, SlotKind.URL: 240}
"""Bytes of a value that is as long as values get."""


def html_size(edition: Edition) -> int:
    """Bytes of the HTML part for the recipient with the longest values."""
    html = edition.html
    growth = sum((LONGEST[slot.kind] - len(slot.marker)) * html.count(slot.marker) for slot in edition.slots)
    return len(html.encode()) + growth


def check_size(edition: Edition, place: Place) -> Iterator[Problem]:
    """One problem when the HTML part is too large, or will be soon."""
    size = html_size(edition)
    if size <= WARN_BYTES:
        return
    yield Problem(
        id="html-size",
        message=f"the HTML of the {edition.language} edition has {size:,} bytes; Gmail cuts it off at about 102,000",
        place=place,
        severity=Severity.ERROR if size > MAX_BYTES else Severity.WARNING,
        hint="Shorten summaries, or move some articles to the next issue",
    )
