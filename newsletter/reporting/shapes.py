"""Shapes: the JSON of deliveries, their recipients and reports, as the command line prints it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import Recipient, RecipientState
from newsletter.reporting.report import Report, Summary

_DELIVERY = (
    "issue", "state", "hash", "scheduled_at", "created_at", "started_at", "finished_at", "lists", "languages", "again",
    "reason",
)  # fmt: skip
_RECIPIENT = "address", "language", "state", "reason", "message_id", "reply", "attempts"


def delivery_json(one: Delivery, told: Callable[[datetime], str] = datetime.isoformat) -> dict[str, object]:
    """A delivery without its numbers. `told`: how to write an instant."""
    values = {name: getattr(one, name) for name in _DELIVERY}
    return {"delivery": one.id} | {
        name: told(value) if isinstance(value, datetime) else value for name, value in values.items()
    }


def outcome_json(summary: Summary) -> dict[str, object]:
    """The last line of `send --json`, and what steering a delivery prints."""
    return {"delivery": summary.delivery.id, "state": summary.delivery.state, "counts": summary.counts}


def summary_json(summary: Summary) -> dict[str, object]:
    """What `deliveries show --json` prints."""
    return delivery_json(summary.delivery) | {
        "counts": summary.counts,
        "left_out": dict(summary.delivery.not_eligible),
        "next_at": summary.next_at and summary.next_at.isoformat(),
    }


def report_json(report: Report) -> dict[str, object]:
    """What `deliveries report --json` prints."""
    return summary_json(report.summary) | {
        "editions": dict(report.languages),
        "reasons": {state.value: dict(reasons) for state, reasons in report.summary.reasons.items()},
        "unknown": [recipient_json(one) for one in report.unknown],
        "sent_again": [recipient_json(one) for one in report.resent],
        "balances": not report.summary.problems,
        "problems": list(report.summary.problems),
    }


def recipient_json(one: Recipient) -> dict[str, object]:
    """A row of the ledger. `language` is that of the edition; `next_at` is there while it is deferred."""
    due = one.next_at.isoformat() if one.state is RecipientState.DEFERRED else None
    return {"recipient": one.id} | {name: getattr(one, name) for name in _RECIPIENT} | {"next_at": due}
