"""Shapes: the JSON that programs rely on, one function for each noun. The command line prints it, the API answers it.

Keys are contracts: add some, never rename one. A command that only confirms what it did prints its arguments itself.
In app, because reporting may not know the nouns of app; at the bottom of app, because dry runs and builds write the
same JSON into files. So the nouns above it are imported for their types alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from newsletter.audience.consent import Consent
from newsletter.delivery.delivery import Delivery
from newsletter.delivery.ledger.ledger import Recipient, RecipientState
from newsletter.problem import Problem

if TYPE_CHECKING:
    from newsletter.app.audience.history import Happening
    from newsletter.app.audience.importing import ImportReport
    from newsletter.app.audience.lists import ListCounts
    from newsletter.app.audience.segments import SegmentReport
    from newsletter.app.audience.statement import Statement
    from newsletter.app.audience.subscribers import SubscriberRecord
    from newsletter.app.operating.doctor import Finding
    from newsletter.app.project_series import Series
    from newsletter.app.sending.dry_run import DryRun
    from newsletter.app.sending.proof import ProofResult
    from newsletter.app.sending.series import StepReport
    from newsletter.audience.segment import Segment
    from newsletter.demo.demo import DemoReport
    from newsletter.reporting.report import Report, Summary
    from newsletter.storage.audience.returned import ReturnedEmail
    from newsletter.storage.audience.signups import Proof
    from newsletter.storage.audience.subscribers import Standing
    from newsletter.storage.ledger.archive import ArchivedIssue
    from newsletter.storage.scheduling.series import RunningStep

_DELIVERY = (
    "issue", "state", "hash", "scheduled_at", "created_at", "started_at", "finished_at", "lists", "segment",
    "languages", "again", "reason",
)  # fmt: skip
_MESSAGE = (
    "delivery", "issue", "language", "hash", "state", "reason", "message_id", "sha256", "reply", "dated_at",
    "settled_at",
)  # fmt: skip
_RETURNED = "at", "delivery", "kind", "about", "reply"
_RECIPIENT = "address", "language", "state", "reason", "message_id", "reply", "attempts"


def _attributes(one: object, names: Iterable[str], instant: Callable[[datetime], str]) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in names}
    return {name: instant(value) if isinstance(value, datetime) else value for name, value in values.items()}


def delivery_json(one: Delivery, instant: Callable[[datetime], str] = datetime.isoformat) -> dict[str, Any]:
    """A delivery without its counts. `instant`: how to write one."""
    return {"delivery": one.id} | _attributes(one, _DELIVERY, instant)


def outcome_json(summary: Summary | None) -> dict[str, object]:
    """The last line of `send --json`, and the answer of the commands that steer. None: no recipients were left."""
    if summary is None:
        from newsletter.reporting.report import no_counts  # most commands report no outcome

        return {"delivery": None, "state": None, "counts": no_counts()}
    return {"delivery": summary.delivery.id, "state": summary.delivery.state, "counts": summary.counts}


def summary_json(summary: Summary) -> dict[str, object]:
    """What `deliveries show --json` prints."""
    return delivery_json(summary.delivery) | {
        "counts": summary.counts,
        "left_out": dict(summary.delivery.not_eligible),
        "next_at": summary.next_at and summary.next_at.isoformat(),
        "rate": {"limit": summary.rate, "left": summary.left} if summary.rate else None,
        "failures": [
            {"provider": one.provider, "state": one.state, "reason": one.reason, "count": one.count}
            for one in summary.failures
        ],
        "returned": [
            {"provider": one.provider, "kind": one.kind, "reason": one.about, "count": one.count}
            for one in summary.returned
        ],
        "pauses": [
            {"share": one.share, "until": one.until and one.until.isoformat(), "reason": one.reason}
            for one in summary.pauses
        ],
    }


def report_json(report: Report) -> dict[str, object]:
    """What `deliveries report --json` prints."""
    return summary_json(report.summary) | {
        "editions": dict(report.languages),
        "providers": {
            provider: {state.value: count for state, count in states.items()}
            for provider, states in report.providers.items()
        },
        "reasons": {state.value: dict(reasons) for state, reasons in report.summary.reasons.items()},
        "unknown": [recipient_json(one) for one in report.unknown],
        "sent_again": [recipient_json(one) for one in report.resent],
        "leaving": dict(report.leaving),
        "balances": not report.summary.problems,
        "problems": list(report.summary.problems),
    }


def recipient_json(one: Recipient, returned: ReturnedEmail | None = None) -> dict[str, object]:
    """A row of the ledger. `language` is that of the edition; `next_at` is there while it is deferred. `returned`: what
    came back of their message."""
    due = one.next_at.isoformat() if one.state is RecipientState.DEFERRED else None
    row = {"recipient": one.id} | {name: getattr(one, name) for name in _RECIPIENT} | {"next_at": due}
    return row | {"returned": returned and _attributes(returned, _RETURNED, datetime.isoformat)}


def dry_run_json(run: DryRun) -> dict[str, object]:
    """What `report.json` holds, apart from the recipients."""
    return {
        "out": str(run.out),
        "issue": run.issue,
        "segment": run.segment,
        "messages": run.messages,
        "subjects": dict(run.subjects),
        "languages": dict(run.outlook.languages),
        "not_sent": {f"{state}: {reason}": count for (state, reason), count in run.outlook.reasons.items()},
        "left_out": dict(run.outlook.not_eligible),
        "unrendered": dict(run.unrendered),
        "bytes": run.size,
        "seconds": round(run.seconds, 3),
        "messages_per_second": round(run.messages / run.seconds, 1) if run.seconds else None,
    }


def proof_json(one: ProofResult) -> dict[str, object]:
    """One proof of `test --json`; `accepted` is null when the line was lost after the final dot."""
    return {"address": one.address, "language": one.language, "accepted": one.is_accepted, "reply": one.said}


def problem_json(one: Problem) -> dict[str, str | int]:
    """The object that `check --format json` prints."""
    return {
        "file": one.place.file,
        "line": one.place.line,
        "column": one.place.column,
        "severity": one.severity.value,
        "id": one.id,
        "message": one.message,
        "hint": one.hint,
        "path": one.path,
    }


def list_json(item: ListCounts) -> dict[str, object]:
    """A list with its subscriptions by consent."""
    return {
        "list": item.list.slug,
        "name": item.list.name,
        "opt_in": item.list.opt_in.value,
        "language": item.list.language,
        "public": item.list.public,
        **{consent.value: item.counts.get(consent, 0) for consent in Consent},
    }


def archived_json(one: ArchivedIssue, instant: Callable[[datetime], str] = datetime.isoformat) -> dict[str, Any]:
    """An issue of the archive."""
    return {
        "issue": one.issue,
        "delivery": one.delivery,
        "languages": one.languages,
        "published": instant(one.published),
        "updated": instant(one.changed),
    }


def import_json(report: ImportReport) -> dict[str, object]:
    """What an import did: `rows` is the sum of the counts that follow it."""
    return {
        "rows": report.rows,
        **{kind.value: count for kind, count in report.counts.items()},
        "skipped_because": dict(report.skipped),
        "from": report.tool,
        "states": dict(report.states),
        "pending_without_basis": report.unproved,
        "attributes": list(report.attributes),
        "rejects": str(report.rejects) if report.rejects else None,
        "rejected_because": [{"line": one.line, "reason": one.reason} for one in report.rejected],
        "notes": [{"line": line, "note": note} for line, note in report.notes],
    }


def subscriber_json(record: SubscriberRecord, instant: Callable[[datetime], str]) -> dict[str, Any]:
    """Everything stored about one subscriber. `instant`: how to write one."""
    subscriber, suppression = record.subscriber, record.suppression
    known = {name: getattr(subscriber, name, "") for name in ("name", "language", "timezone")}
    return {
        "email": record.address,
        "id": subscriber.id if subscriber else None,
        **known,
        "paused_until": instant(until) if (until := subscriber and subscriber.paused_until) else None,
        "attributes": dict(subscriber.attributes) if subscriber else {},
        "subscriptions": [
            _attributes(item, ("list", "consent", "since", "how", "basis"), instant) for item in record.subscriptions
        ],
        "suppression": suppression and _attributes(suppression, ("reason", "since", "note"), instant),
        "deliveries": [_attributes(item, ("delivery", "issue", "state", "at"), instant) for item in record.sent],
        "returned": [_attributes(item, _RETURNED, instant) for item in record.returned],
        "signups": [_proof_json(item, instant) for item in record.proofs],
        "notes": [_attributes(item, ("at", "by", "text"), instant) for item in record.notes],
    }


def happening_json(one: Happening, instant: Callable[[datetime], str] = datetime.isoformat) -> dict[str, Any]:
    """A line of `subscribers history`."""
    return _attributes(one, ("at", "what", "about"), instant)


def _proof_json(proof: Proof, instant: Callable[[datetime], str]) -> dict[str, Any]:
    """A sign-up by a form: both moments, the words that were shown, the confirmation's Message-ID."""
    names = "state", "language", "network", "requested_at", "confirmed_at"
    return _attributes(proof.signup, names, instant) | {
        "lists": list(proof.lists),
        "words": proof.words,
        "confirmed_words": proof.confirmed_words,
        "message_id": proof.message_id,
    }


