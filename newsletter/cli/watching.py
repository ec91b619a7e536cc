"""Watching a delivery: progress on a terminal, what it waits for, its outcome, and the exit code."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING

import click

from newsletter.cli.show import local_time, print_json
from newsletter.errors import NewsletterError
from newsletter.reporting.wording import counted, in_words, lasting

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.app.sending.worker import SendResult
    from newsletter.delivery.ledger.ledger import RecipientState
    from newsletter.reporting.report import Summary
    from newsletter.storage.database.database import Database

STOPPED_EARLY = 3

_NO_RECIPIENTS = {"scheduled": "its recipients are counted when it starts", "cancelled": "it never started"}
"""State → why a delivery has no recipients."""

_PROVIDERS = 8
"""How many have a bar of their own."""
_LEFT = ("waiting", "claimed", "permitted", "deferred")
_NOT_ACCEPTED = ("deferred", "rejected", "unknown")

_REFRESH = 1.0
"""Seconds between two looks at a delivery."""
_REPEAT = 10.0
"""Seconds before a trouble is reported again."""


def send_watched(project: Project, database: Database, delivery: str) -> SendResult:
    """Send in the foreground, showing progress."""
    from newsletter.app.sending.worker import send_now

    with progress(database, delivery):
        return send_now(project, database, delivery, on_trouble=tell_once())


def wait_for_end(database: Database, delivery: str, instant: Callable[[datetime], str] = datetime.isoformat) -> None:
    """Show progress until the delivery is over, or stopped and waiting for an operator. Sends nothing."""
    from newsletter.storage.ledger.deliveries import Deliveries

    with progress(database, delivery, instant):
        while not (state := Deliveries(database).get(delivery).state).is_over and not state.waits_for_a_person:
            time.sleep(_REFRESH)


@contextmanager
def progress(database: Database, delivery: str, by_provider: Callable[[datetime], str] | None = None) -> Iterator[None]:
    """Show a progress bar on a terminal, whichever processes send the delivery; elsewhere show nothing.

    `by_provider`: also a bar for each of the largest providers; how to write the end of its pause.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

    from newsletter.app.sending.report import providers_of, summary_of

    columns = SpinnerColumn(), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, ended = bar.add_task("", total=None), threading.Event()
        tasks: dict[str, TaskID] = {}
        looks: deque[tuple[float, int]] = deque(maxlen=30)

        def refresh() -> None:
            pause = 0.0
            while not ended.wait(pause):
                began = time.monotonic()
                try:
                    summary = summary_of(database, delivery)
                    providers = providers_of(database, delivery) if by_provider else {}
                except NewsletterError:  # locked just now, or gone: the sender reports it
                    pause = _REFRESH
                    continue
                text = pace(looks, summary, began)
                bar.update(task, completed=looks[-1][1], total=summary.delivery.frozen_count, description=text)
                for name, states in islice(providers.items(), _PROVIDERS):
                    done, total, text = _share_of(name, states, summary, by_provider or datetime.isoformat)
                    tasks[name] = tasks[name] if name in tasks else bar.add_task("")
                    bar.update(tasks[name], completed=done, total=total, description=text)
                pause = max(_REFRESH, 20 * (time.monotonic() - began))  # a large delivery is read less often

        thread = threading.Thread(target=refresh, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _share_of(
    provider: str, states: Mapping[RecipientState, int], summary: Summary, instant: Callable[[datetime], str]
) -> tuple[int, int, str]:
    """How many of a provider's recipients are done, of how many, and both in words."""
    total = sum(states.values())
    left = {state.value: count for state, count in states.items() if state.value in _LEFT}
    done = total - sum(left.values())
    told = [f"{count:,} {state.value}" for state, count in states.items() if state.value in _NOT_ACCEPTED]
    told += [
        f"waits until {instant(pause.until)}" if pause.until else "halted"
        for pause in summary.pauses
        if pause.share == provider
    ]
    return done, total, " · ".join([f"{provider}: {done:,} of {total:,}", *told])


def pace(looks: deque[tuple[float, int]], summary: Summary, now: float) -> str:
    """Progress, rate and time left, without the deferred recipients.

    `looks`: (seconds, recipients done) at earlier calls; this call is added.
    """
    counts = summary.counts
    to_send = sum(counts[state] for state in ("waiting", "claimed", "permitted"))
    done = counts["frozen"] - counts["deferred"] - to_send
    looks.append((now, done))
    if summary.delivery.frozen_count is None:
        return f"{summary.delivery.state}: {counted(done + to_send, 'recipient')}"
    began, before = looks[0]
    rate = (done - before) / (now - began or 1.0)
    timed = f" · {rate:,.1f}/s · {timedelta(seconds=round(to_send / rate))} left" if rate > 0 else ""
    return f"{done:,} of {counts['frozen']:,}{timed}"


def tell_once() -> Callable[[str], None]:
    """Print each trouble once; with the first, how to stop waiting."""
    reported: set[str] = set()

    def report(text: str) -> None:
        if text in reported:
            return
        click.echo(f"{click.style('Waiting:', fg='yellow')} {text}", err=True)
        if not reported:
            click.echo("  Ctrl+C stops; nothing is lost, and no recipient gets it twice.", err=True)
        reported.add(text)

    return report


def seldom(report: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on a repeated text only every ten seconds."""
    recent: dict[str, float] = {}

    def report_seldom(text: str) -> None:
        now = time.monotonic()
        for old in [one for one, at in recent.items() if now - at >= _REPEAT]:
            del recent[old]
        if text not in recent:
            recent[text] = now
            report(text)

    return report_seldom


def show_outcome(project: Project, database: Database, delivery: str, *, as_json: bool, quiet: bool = False) -> Summary:
    """Print the outcome of a delivery so far."""
    from newsletter.app.sending.report import summary_of
    from newsletter.app.shapes import outcome_json

    summary = summary_of(database, delivery, project.config.rates)
    if as_json:
        print_json(outcome_json(summary))
    elif not quiet:
        click.echo("\n".join(outcome_lines(summary, partial(local_time, project), now=datetime.now(UTC))))
    return summary


def outcome_lines(
    summary: Summary, instant: Callable[[datetime], str] = datetime.isoformat, *, now: datetime
) -> Iterator[str]:
    """State, counts, and what to do now. `instant`: how to write one."""
    delivery, counts = summary.delivery, summary.counts
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != "frozen")
    yield f"{delivery.state.value}: {shown or _NO_RECIPIENTS.get(delivery.state.value, 'no recipients')}"
    if delivery.reason:
        yield f"  reason: {delivery.reason}"
    if summary.rate and not delivery.state.is_over:
        yield f"  at {summary.rate}: {summary.left:,} may leave now, the last in {lasting(summary.takes)}"
    for pause in summary.pauses:
        what = pause.share or "everything"
        when = f"waits until {instant(pause.until)}" if pause.until else "is halted until you resume the delivery"
        yield f"  {what} {when}: {pause.reason}"
    for state, reasons in summary.reasons.items():
        for reason, count in reasons.items():
            yield f"  {count or 'some'} {state.value}: {in_words(reason)}"
    for provider, found in groupby(sorted(summary.failures), key=lambda one: one.provider):
        failures = ", ".join(f"{one.count} {one.state.value} ({in_words(one.reason)})" for one in found)
        yield f"  at {provider}: {failures}"
    for provider, came in groupby(sorted(summary.returned), key=lambda one: one.provider):
        kinds = ", ".join(f"{counted(one.count, one.kind.noun)} ({in_words(one.about)})" for one in came)
        yield f"  came back from {provider}: {kinds}"
    for reason, count in delivery.not_eligible.items():
        yield f"  {count} not eligible: {in_words(reason)}"
    received = any("already_received" in reasons for reasons in summary.reasons.values())
    if received and not counts["accepted"] + counts["unknown"] + counts["deferred"] + counts["waiting"]:
        yield "No message was sent. Use --again to send it once more to those who have it."
    if counts["unknown"]:
        yield f"See the unknown outcomes: newsletter deliveries recipients {delivery.id} --state unknown"
    if what_now := _what_now(summary, instant, now):
        yield what_now
    for problem in summary.problems:
        yield f"{click.style('The counts do not add up:', fg='red')} {problem}"


def _what_now(summary: Summary, instant: Callable[[datetime], str], now: datetime) -> str:
    """What happens next with a delivery that is not over, or the command that continues it."""
    from newsletter.delivery.delivery import DeliveryState

    state, name = summary.delivery.state, summary.delivery.id
    if summary.problems:
        return f"See what is wrong: newsletter deliveries verify {name}"
    if state.is_over:
        return ""
    if state is DeliveryState.SCHEDULED:
        return 'It starts by itself while "newsletter serve" is running.'
    if not state.is_under_way:
        return f"Continue: newsletter deliveries resume {name}"
    if any(one.until is None for one in summary.pauses):
        return f"Let the halted providers go on: newsletter deliveries resume {name}"
    return "A sender process is running." if summary.attended else unattended(name, summary.next_at, instant, now=now)


def unattended(delivery: str, due: datetime | None, instant: Callable[[datetime], str], *, now: datetime) -> str:
    """What to do about a delivery while no sender process is running, maybe because nothing of it is due."""
    resume = f"newsletter deliveries resume {delivery}"
    if due is not None and due > now:
        when = instant(due)
        return (
            f"The next attempt of delivery {delivery} is due at {when}. "
            f"Leave it to newsletter serve, or continue after that: {resume}"
        )
    return f"No sender process is running for {delivery}. Continue: {resume}"


def ending_of(summary: Summary, sent: SendResult) -> int:
    """The exit code of a foreground send; prints what to do when the relay could not be reached."""
    from newsletter.delivery.delivery import DeliveryState
    from newsletter.delivery.sender.sender import Ending

    if sent.ending is Ending.NO_RELAY:
        click.echo(
            "The relay could not be reached; nothing is lost. Find the cause: newsletter doctor. "
            f"Then continue: newsletter deliveries resume {summary.delivery.id}",
            err=True,
        )
    if summary.problems or summary.has_failed:
        return 1
    left = summary.counts["deferred"] + summary.counts["unknown"]
    return STOPPED_EARLY if left or summary.delivery.state is not DeliveryState.FINISHED else 0
