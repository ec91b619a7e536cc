"""Archive: what issue files say about what was sent, taken into the archive: corrections, and earlier issues."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from newsletter.app.issues.examine import Examined, examine, find
from newsletter.app.issues.policy import judged
from newsletter.app.project import Project
from newsletter.app.sending.propose import hash_of
from newsletter.authoring.issue import Issue
from newsletter.delivery.delivery import Delivery
from newsletter.errors import AuthoringError, WrongUsageError
from newsletter.problem import has_errors
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Archive
from newsletter.storage.ledger.deliveries import PAST, Deliveries, NewDelivery
from newsletter.tokens import base32


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of one issue."""

    issue: str
    added: bool
    """Whether it was not in the archive before, or its past editions have changed."""
    corrected: tuple[str, ...]
    """The languages whose corrections have changed."""


def take_in(
    project: Project, database: Database, paths: Sequence[Path], lists: Sequence[str] = (), *, now: datetime
) -> list[TakenIn]:
    """Take in the issues at these paths; those that were never sent are passed over.

    An issue with `sent` goes to `lists` (default: those in its file). Raises AuthoringError with everything that is
    wrong with the issues; then nothing is taken in. Raises WrongUsageError for a past issue without lists or of a day
    to come, NotFoundError for an unknown list.
    """
    store = Deliveries(database)
    known = [(one, store.all(issue=one.slug)) for one in (examine(project, path) for path in find(project, paths))]
    found = [(one, runs) for one, runs in known if runs or one.issue is None or one.issue.send.sent]
    problems = [problem for one, _ in found for problem in judged(one.problems, project)]
    if has_errors(problems):
        raise AuthoringError(problems)
    orders = [_order(project, one, runs, lists, now) for one, runs in found]
    return list(_kept(database, found, orders, now))


def _kept(
    database: Database, found: Sequence[tuple[Examined, list[Delivery]]],
    orders: Sequence[tuple[NewDelivery, datetime] | None], now: datetime,
) -> Iterator[TakenIn]:  # fmt: skip
    archive = Archive(database)
    for (one, _), order in zip(found, orders, strict=True):
        if order is not None:
            Deliveries(database).keep_past(*order)
        assert one.issue is not None, "what has no errors was read"
        corrected = tuple(
            language
            for language, content in one.issue.contents.items()
            if archive.correct(one.slug, language, content.corrections, now)
        )
        yield TakenIn(one.slug, order is not None, corrected)


def _order(
    project: Project, one: Examined, runs: Sequence[Delivery], lists: Sequence[str], now: datetime
) -> tuple[NewDelivery, datetime] | None:
    """The delivery that holds a past issue, and when it was sent; None where nothing is to be stored."""
    issue: Issue | None = one.issue
    if issue is None or issue.send.sent is None or any(run.reason != PAST for run in runs):
        return None  # what this program sent stays as it was sent
    editions = tuple(one.editions[language] for language in issue.languages)
    content = hash_of(editions)
    if any(run.hash == content for run in runs):
        return None
    day, chosen = issue.send.sent, tuple(dict.fromkeys(lists or issue.send.lists))
    if day > now.astimezone(project.zone).date():
        raise WrongUsageError(f"{one.file}: `sent` is {day}, a day to come", hint="Write the day on which it was sent")
    if not chosen:
        hint = "Name a public list: --list LIST, or in the issue: send: {list: weekly}"
        raise WrongUsageError(f"{one.file}: which list was it sent to?", hint=hint)
    name = runs[0].id if runs else base32(secrets.token_bytes(10))[:12]
    order = NewDelivery(id=name, issue=one.slug, hash=content, lists=chosen, editions=editions)
    return order, datetime.combine(day, time(12), tzinfo=project.zone)
