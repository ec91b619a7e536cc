"""Sponsors: their label is shown, and nothing is built or sent after their last day."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from markupsafe import escape

from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.fields.rewrite import nouns_in
from newsletter.authoring.issue import Content
from newsletter.compiler.mjml.templates import Piece
from newsletter.compiler.wording.phrases import phrase
from newsletter.problem import Place, Problem

OVER = "sponsor-over"
"""The id of a sponsor whose last day has passed."""


def check_until(content: Content, day: date | None) -> Iterator[Problem]:
    """Sponsors whose last day lies before this one."""
    for block in nouns_in(content.blocks, SponsorBlock):
        if day and block.until and block.until < day:
            path = f"{block.path}.until"
            message = f"the last day of this sponsor was {block.until}"
            hint = "Delete the block, or agree on another day."
            yield Problem(OVER, message, content.place(path), path=path, hint=hint)


def check_labels(content: Content, pieces: Sequence[Piece], place: Callable[[str], Place]) -> Iterator[Problem]:
    """Templates that do not show the label of a sponsor. `place` is that of a template by its name."""
    made = {piece.path: piece for piece in pieces}
    for block in nouns_in(content.blocks, SponsorBlock):
        label = block.label or phrase("sponsored", content.language)
        piece = made.get(block.path)
        if piece and str(escape(label)).casefold() not in piece.mjml.casefold():
            message = f"the label {label!r} of {block.path} is not shown: readers must see that this is paid for"
            hint = 'Write {{ block.label or t("sponsored") }} where readers see it'
            yield Problem("sponsor-label", message, place(piece.template), hint=hint)
