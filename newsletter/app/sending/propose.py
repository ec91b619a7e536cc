"""Propose: from an issue's path to a delivery. `propose` checks and forecasts, an operator decides, `confirm` stores
the delivery; then `worker.send_now` sends it, or the scheduler starts it at its time.

    proposal = propose(project, database, Path("issues/welcome"), ["weekly"], now=now)
    delivery = confirm(project, database, proposal, now=now)
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from newsletter.app.composing import fill_for_persona
from newsletter.app.issues.examine import examine, find, read_personas
from newsletter.app.issues.policy import judged
from newsletter.app.project import Project
from newsletter.app.project_segments import choose_segment
from newsletter.app.sender_checks import check_real_sender, check_sender
from newsletter.app.sending.choosing import (
    check_last_day,
    choose_lists,
    choose_start,
    clock_note,
    means_the_issue,
    own_time,
)
from newsletter.app.sending.relay import check_relay
from newsletter.audience.segment import Segment
from newsletter.authoring.issue import SendPlan
from newsletter.authoring.persona import choose_persona
from newsletter.authoring.placeholders import PLACEHOLDER
from newsletter.compiler.edition import Edition
from newsletter.delivery.checks.identity import UNFINISHED
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, PlannedRecipient, plan
from newsletter.delivery.ledger.rate import said
from newsletter.delivery.sender.schedule import check_start
from newsletter.errors import AuthoringError, EmptyAudienceError, PlanError, WrongUsageError
from newsletter.problem import Problem, Severity, has_errors
from newsletter.reporting.wording import lasting
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.audience import preview_audience
from newsletter.storage.ledger.budget import left_of, time_left
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.tokens import base32


@dataclass(frozen=True, slots=True)
class CheckedIssue:
    """An issue that may be sent: checked, compiled in every language."""

    issue: str
    editions: tuple[Edition, ...]
    """The issue's own language first."""
    subjects: Mapping[str, str]
    """Language → the edition's subject, filled for a persona."""
    warnings: tuple[Problem, ...]
    send: SendPlan
    """What the issue file says about its own sending."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The audience of a delivery, were it frozen now."""

    languages: Mapping[str, int]
    """Messages by language of their edition."""
    reasons: Mapping[tuple[RecipientState, str], int]
    """Recipients who would be sent nothing, by their state and its reason."""
    not_eligible: Mapping[str, int]
    """Subscribers of the lists who would be no recipients, by reason."""

    @property
    def waiting(self) -> int:
        """How many would be sent a message."""
        return sum(self.languages.values())

    @property
    def recipients(self) -> int:
        """How many rows the ledger would have."""
        return self.waiting + sum(self.reasons.values())

    @property
    def is_empty(self) -> bool:
        """Whether there would be no recipients at all."""
        return not (self.languages or self.reasons)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A delivery before anything of it is stored: what to show and ask before `confirm`."""

    checked: CheckedIssue
    lists: tuple[str, ...]
    segment: Segment | None
    """Which of their subscribers; None: all."""
    start: datetime | None
    """UTC; None: at once."""
    again: bool
    """Whether subscribers who already got this issue get it once more."""
    forced: bool
    """Whether it goes to a real relay even if the sender is unfinished."""
    forecast: Forecast
    unfinished: tuple[Delivery, ...]
    """Earlier deliveries of the issue that may still send; a recipient of one gets nothing from the other."""
    rate: str
    """How many messages may be begun in which times; empty: any number."""
    takes: timedelta
    """How long it takes at that rate; none: nothing limits it."""
    issue_time: str
    """The issue's own time, when it is still to come and this delivery does not wait for it."""
    clock_note: str = ""
    """What a clock change does to the start, in a sentence."""


