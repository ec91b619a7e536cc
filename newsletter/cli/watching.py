"""Watching a foreground send: progress on a terminal, what is in its way, what it came to, and the exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from newsletter.cli.show import local_time, print_json
from newsletter.reporting.wording import in_words

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.app.sending.worker import SendResult
    from newsletter.delivery.ledger.ledger import Claim, Decision
    from newsletter.reporting.report import Summary
    from newsletter.storage.database.database import Database

STOPPED_EARLY = 3

_NOBODY = {"scheduled": "its recipients are counted when it starts", "cancelled": "it never started"}
"""State → what to say of a delivery that has no recipients, where that alone would surprise."""

_REPEAT = 10.0
"""Seconds before the same trouble is told again."""


def send_watched(project: Project, database: Database, delivery: str) -> SendResult:
    """Send in the foreground, showing how far it is."""
    from newsletter.app.sending.worker import send_now

    with progress() as watch:
        return send_now(project, database, delivery, watch=watch, trouble=tell_once())


@contextmanager
def progress() -> Iterator[Callable[[Claim, Decision], None]]:
    """Counts on a terminal the messages that are over, each once; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _claim, _decision: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.completed:.0f} messages"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("sending", total=None)
        yield lambda _claim, decision: shown.advance(task, 0 if decision.next_at else 1)


def tell_once() -> Callable[[str], None]:
    """Tells each thing that is in the way once; with the first, how to stop waiting for it."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if text in told:
            return
        click.echo(f"{click.style('Waiting:', fg='yellow')} {text}", err=True)
        if not told:
            click.echo("  Ctrl+C stops; nothing is lost, and nobody gets it twice.", err=True)
        told.add(text)

    return tell


def seldom(tell: Callable[[str], None]) -> Callable[[str], None]:
    """The same, but the same text only now and then: what is tried often fails often."""
    told: dict[str, float] = {}

    def tell_seldom(text: str) -> None:
        now = time.monotonic()
        if now - told.get(text, -_REPEAT) >= _REPEAT:
            for old in [one for one, at in told.items() if now - at >= _REPEAT]:
                del told[old]
            told[text] = now
            tell(text)

    return tell_seldom


def show_outcome(project: Project, database: Database, delivery: str, *, as_json: bool, quiet: bool = False) -> Summary:
    """Print what a delivery has come to so far."""
    from newsletter.app.sending.report import summary_of
    from newsletter.reporting.shapes import outcome_json

    summary = summary_of(database, delivery)
    if as_json:
        print_json(outcome_json(summary))
    elif not quiet:
        click.echo("\n".join(outcome_lines(summary, partial(local_time, project), now=datetime.now(UTC))))
    return summary


def outcome_lines(
    summary: Summary, told: Callable[[datetime], str] = datetime.isoformat, *, now: datetime
) -> Iterator[str]:
    """State, counts, and what to do now. `told`: how to write an instant."""
    delivery, counts = summary.delivery, summary.counts
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != "frozen")
    yield f"{delivery.state.value}: {shown or _NOBODY.get(delivery.state.value, 'no recipients')}"
    if delivery.reason:
        yield f"  because {delivery.reason}"
    for state, reasons in summary.reasons.items():
        for reason, count in reasons.items():
            yield f"  {count or 'some'} {state.value}: {in_words(reason)}"
    for reason, count in delivery.left_out.items():
        yield f"  {count} left out: {in_words(reason)}"
    received = any("already_received" in reasons for reasons in summary.reasons.values())
    if received and not counts["accepted"] + counts["unknown"] + counts["deferred"] + counts["waiting"]:
        yield "Nobody was mailed. --again sends it once more."
    if counts["unknown"]:
        yield f"Look at the unknown: newsletter deliveries recipients {delivery.id} --state unknown"
    if what_now := _what_now(summary, told, now):
        yield what_now
    for problem in summary.problems:
        yield f"{click.style('The counts do not add up:', fg='red')} {problem}"


def _what_now(summary: Summary, told: Callable[[datetime], str], now: datetime) -> str:
    """What happens by itself with a delivery that is not over, or what to type so that something does."""
    from newsletter.delivery.delivery import DeliveryState

    state, name = summary.delivery.state, summary.delivery.id
    if summary.problems:
        return f"See what is wrong: newsletter deliveries verify {name}"
    if state.is_over:
        return ""
    if state is DeliveryState.SCHEDULED:
        return 'It starts by itself while "newsletter serve" is running.'
    if not state.is_under_way:
        return f"Go on: newsletter deliveries resume {name}"
    return "A sender is at work." if summary.attended else unattended(name, summary.next_at, told, now=now)


def unattended(delivery: str, due: datetime | None, told: Callable[[datetime], str], *, now: datetime) -> str:
    """What to do about a delivery that nobody is at work on, which may be because nothing of it is due."""
    go_on = f"newsletter deliveries resume {delivery}"
    if due is not None and due > now:
        return (
            f"The next of {delivery} is due at {told(due)}. Leave it to newsletter serve, or go on after that: {go_on}"
        )
    return f"Nobody is at work on {delivery}. Go on: {go_on}"


def ending_of(summary: Summary, sent: SendResult) -> int:
    """The exit code of a foreground send; says what it waits for when it stopped before the end."""
    from newsletter.delivery.delivery import DeliveryState
    from newsletter.delivery.sender.sender import Ending

    if sent.ending is Ending.NO_RELAY:
        click.echo(
            "The relay could not be reached; nothing is lost. See what is wrong with it: newsletter doctor. "
            f"Then go on: newsletter deliveries resume {summary.delivery.id}",
            err=True,
        )
    if summary.problems:
        return 1
    left = summary.counts["deferred"] + summary.counts["unknown"]
    return STOPPED_EARLY if left or summary.delivery.state is not DeliveryState.FINISHED else 0
