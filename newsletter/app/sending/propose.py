"""Propose: from an issue's path to a delivery in the database: checked, its audience forecast, then stored."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.app.issues.examine import examine, find
from newsletter.app.project import Project, check_sender
from newsletter.authoring.issue import SendPlan
from newsletter.compiler.edition import Edition
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, PlannedRecipient, plan
from newsletter.delivery.sender.schedule import check_start
from newsletter.errors import AuthoringError, EmptyAudienceError, WrongUsageError
from newsletter.problem import Problem, has_errors
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.storage.ledger.freeze import preview_audience
from newsletter.tokens import base32


@dataclass(frozen=True, slots=True)
class CheckedIssue:
    """An issue that may be sent: checked, compiled in every language."""

    issue: str
    editions: tuple[Edition, ...]
    """The issue's own language first."""
    warnings: tuple[Problem, ...]
    send: SendPlan
    """What the issue file says about its own sending."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whom a delivery would be for, were its audience frozen now."""

    languages: Mapping[str, int]
    """Messages by language of their edition."""
    reasons: Mapping[tuple[RecipientState, str], int]
    """Recipients who would be sent nothing, by their state and its reason."""
    left_out: Mapping[str, int]

    @property
    def waiting(self) -> int:
        """How many would be sent a message."""
        return sum(self.languages.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody would be a recipient."""
        return not (self.languages or self.reasons)


def forecast_of(planned: Iterable[PlannedRecipient], left_out: Mapping[str, int]) -> Forecast:
    """Count people as they come; a large audience is never held together."""
    languages: Counter[str] = Counter()
    reasons: Counter[tuple[RecipientState, str]] = Counter()
    for one in planned:
        if one.state is RecipientState.WAITING:
            languages[one.language] += 1
        else:
            reasons[one.state, one.reason] += 1
    return Forecast(dict(languages), dict(sorted(reasons.items())), left_out)


def checked_issue(project: Project, path: Path) -> CheckedIssue:
    """Load, check and compile the issue at a path. Raises AuthoringError with everything that keeps it from leaving."""
    found = find(project, [path])
    if len(found) != 1:
        what = f"There are {len(found)} issues" if found else "There is no issue"
        raise WrongUsageError(f"{what} at {path}", hint="Name one issue: its slug, its folder, or its issue.yaml")
    examined = examine(project, found[0])
    problems = (*examined.problems, *check_sender(project))
    if has_errors(problems) or examined.issue is None:
        raise AuthoringError(problems)
    return CheckedIssue(examined.issue.slug, tuple(examined.editions.values()), problems, examined.issue.send)


def forecast(database: Database, ready: CheckedIssue, lists: Sequence[str], *, again: bool = False) -> Forecast:
    """Who would get what, and who would not, and why. Changes nothing. Raises NotFoundError for an unknown list."""
    preview = preview_audience(database, ready.issue, lists)
    return forecast_of(plan_all(ready, preview.candidates, again=again), preview.not_eligible)


def plan_all(ready: CheckedIssue, people: Iterable[Candidate], *, again: bool) -> Iterator[PlannedRecipient]:
    """What would become of people, one after the other."""
    languages = [edition.language for edition in ready.editions]
    return (plan(one, delivery="", languages=languages, again=again) for one in people)


def refuse_empty(is_empty: bool, lists: Sequence[str]) -> None:
    """Refuse to send to lists on which nobody is. Raises EmptyAudienceError."""
    if is_empty:
        raise EmptyAudienceError(
            f"Nobody has confirmed a subscription to {' or '.join(lists)}",
            hint="`newsletter lists list` shows how many people are on each list",
        )


def unfinished(database: Database, issue: str) -> list[Delivery]:
    """Earlier deliveries of an issue that may still send."""
    return Deliveries(database).all(*(state for state in DeliveryState if not state.is_over), issue=issue)


def store_delivery(
    project: Project,
    database: Database,
    ready: CheckedIssue,
    lists: Sequence[str],
    *,
    now: datetime,
    at: datetime | None = None,
    again: bool = False,
) -> Delivery:
    """Store a delivery of an issue that is ready.

    Raises NotFoundError for an unknown list, WrongUsageError for a start in the past, and EmptyAudienceError when the
    lists hold nobody to send to now (only without `at`: people may still come).
    """
    if at is not None:
        check_start(at.astimezone(project.zone), now=now, max_lateness=project.config.sending.max_lateness)
    else:
        refuse_empty(next(preview_audience(database, ready.issue, lists).candidates, None) is None, lists)
    order = NewDelivery(
        id=base32(secrets.token_bytes(10))[:12],
        issue=ready.issue,
        hash=hashlib.sha256("".join(edition.hash for edition in ready.editions).encode()).hexdigest(),
        lists=tuple(dict.fromkeys(lists)),
        editions=ready.editions,
        again=again,
        scheduled_at=at,
    )
    return Deliveries(database).create(order, now)