def propose(
    project: Project, database: Database, path: Path, lists: Sequence[str] = (), *, now: datetime,
    at: str | None = None, timezone: str | None = None, segment: str | None = None, again: bool = False,
    force: bool = False,
) -> Proposal:  # fmt: skip
    """Check the issue at a path and forecast its delivery to `lists` (default: the issue's) at a time. Stores nothing.

    Raises what `checked_issue` raises; ConfigError for relay settings that cannot work; NotAdoptedError for a database
    that must not be sent from; NotFoundError for an unknown list; WrongUsageError without lists, and for a start that
    cannot be read, lies in the past or is after a sponsor's last day; EmptyAudienceError when the lists hold no
    recipient now (not with `at`: subscribers may still come); PlanError when it would take too long at the rate set.
    """
    if at is not None and not means_the_issue(at):  # wrong usage is told before the issue is compiled
        choose_start(project, SendPlan(), at, timezone, now=now)
    checked = checked_issue(project, path, now=now, force=force)
    chosen = choose_lists(checked.send, lists)
    narrowed = choose_segment(project, checked.send.segment if segment is None else segment)
    start = choose_start(project, checked.send, at, timezone, now=now)
    check_last_day(checked.editions, (start or now).astimezone(project.zone))
    check_relay(project)
    with project.journal(database) as journal:
        journal.keep_up()
    outlook = forecast(database, checked, chosen, again=again, segment=narrowed)
    if start is None:
        _refuse_empty(outlook.is_empty, chosen, narrowed)
    takes = _time_at_rate(project, database, outlook.waiting, start, now)
    may_send = [state for state in DeliveryState if not state.is_over]
    return Proposal(
        checked=checked,
        lists=chosen,
        segment=narrowed,
        start=start,
        again=again,
        forced=force and project.has_real_relay,
        forecast=outlook,
        unfinished=tuple(Deliveries(database).all(*may_send, issue=checked.issue)),
        rate=said(project.config.rates, start or now),
        takes=takes,
        issue_time="" if start else own_time(project, checked.send, now=now),
        clock_note=clock_note(project, checked.send, at, timezone),
    )


def _time_at_rate(
    project: Project, database: Database, messages: int, start: datetime | None, now: datetime
) -> timedelta:
    """How long so many messages take at `[sending] rate`. Raises PlanError when that is longer than they are valid."""
    rates, expiry = project.config.rates, project.config.sending.expiry
    if not rates:
        return timedelta()
    with database.read() as connection:
        takes = time_left(connection, rates, messages, start or now)
        left = left_of(connection, rates, start or now).count
    if takes > expiry:
        raise PlanError(
            f"{messages:,} messages at {said(rates, start or now)}, {left:,} of them now, take {lasting(takes)}, "
            f"but they expire after {lasting(expiry)}",
            hint="Raise [sending] rate or [sending] expiry in newsletter.toml, or send to one list after the other",
        )
    return takes


def confirm(project: Project, database: Database, proposal: Proposal, *, now: datetime) -> Delivery:
    """Store the delivery that was proposed. It is preparing, or scheduled when it has a start.

    Raises WrongUsageError when its start has passed meanwhile, EmptyAudienceError when its recipients have gone.
    """
    lists = proposal.lists
    if proposal.start is not None:
        check_start(proposal.start.astimezone(project.zone), now=now)
    else:
        preview = preview_audience(database, proposal.checked.issue, lists, _source(proposal.segment))
        _refuse_empty(next(preview.candidates, None) is None, lists, proposal.segment)
    return Deliveries(database).create(new_delivery(proposal), now)


def hash_of(editions: Sequence[Edition]) -> str:
    """The content hash of an issue over all its editions."""
    return hashlib.sha256("".join(edition.hash for edition in editions).encode()).hexdigest()


def new_delivery(proposal: Proposal) -> NewDelivery:
    """The delivery that was proposed, with an id of its own."""
    editions = proposal.checked.editions
    return NewDelivery(
        id=base32(secrets.token_bytes(10))[:12],
        issue=proposal.checked.issue,
        hash=hash_of(editions),
        lists=proposal.lists,
        editions=editions,
        again=proposal.again,
        forced=proposal.forced,
        segment=_source(proposal.segment),
        expected=proposal.forecast.recipients if proposal.segment else None,
        scheduled_at=proposal.start,
    )


