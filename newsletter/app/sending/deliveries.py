"""Deliveries: from an issue's path to a delivery in the database, and what a person may do with it afterwards."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from newsletter.app.issues.examine import examine, find
from newsletter.app.project import Project, check_sender
from newsletter.audience.address import parse_address
from newsletter.authoring.issue import SendPlan
from newsletter.compiler.edition import Edition
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.plan import Candidate, PlannedRecipient, plan
from newsletter.delivery.sender.schedule import check_start, is_missed
from newsletter.delivery.sender.worker import is_known_dead
from newsletter.errors import AuthoringError, EmptyAudienceError, NotFoundError, StateError, WrongUsageError
from newsletter.problem import Problem, has_errors
from newsletter.reporting.report import Report, reconcile
from newsletter.storage.database.database import Database
from newsletter.storage.journal.audit import audit, audit_of
from newsletter.storage.ledger.deliveries import Deliveries, Lease, NewDelivery, read_delivery
from newsletter.storage.ledger.freeze import preview_audience
from newsletter.storage.ledger.reconcile import (
    read_counts,
    read_languages,
    read_next,
    read_reasons,
    resent_ones,
    unknown_ones,
)
from newsletter.storage.ledger.resolve import accept_unknown, named_ones, resend_unknown
from newsletter.storage.ledger.workers import has_worker
from newsletter.tokens import base32, keyed_hash


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
    return forecast_of(plan_all(ready, preview.candidates, again=again), preview.left_out)


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


def start_due(project: Project, database: Database, now: datetime, lease: Lease | None = None) -> list[Delivery]:
    """Start the deliveries whose time has come: preparing now, or missed when later than `max_lateness`.

    Called by the scheduler, under its lease; safe to call from several at once. Returns those it changed.
    """
    store = Deliveries(database)
    changed = []
    for delivery in store.due(now):
        assert delivery.scheduled_at is not None
        to, reason = DeliveryState.PREPARING, ""
        if is_missed(delivery.scheduled_at, now=now, max_lateness=project.config.sending.max_lateness):
            to, reason = DeliveryState.MISSED, f"nobody was running at {_minute(project, delivery.scheduled_at)}"
        if store.move(delivery.id, to, since=DeliveryState.SCHEDULED, reason=reason, lease=lease):
            # Not read anew: it may be gone by now, when an older copy of the database was put back.
            changed.append(replace(delivery, state=to, reason=reason))
    return changed


def pause(database: Database, delivery: str) -> Delivery:
    """Stop sending; `resume` goes on. Raises StateError when it is not under way."""
    return _steer(database, delivery, DeliveryState.PAUSED, reason="by an operator")


def resume(project: Project, database: Database, delivery: str) -> Delivery:
    """Let a delivery that was stopped go on; one that is under way or finished stays as it is.

    Raises StateError for one that is cancelled, or scheduled for later, or of which the ledger has forgotten something.
    """
    found = Deliveries(database).get(delivery)
    match found.state:
        case DeliveryState.PREPARING | DeliveryState.SENDING | DeliveryState.FINISHED:
            return found
        case DeliveryState.CANCELLED:
            raise StateError(
                f"Delivery {delivery} was cancelled; it sends nothing any more",
                hint=f"Send the issue anew: newsletter send {found.issue}; who got it from this one is left out",
            )
        case DeliveryState.SCHEDULED:
            assert found.scheduled_at is not None, "what is scheduled has a time"
            raise StateError(
                f"Delivery {delivery} starts by itself at {_minute(project, found.scheduled_at)}",
                hint="`newsletter deliveries reschedule` gives it another time",
            )
        case _:
            if problems := audit(database, delivery):
                raise StateError(
                    f"Delivery {delivery} cannot go on: {'; '.join(problems)}",
                    hint="The ledger does not know who got it. Put a backup back: newsletter db restore, or pg_restore",
                )
            to = DeliveryState.PREPARING if found.frozen_count is None else DeliveryState.SENDING
            return _steer(database, delivery, to)


def _minute(project: Project, when: datetime) -> str:
    return f"{when.astimezone(project.zone):%Y-%m-%d %H:%M %Z}"


def cancel(database: Database, delivery: str, now: datetime) -> Delivery:
    """End a delivery for good; nobody who is still waiting gets a message. Raises StateError when it is over."""
    store = Deliveries(database)
    for _ in range(_TRIES):
        found = store.get(delivery)
        _require_move(found, DeliveryState.CANCELLED)
        if store.cancel(delivery, now, since=found.state):
            return store.get(delivery)
    raise StateError(f"Delivery {delivery} changes its state all the time; try again")


def reschedule(project: Project, database: Database, delivery: str, at: datetime, now: datetime) -> Delivery:
    """Give a scheduled or missed delivery another start. Raises StateError when it has started."""
    check_start(at.astimezone(project.zone), now=now, max_lateness=project.config.sending.max_lateness)
    store = Deliveries(database)
    found = store.get(delivery)
    if found.state not in (DeliveryState.SCHEDULED, DeliveryState.MISSED):
        raise StateError(f"Delivery {delivery} is {found.state}; only a scheduled or missed one can be rescheduled")
    if not store.reschedule(delivery, at, since=found.state):
        raise StateError(f"Delivery {delivery} has started in this very moment")
    return store.get(delivery)


def resolve(
    project: Project,
    database: Database,
    delivery: str,
    verdict: Literal["accepted", "resend"],
    *,
    now: datetime,
    only: Collection[str] = (),
) -> int:
    """Decide what became of unknown recipients: of all, or of some by address or id. Returns how many were moved.

    Raises NotFoundError for one who is no recipient, StateError for one who is not unknown; then nobody is moved.
    """
    Deliveries(database).get(delivery)
    chosen = [_recipient_key(project, one) for one in only]
    _require_unknown(database, delivery, chosen)
    if verdict == "accepted":
        return accept_unknown(database, delivery, now, only=chosen)
    return resend_unknown(database, delivery, now, only=chosen)


def _recipient_key(project: Project, name: str) -> str:
    """A recipient's id as it is; an address as the hash by which the ledger knows it."""
    return keyed_hash(project.keys.address, parse_address(name).canonical) if "@" in name else name.lower()


