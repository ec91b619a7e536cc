"""Size: Gmail shows the first 102 kB of an email's HTML; the rest, with the unsubscribe link, is behind a click."""

from collections.abc import Callable, Iterator, Mapping

from newsletter.authoring.issue import Content
from newsletter.compiler.conditions.variants import variants
from newsletter.compiler.edition import Edition, SlotKind
from newsletter.problem import Problem, Severity

WARN_BYTES = 90_000
MAX_BYTES = 99_000

LONGEST = {SlotKind.TEXT: 80, SlotKind.URL_PART: 240, SlotKind.URL: 240}
"""Bytes of a value that is as long as values get."""


def html_size(edition: Edition) -> int:
    """Bytes of the HTML part for the recipient with the longest values, in the largest variant there can be."""
    return max(_size(edition.variant(shown)) for shown in variants(edition.conditions))


def _size(edition: Edition) -> int:
    html = edition.html
    growth = sum((LONGEST[slot.kind] - len(slot.marker)) * html.count(slot.marker) for slot in edition.slots)
    return len(html.encode()) + growth


def check_size(
    edition: Edition, content: Content, heaviest: Callable[[], Mapping[str, int]], *, is_allowed: bool = False
) -> Iterator[Problem]:
    """One problem when the HTML part is too large, or will be soon; `is_allowed` makes it a warning at any size.

    `heaviest` gives the path and the bytes of the blocks to begin with; it is called only then.
    """
    size = html_size(edition)
    if size <= WARN_BYTES:
        return
    message = f"the HTML of the {edition.language} edition has {size:,} bytes; Gmail cuts it off at about 102,000"
    if blocks := [f"{path} ({content.place(path)}) {weight / 1000:.0f} kB" for path, weight in heaviest().items()]:
        message += f". The heaviest blocks: {', '.join(blocks)}"
    hint = f'End the email with a read_more, or shorten blocks, or set [checks] allow_oversized = ["{edition.issue}"]'
    yield Problem(
        id="html-size",
        message=message,
        place=content.place(""),
        severity=Severity.ERROR if size > MAX_BYTES and not is_allowed else Severity.WARNING,
        hint="" if is_allowed else hint,
    )
