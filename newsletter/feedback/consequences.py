"""Consequences: what an email that came back changes. Decided from values; carried out by `app/audience/bounces.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.audience.suppression import SuppressionReason
from newsletter.feedback.found import ReturnKind
from newsletter.feedback.rules import rules

LONGEST_RUN = 100
"""Messages that are looked at for soft bounces in a row."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What changes for the subscriber."""

    suppression: SuppressionReason | None = None
    unsubscribes: bool = False


def decide(kind: ReturnKind, run: Sequence[datetime], *, is_forwardable: bool = False) -> Consequence:
    """The consequence of one email. `run`: when the messages to this address were accepted of which each came back as
    a soft bounce, from this one backwards to the first that did not. `is_forwardable`: whether everybody to whom the
    message was forwarded could have written the email; they may do what its unsubscribe link does, and no more.
    """
    if kind is ReturnKind.COMPLAINT:
        return Consequence(None if is_forwardable else SuppressionReason.COMPLAINT, unsubscribes=True)
    if is_forwardable:
        return Consequence()
    if kind is ReturnKind.HARD or (kind is ReturnKind.SOFT and _is_long(run)):
        return Consequence(SuppressionReason.BOUNCED)
    return Consequence()


def _is_long(run: Sequence[datetime]) -> bool:
    soft = rules()["soft"]
    return len(run) >= soft["messages"] and max(run) - min(run) >= timedelta(days=soft["days"])