def _require_unknown(database: Database, delivery: str, chosen: Sequence[str]) -> None:
    hint = f"`newsletter deliveries recipients {delivery} --state unknown` lists whom you may name"
    named = named_ones(database, delivery, chosen)
    for number, key in enumerate(chosen, 1):
        if key not in named:
            which = f"Number {number} of those you named" if len(chosen) > 1 else "Whom you named"
            raise NotFoundError(f"{which} is no recipient of delivery {delivery}", hint=hint)
        recipient, state = named[key]
        if state is not RecipientState.UNKNOWN:
            raise StateError(f"Recipient {recipient} is {state}, not unknown", hint=hint)


def is_attended(database: Database) -> bool:
    """Whether any sending process is at work, as far as one can see from here; the states alone do not tell."""
    return has_worker(database, is_known_dead)


def next_of(database: Database, found: Iterable[Delivery]) -> dict[str, datetime | None]:
    """For the deliveries among these that are under way: when the next recipient of each may be sent to."""
    with database.read() as connection:
        return {one.id: read_next(connection, one.id) for one in found if one.state.is_under_way}


def report_on(database: Database, delivery: str) -> Report:
    """What a delivery amounted to, and whether its books balance. Raises NotFoundError."""
    with database.read() as connection:  # all in one: when a copy is put back in between, nothing fits together
        found, books = read_delivery(connection, delivery), read_counts(connection, delivery)
        languages, reasons = read_languages(connection, delivery), read_reasons(connection, delivery)
        unknown, resent = unknown_ones(connection, delivery), resent_ones(connection, delivery)
        next_at = read_next(connection, delivery)
        refused = audit_of(connection, delivery, books) if found.state.waits_for_a_person else ()
    return Report(
        delivery=found,
        books=books,
        problems=tuple(dict.fromkeys((*reconcile(found, books), *refused))),
        languages=languages,
        reasons=reasons,
        unknown=tuple(unknown),
        resent=tuple(resent),
        next_at=next_at,
        cannot_resume=refused,
        attended=is_attended(database),
    )


_TRIES = 5
"""A state that changes between looking and setting is looked at again; nothing changes it that often."""


def _steer(database: Database, delivery: str, to: DeliveryState, *, reason: str = "") -> Delivery:
    store = Deliveries(database)
    for _ in range(_TRIES):
        found = store.get(delivery)
        if found.state is to:
            return found
        _require_move(found, to)
        if store.move(delivery, to, since=found.state, reason=reason):
            return store.get(delivery)
    raise StateError(f"Delivery {delivery} changes its state all the time; try again")


def _require_move(delivery: Delivery, to: DeliveryState) -> None:
    if not delivery.may_become(to):
        said = "already" if delivery.state is to else f"and cannot become {to}"
        raise StateError(
            f"Delivery {delivery.id} is {delivery.state} {said}",
            hint=f"`newsletter deliveries show {delivery.id}` shows how it stands",
        )