def statement_json(one: Statement, instant: Callable[[datetime], str] = datetime.isoformat) -> dict[str, Any]:
    """All that happened to one address. `deliveries` of the record are `messages` here."""
    record = subscriber_json(one.record, instant)
    del record["deliveries"]
    return {
        "made_at": instant(one.made_at),
        "newsletter": one.newsletter,
        "about": one.asked,
        **record,
        "messages": [_attributes(item, _MESSAGE, instant) for item in one.messages],
        "events": [_attributes(item, ("kind", "at", "delivery"), instant) for item in one.events],
    }


def segment_json(one: Segment) -> dict[str, str]:
    """A segment of segments.yaml."""
    return {"segment": one.name, "where": one.where.source, "description": one.description}


def segment_report_json(report: SegmentReport) -> dict[str, Any]:
    """A segment as it is now. The sample has less of each subscriber than `subscribers show`."""
    found = segment_json(report.segment) | {"subscribers": report.count, "lists": dict(report.lists)}
    return found | {"sample": [standing_json(one) for one in report.sample]}


def standing_json(one: Standing) -> dict[str, str]:
    """A subscriber in a list of many."""
    subscriber = one.subscriber
    return {"email": subscriber.address, "name": subscriber.name, "language": subscriber.language}


def finding_json(one: Finding) -> dict[str, str]:
    """One finding of `doctor --json`."""
    return {"about": one.about, "verdict": one.grade.value, "message": one.message, "hint": one.hint}


