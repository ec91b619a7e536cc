"""Dry run: a send into files: the audience, the recipients who get nothing and why, every message. Sends nothing.

Changes neither subscribers nor ledger; the personal links in its messages are signed with a key that opens nothing.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from newsletter.app.composing import claim_outside, message_context, ungated
from newsletter.app.project import Project
from newsletter.app.project_segments import choose_segment
from newsletter.app.sending.choosing import choose_lists
from newsletter.app.sending.propose import CheckedIssue, Forecast, checked_issue, forecast_of, plan_all
from newsletter.app.shapes import dry_run_json
from newsletter.delivery.compose.envelope import address_envelope
from newsletter.delivery.compose.mould import Mould, make_mould
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Exclusion, PlannedRecipient, recipient_id
from newsletter.delivery.transports.folder import FolderTransport
from newsletter.disk import cannot_write, write_whole
from newsletter.errors import ComposeError, RequestError
from newsletter.problem import Problem
from newsletter.reporting.wording import counted, in_words
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.audience import AudiencePreview, preview_audience

REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class DryRun:
    """The result of a dry run."""

    out: Path
    issue: str
    subjects: Mapping[str, str]
    """Language → the edition's subject, filled for a persona."""
    outlook: Forecast
    """Recipients whose message cannot be composed are excluded."""
    planned: tuple[PlannedRecipient, ...]
    """All recipients, likewise."""
    size: int
    """Bytes of all messages together."""
    seconds: float
    """Time for composing and writing; a send takes longer by the time of the relay."""
    unrendered: Mapping[str, str]
    """Address → why their message cannot be composed."""
    warnings: tuple[Problem, ...]
    """Also of what would be refused for a real relay."""
    segment: str = ""
    """Its name and expression; empty for everybody."""

    @property
    def messages(self) -> int:
        """How many were written as `.eml` files."""
        return self.outlook.waiting

    @property
    def has_failed(self) -> bool:
        """Whether there were messages to compose and none could be composed."""
        return bool(self.unrendered) and not self.messages


def dry_run(
    project: Project,
    database: Database,
    path: Path,
    lists: Sequence[str] = (),
    *,
    now: datetime,
    segment: str | None = None,
    out: Path | None = None,
    again: bool = False,
) -> DryRun:
    """Rehearse a send of the issue at a path into `out`: `.eml` files, `report.json` and `report.txt`.

    `out` is dry-run/<slug> in the project unless it is given. Raises what `checked_issue` and `choose_lists` raise,
    NotFoundError for an unknown list, and RequestError when `out` holds files that no dry run made.
    """
    checked = checked_issue(project, path, now=now, rehearsal=True)
    narrowed = choose_segment(project, checked.send.segment if segment is None else segment)
    source = narrowed.where.source if narrowed else ""
    preview = preview_audience(database, checked.issue, choose_lists(checked.send, lists), source)
    out = project.folder / "dry-run" / checked.issue if out is None else out
    _clear(out)
    run = asyncio.run(_write_messages(project, checked, preview, out, now, again=again))
    run = replace(run, segment=str(narrowed) if narrowed else "")
    _write_reports(run)
    return run


def _clear(out: Path) -> None:
    """Make the folder, or remove the files of an earlier dry run."""
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold addresses
        present = list(out.iterdir())
        if present and not (out / REPORT).exists():
            raise RequestError(f"{out} is not empty, and no dry run made it", hint="Choose another folder with --out")
        for file in present:
            if file.suffix == ".eml" or file.name in (REPORT, "report.txt"):
                file.unlink()
        (out / REPORT).write_text("{}\n", encoding="utf-8")  # marks the folder as ours, also if we are interrupted
    except OSError as error:
        raise cannot_write(out, error, hint="Choose another --out") from error


async def _write_messages(
    project: Project, checked: CheckedIssue, preview: AudiencePreview, out: Path, now: datetime, *, again: bool
) -> DryRun:
    started = time.perf_counter()
    context = message_context(project, {one.slug: one.name for one in preview.lists})
    slugs = {one.id: one.slug for one in preview.lists}
    editions = {edition.language: edition for edition in checked.editions}

    @cache
    def mould(language: str) -> Mould:
        return make_mould(editions[language], context)

    transport = FolderTransport(out)
    planned: list[PlannedRecipient] = []
    unrendered: dict[str, str] = {}
    size = 0
    for one in plan_all(checked, preview.candidates, again=again):
        if one.state is RecipientState.WAITING:
            claim = claim_outside(
                "dry run",
                recipient=recipient_id("dry run", one.candidate.subscriber),
                address=one.candidate.address,
                language=one.language,
                values=one.values,
                now=now,
                lists=tuple(slugs[list_id] for list_id in one.candidate.list_ids),
            )
            try:
                envelope = address_envelope(claim, context)
                message = mould(one.language).cast(claim)
            except ComposeError as error:
                unrendered[one.candidate.address] = str(error)
                planned.append(replace(one, state=RecipientState.EXCLUDED, reason=Exclusion.RENDER))
                continue
            await transport.send(envelope, message, ungated)
            size += len(message.data)
        planned.append(one)
    return DryRun(
        out=out,
        issue=checked.issue,
        subjects=checked.subjects,
        outlook=forecast_of(planned, preview.not_eligible),
        planned=tuple(planned),
        size=size,
        seconds=time.perf_counter() - started,
        unrendered=unrendered,
        warnings=checked.warnings,
    )


def _write_reports(run: DryRun) -> None:
    recipients = [
        {"address": one.candidate.address, "language": one.language, "state": one.state.value, "reason": one.reason}
        for one in run.planned
    ]
    facts = json.dumps(dry_run_json(run) | {"recipients": recipients}, ensure_ascii=False, indent=2)
    write_whole(run.out / REPORT, f"{facts}\n".encode(), private=True)
    write_whole(run.out / "report.txt", "".join(f"{line}\n" for line in report_lines(run)).encode(), private=True)


def forecast_lines(outlook: Forecast, subjects: Mapping[str, str]) -> list[str]:
    """The audience as text: editions with their subjects, then how many get nothing and why."""
    return [
        *(f"  {count:>7}  in {tag}: {subjects[tag]}" for tag, count in outlook.languages.items()),
        *(f"  {count:>7}  not sent: {in_words(reason)}" for (_, reason), count in outlook.reasons.items()),
        *(f"  {count:>7}  not eligible: {in_words(reason)}" for reason, count in outlook.not_eligible.items()),
    ]


def report_lines(run: DryRun) -> list[str]:
    """The report as text."""
    lines = [f"Dry run of {run.issue}: {counted(run.messages, 'message')}, none was sent"]
    lines += [f"  Segment {run.segment}"] if run.segment else []
    lines += forecast_lines(run.outlook, run.subjects)
    lines += [f"  {address}: {reason}" for address, reason in run.unrendered.items()]
    if run.messages:
        # In less than a second no rate can be measured.
        rate = f"{run.messages / run.seconds:.0f} a second, " if run.seconds >= 1 else ""
        size = run.size / run.messages / 1000
        lines.append(f"Composed in {run.seconds:.1f} s: {rate}{size:.0f} kB each. Sending takes longer.")
    return lines
