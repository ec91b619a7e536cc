"""Wording: counts and reasons in words. Programs read the numbers and codes."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache


@cache
def _reasons() -> Mapping[str, str]:
    # Here, because `--help` loads this module and none of theirs.
    from newsletter.audience.suppression import SuppressionReason
    from newsletter.delivery.ledger.classification import Classification
    from newsletter.delivery.ledger.plan import Exclusion, NotEligible
    from newsletter.delivery.ledger.settle import ACCEPTED_BY_HAND, ACCEPTED_BY_RETURN

    return {
        NotEligible.PENDING: "pending confirmation",
        NotEligible.PAUSED: "having a break",  # and Exclusion.PAUSED
        Exclusion.ALREADY_RECEIVED: "got this issue before, or may have",
        Exclusion.UNSUBSCRIBED: "unsubscribed",  # and NotEligible.UNSUBSCRIBED
        Exclusion.NO_PERMISSION: "no confirmed subscription left",
        Exclusion.RENDER: "their message could not be composed",
        Exclusion.CANCELLED: "the delivery was cancelled",
        SuppressionReason.MANUAL: "by an operator",
        Classification.INVALID_ADDRESS: "no such address",  # and SuppressionReason.INVALID_ADDRESS
        Classification.UNRECOGNISED: "refused",
        Classification.INACTIVE_MAILBOX: "closed mailbox",
        Classification.MAILBOX_FULL: "mailbox full",
        Classification.RECIPIENT_POLICY: "their own policy",
        Classification.UNSUPPORTED_ADDRESS: "address not supported",
        Classification.TRANSIENT: "not now",
        SuppressionReason.BOUNCED: "what was sent to them came back",
        SuppressionReason.COMPLAINT: "complained to their provider",
        SuppressionReason.ERASED: "asked to be forgotten",
        ACCEPTED_BY_HAND: "resolved by an operator",
        ACCEPTED_BY_RETURN: "had left, since an email about it came back",
    }


def in_words(reason: str) -> str:
    """The reason of a state in words; a relay's reply stays as it is, with what it is about before it in words."""
    code, colon, rest = reason.partition(": ")
    if code == "expired":
        return f"expired{colon}{in_words(rest)}"
    about, at, stage = code.partition(" at ")
    return f"{_reasons().get(about, about)}{at}{stage}{colon}{rest}"


def lasting(time: timedelta) -> str:
    """A duration, rounded to a unit in which it has two digits: 90 seconds, 12 minutes, 36 hours, 4 days."""
    seconds = time.total_seconds()
    for unit, size, most in (("second", 1, 100), ("minute", 60, 100), ("hour", 3600, 48)):
        if seconds < size * most:
            return counted(round(seconds / size), unit)
    return counted(round(seconds / 86400), "day")


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and what it counts: 1 message, 1,024 messages."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