def demo_json(report: DemoReport) -> dict[str, object]:
    """What `demo --json` prints."""
    return {
        "balances": report.is_reconciled,
        "caught": report.caught,
        "accepted": report.accepted,
        "deliveries": [
            {
                "delivery": one.delivery.id,
                "issue": one.delivery.issue,
                "counts": one.counts,
                "left_out": dict(one.delivery.not_eligible),
                "problems": list(report.problems[one.delivery.id]),
            }
            for one in (each.summary for each in report.deliveries)
        ],
        "where_to_look": {name: str(path) for name, path in report.where_to_look.items()},
    }


def series_json(name: str, series: Series | None, running: Sequence[RunningStep]) -> dict[str, Any]:
    """A series, and whether it runs."""
    slug = series.list if series else running[0].list
    steps = len(series.steps) if series else len(running)
    return {"series": name, "list": slug, "steps": steps, "running": bool(running)}


def step_json(one: StepReport, instant: Callable[[datetime], str] = datetime.isoformat) -> dict[str, Any]:
    """A step of a series. `wait` is in seconds since the confirmation, as it runs."""
    runs, wait = one.running, one.running or one.step
    return {
        "issue": one.issue,
        "wait": int(wait.wait.total_seconds()) if wait else 0,
        "running": runs is not None,
        "changed": one.is_changed,
        "since": instant(runs.since) if runs else None,
        "delivery": runs.delivery if runs else None,
        "state": runs.state.value if runs else None,
        "reason": runs.reason if runs else "",
        "waiting": one.waiting.count,
        "next": instant(one.waiting.next) if one.waiting.next else None,
        "sent": {state.value: count for state, count in one.sent.items()},
    }
