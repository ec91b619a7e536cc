"""Shapes: the JSON of deliveries, their recipients and reports, as the command line prints it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import Recipient, RecipientState
from newsletter.reporting.report import Report, Summary


def delivery_json(one: Delivery, told: Callable[[datetime], str] = datetime.isoformat) -> dict[str, object]:
    """A delivery without its numbers. `told`: how to write an instant."""

    def instant(moment: datetime | None) -> str | None:
        return None if moment is None else told(moment)

    return {
        "delivery": one.id,
        "issue": one.issue,
        "state": one.state.value,
        "hash": one.hash,
        "scheduled_at": instant(one.scheduled_at),
        "created_at": instant(one.created_at),
        "started_at": instant(one.started_at),
        "finished_at": instant(one.finished_at),
        "lists": list(one.lists),
        "languages": list(one.languages),
        "again": one.again,
        "reason": one.reason,
    }


def outcome_json(summary: Summary) -> dict[str, object]:
    """The last line of `send --json`, and what steering a delivery prints."""
    return {"delivery": summary.delivery.id, "state": summary.delivery.state.value, "counts": summary.counts}


def summary_json(summary: Summary) -> dict[str, object]:
    """What `deliveries show --json` prints."""
    return delivery_json(summary.delivery) | {
        "counts": summary.counts,
        "left_out": dict(summary.delivery.not_eligible),
        "next_at": None if summary.next_at is None else summary.next_at.isoformat(),
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
    return {
        "recipient": one.id,
        "address": one.address,
        "language": one.language,
        "state": one.state.value,
        "reason": one.reason,
        "message_id": one.message_id,
        "reply": one.reply,
        "attempts": one.attempts,
        "next_at": one.next_at.isoformat() if one.state is RecipientState.DEFERRED else None,
    }