def checked_issue(
    project: Project, path: Path, *, now: datetime, force: bool = False, rehearsal: bool = False
) -> CheckedIssue:
    """Load, check and compile the issue at a path. Raises AuthoringError with everything that keeps it from leaving.

    To a relay that is not on this machine that includes a sender, a public URL or a text that was never finished;
    with `force`, and in a `rehearsal` (a proof or dry run), these are warnings.
    """
    found = find(project, [path])
    if len(found) != 1:
        what = f"There are {len(found)} issues" if found else "There is no issue"
        raise WrongUsageError(f"{what} at {path}", hint="Name one issue: its slug, its folder, or its issue.yaml")
    examined = examine(project, found[0], now.astimezone(project.zone).date())
    problems = judged([*examined.problems, *check_sender(project)], project)
    is_real = project.has_real_relay
    if is_real or rehearsal:
        problems = list(dict.fromkeys([*problems, *check_real_sender(project)]))
    hint = ""
    if is_real and not (force or rehearsal) and any(map(_is_unfinished, problems)):
        problems = [replace(one, severity=Severity.ERROR) if _is_unfinished(one) else one for one in problems]
        hint = (
            f"{project.real_relay} is a real relay: what is unfinished is not sent there. Finish it; "
            "proofs and dry runs go on meanwhile. --force sends it as it is"
        )
    if has_errors(problems) or examined.issue is None:
        raise AuthoringError(problems, hint=hint)
    editions = tuple(examined.editions.values())
    return CheckedIssue(
        examined.issue.slug, editions, _subjects(project, editions), tuple(problems), examined.issue.send
    )


def _is_unfinished(problem: Problem) -> bool:
    """Whether a problem is a warning that keeps an issue from a real relay."""
    return problem.id == PLACEHOLDER or problem.id in UNFINISHED


def _subjects(project: Project, editions: Sequence[Edition]) -> dict[str, str]:
    personas, _ = read_personas(project)
    tags = [edition.language for edition in editions]
    return {
        one.language: fill_for_persona(one, choose_persona(personas, one.language, tags)).subject for one in editions
    }


def forecast(
    database: Database, checked: CheckedIssue, lists: Sequence[str], *, again: bool = False,
    segment: Segment | None = None,
) -> Forecast:  # fmt: skip
    """Who would get what, and who would not, and why. Changes nothing. Raises NotFoundError for an unknown list."""
    preview = preview_audience(database, checked.issue, lists, _source(segment))
    return forecast_of(plan_all(checked, preview.candidates, again=again), preview.not_eligible)


def forecast_of(planned: Iterable[PlannedRecipient], not_eligible: Mapping[str, int]) -> Forecast:
    """Count recipients as they come; a large audience is never held together."""
    languages: Counter[str] = Counter()
    reasons: Counter[tuple[RecipientState, str]] = Counter()
    for one in planned:
        if one.state is RecipientState.WAITING:
            languages[one.language] += 1
        else:
            reasons[one.state, one.reason] += 1
    return Forecast(dict(languages), dict(sorted(reasons.items())), not_eligible)


def plan_all(checked: CheckedIssue, people: Iterable[Candidate], *, again: bool) -> Iterator[PlannedRecipient]:
    """What would become of candidates, one after the other."""
    languages = [edition.language for edition in checked.editions]
    return (plan(one, delivery="", languages=languages, again=again) for one in people)


def _source(segment: Segment | None) -> str:
    return segment.where.source if segment else ""


def _refuse_empty(is_empty: bool, lists: Sequence[str], segment: Segment | None) -> None:
    if is_empty and segment:
        raise EmptyAudienceError(
            f"Nobody with a confirmed subscription to {' or '.join(lists)} belongs to the segment ({segment})",
            hint="`newsletter segments show` counts whom a name or an expression holds",
        )
    if is_empty:
        raise EmptyAudienceError(
            f"There is no confirmed subscription to {' or '.join(lists)}",
            hint="`newsletter lists list` shows the subscriptions of each list",
        )
