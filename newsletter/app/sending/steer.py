"""Steer: start deliveries that are due; pause, resume, cancel and reschedule them; resolve unknown recipients."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from newsletter.app.project import Project
from newsletter.app.sender_checks import check_real_sender
from newsletter.app.sending.choosing import check_last_day, last_day
from newsletter.audience.address import parse_address
from newsletter.compiler.edition import Edition
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.sender.schedule import check_start, is_missed
from newsletter.errors import AuthoringError, NotFoundError, StateError
from newsletter.problem import Problem, Severity
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries, Lease
from newsletter.storage.ledger.resolve import accept_unknown, named_ones, resend_unknown
from newsletter.tokens import keyed_hash


def start_due(project: Project, database: Database, now: datetime, lease: Lease | None = None) -> list[Delivery]:
    """Start the deliveries whose time has come: preparing now, or missed when later than `max_lateness`.

    Missed, too, for a real relay and a sender that is not finished: it may have been made for a mail catcher.
    Called by the scheduler, under its lease; safe to call from several at once. Returns those it changed.
    """
    store = Deliveries(database)
    changed = []
    for delivery in store.due(now):
        reason = _why_missed(project, store, delivery, now)
        to = DeliveryState.MISSED if reason else DeliveryState.PREPARING
        if store.move(delivery.id, to, since=DeliveryState.SCHEDULED, reason=reason, lease=lease):
            changed.append(replace(delivery, state=to, reason=reason))
    return changed


def _why_missed(project: Project, store: Deliveries, delivery: Delivery, now: datetime) -> str:
    """Why a delivery that is due cannot start by itself; empty when it can."""
    assert delivery.scheduled_at is not None, "what is due has a time"
    if is_missed(delivery.scheduled_at, now=now, max_lateness=project.config.sending.max_lateness):
        return f"no scheduler was running at {_minute(project, delivery.scheduled_at)}"
    return why_not_now(project, store, delivery, now)


def why_not_now(project: Project, store: Deliveries, delivery: Delivery, now: datetime) -> str:
    """Why a delivery cannot begin with recipients now, be its time what it may; empty when it can."""
    if unfinished := _unfinished_sender(project, store, delivery):
        return "; ".join(f"{one.path}: {one.message}" for one in unfinished)
    until = last_day(_editions(store, delivery))
    is_over = until is not None and until < now.astimezone(project.zone).date()
    return f"{until} was the last day of a sponsor in this issue" if is_over else ""


def pause(database: Database, delivery: str) -> Delivery:
    """Stop sending; `resume` continues. Raises StateError when it is not under way."""
    store = Deliveries(database)
    if (found := store.get(delivery)).state is DeliveryState.PAUSED:
        return found
    return _move(
        store,
        delivery,
        DeliveryState.PAUSED,
        lambda since: store.move(delivery, DeliveryState.PAUSED, since=since, reason="by an operator"),
    )


def resume(project: Project, database: Database, delivery: str, now: datetime, *, force: bool = False) -> Delivery:
    """Continue a delivery that was stopped, or halted shares of one that is under way.

    Raises StateError for one that is cancelled or scheduled for later; AuthoringError for a real relay and a sender
    that is not finished, unless `force`: it may have been made for a mail catcher.
    """
    store = Deliveries(database)
    found = store.get(delivery)
    if not (force or found.state.is_over) and (unfinished := _unfinished_sender(project, store, found)):
        hint = "Cancel it and send the issue again with a finished sender; --force sends it as it is"
        raise AuthoringError([replace(one, severity=Severity.ERROR) for one in unfinished], hint=hint)
    match found.state:
        case DeliveryState.PREPARING | DeliveryState.SENDING | DeliveryState.FINISHED:
            store.release_shares(delivery)
            return found
        case DeliveryState.CANCELLED:
            raise StateError(
                f"Delivery {delivery} was cancelled; it sends nothing",
                hint=f"Send the issue anew: newsletter send {found.issue}; who got it from this one is excluded",
            )
        case DeliveryState.SCHEDULED:
            assert found.scheduled_at is not None, "what is scheduled has a time"
            raise StateError(
                f"Delivery {delivery} starts by itself at {_minute(project, found.scheduled_at)}",
                hint="`newsletter deliveries reschedule` gives it another time",
            )
        case _:
            to = DeliveryState.PREPARING if found.frozen_count is None else DeliveryState.SENDING
            return _move(store, delivery, to, lambda since: store.resume(delivery, to, now, since=since))


def _unfinished_sender(project: Project, store: Deliveries, delivery: Delivery) -> list[Problem]:
    """What a real relay must not get of a delivery, unless it was forced when it was made."""
    if not project.has_real_relay or delivery.forced:
        return []
    return check_real_sender(project, store.edition(delivery.id, delivery.languages[0]).identity)


def _editions(store: Deliveries, delivery: Delivery) -> Iterator[Edition]:
    return (store.edition(delivery.id, language) for language in delivery.languages)


def _minute(project: Project, when: datetime) -> str:
    return f"{when.astimezone(project.zone):%Y-%m-%d %H:%M %Z}"


def cancel(database: Database, delivery: str, now: datetime) -> Delivery:
    """End a delivery for good; recipients still waiting get nothing. Raises StateError when it is over."""
    store = Deliveries(database)
    return _move(store, delivery, DeliveryState.CANCELLED, lambda since: store.cancel(delivery, now, since=since))


def reschedule(project: Project, database: Database, delivery: str, at: datetime, now: datetime) -> Delivery:
    """Give a scheduled or missed delivery another start. Raises StateError when it has started, WrongUsageError for a
    time in the past or after a sponsor's last day."""
    check_start(at.astimezone(project.zone), now=now)
    store = Deliveries(database)
    found = store.get(delivery)
    if found.state not in (DeliveryState.SCHEDULED, DeliveryState.MISSED):
        raise StateError(f"Delivery {delivery} is {found.state}; only a scheduled or missed one can be rescheduled")
    check_last_day(_editions(store, found), at.astimezone(project.zone))
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

    Raises NotFoundError for one who is no recipient, StateError for one who is not unknown; then nothing changes.
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


_TRIES = 5
"""A state that changed between reading and writing is read again; nothing changes it that often."""


def _move(store: Deliveries, delivery: str, to: DeliveryState, change: Callable[[DeliveryState], bool]) -> Delivery:
    for _ in range(_TRIES):
        found = store.get(delivery)
        _require_move(found, to)
        if change(found.state):
            return store.get(delivery)
    raise StateError(f"Delivery {delivery} changes its state all the time; try again")


def _require_move(delivery: Delivery, to: DeliveryState) -> None:
    if not delivery.may_become(to):
        said = "already" if delivery.state is to else f"and cannot become {to}"
        raise StateError(
            f"Delivery {delivery.id} is {delivery.state} {said}",
            hint=f"`newsletter deliveries show {delivery.id}` shows how it stands",
        )
