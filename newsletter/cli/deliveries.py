"""Commands that watch and steer deliveries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import click

from newsletter.cli.command import JSON, YES, with_database
from newsletter.cli.show import confirm, local_time, print_facts, print_json, print_result, print_table
from newsletter.cli.watching import ending_of, outcome_lines, send_watched, show_outcome, unattended, wait_for_end
from newsletter.reporting.wording import in_words

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.reporting.report import Report
    from newsletter.storage.audience.returned import ReturnedEmail
    from newsletter.storage.database.database import Database

_STATES = (
    "waiting", "claimed", "permitted", "accepted", "deferred", "rejected", "unknown", "suppressed", "excluded",
)  # fmt: skip
_KEEP_OR_RESTORE = (
    "Keep the database and ask for help. If recipients are missing from the ledger, restore a backup: "
    "newsletter db restore, or pg_restore"
)


@click.group()
def deliveries() -> None:
    """Watch and steer deliveries.

    ID is the id of a delivery or its beginning, "last" (the newest delivery), or an issue's slug (its newest delivery).
    """


def _about_one(function: Callable[..., int | None]) -> click.Command:
    """Make a function a command about one delivery: it gets the project, the database and the delivery's id."""

    @deliveries.command(function.__name__)
    @click.argument("name", metavar="ID")
    @with_database
    @wraps(function)
    def run(project: Project, database: Database, /, name: str, **options: Any) -> int | None:
        from newsletter.storage.ledger.deliveries import Deliveries

        return function(project, database, Deliveries(database).id_of(name), **options)

    return run


@deliveries.command("list")
@JSON
@with_database
def list_(project: Project, database: Database, as_json: bool) -> None:
    """List all deliveries, and what schedules send next."""
    from newsletter.app.sending.report import is_attended, is_scheduling, next_of
    from newsletter.app.shapes import delivery_json
    from newsletter.storage.ledger.deliveries import Deliveries

    found = Deliveries(database).all()
    idle = {} if is_attended(database) else next_of(database, found)
    if as_json:
        print_json([delivery_json(delivery) for delivery in found])
        return
    from newsletter.app.sending.recurring import coming_times  # loads what reads issues
    from newsletter.scheduler import next_time

    coming = coming_times(project, database, datetime.now(UTC), next_time)
    if not found:
        click.echo("There are no deliveries yet.")
    rows = [
        (
            one.id,
            one.issue,
            one.state.value,
            "" if one.frozen_count is None else one.frozen_count,
            ", ".join(one.lists),
            local_time(project, one.scheduled_at or one.created_at),
        )
        for one in found
    ]
    if rows:
        print_table(("id", "issue", "state", "recipients", "lists", "time"), rows)
    for name, due in idle.items():
        click.echo(unattended(name, due, partial(local_time, project), now=datetime.now(UTC)))
    for one in found:
        if one.reason and not one.state.is_over:
            click.echo(f"{one.id} is {one.state}: {one.reason}")
    for turn in coming:
        what = turn.issue or "nothing yet: no issue of that date or earlier is waiting"
        click.echo(f"Next, {turn.schedule}: {local_time(project, turn.at)}, {what}")
        if turn.note:
            click.echo(f"  {turn.note}")
    if coming and not is_scheduling(database):
        click.echo('"newsletter serve" is not running: start it, and keep it running until then.')


@_about_one
@click.option("--watch", is_flag=True, help="Show progress, by provider too, and wait until it is over or stopped.")
@JSON
def show(project: Project, database: Database, delivery: str, watch: bool, as_json: bool) -> None:
    """Show one delivery: its state, and its recipients by state."""
    from newsletter.app.sending.report import summary_of
    from newsletter.app.shapes import delivery_json, summary_json

    if watch:
        wait_for_end(database, delivery, partial(local_time, project))
    summary = summary_of(database, delivery, project.config.rates)
    if as_json:
        print_json(summary_json(summary))
        return
    shown = partial(local_time, project)
    facts = {name.removesuffix("_at"): value for name, value in delivery_json(summary.delivery, shown).items() if value}
    del facts["state"]  # with its reason below
    facts.pop("reason", None)
    print_facts({name: ", ".join(value) if isinstance(value, tuple) else value for name, value in facts.items()})
    click.echo("\n" + "\n".join(outcome_lines(summary, shown, now=datetime.now(UTC))))


@_about_one
@JSON
def report(project: Project, database: Database, delivery: str, as_json: bool) -> int:
    """Report the outcome of a delivery.

    Counts every reason, and lists the recipients whose outcome is unknown or who were sent to more than once.

    Exits with 1 when the counts do not add up; "verify" also compares the rows.
    """
    from newsletter.app.sending.report import report_on
    from newsletter.app.shapes import report_json

    found = report_on(database, delivery, project.config.rates)
    if as_json:
        print_json(report_json(found))
    else:
        click.echo("\n".join(_report_lines(found, partial(local_time, project))))
    return 1 if found.summary.problems else 0


def _report_lines(report: Report, shown: Callable[[datetime], str]) -> Iterator[str]:
    delivery = report.summary.delivery
    yield f"Delivery {delivery.id} of {delivery.issue}"
    yield from outcome_lines(report.summary, shown, now=datetime.now(UTC))
    if delivery.started_at and delivery.finished_at and delivery.state != "sending":
        seconds = (delivery.finished_at - delivery.started_at).total_seconds()
        rate = report.summary.counts["accepted"] / max(seconds, 1.0)
        yield f"Sent in {timedelta(seconds=round(seconds))}, pauses included: {rate:,.1f} accepted a second"
    yield f"Editions: {', '.join(f'{count} {language}' for language, count in report.languages.items()) or 'none'}"
    for provider, states in report.providers.items():
        counts = ", ".join(f"{count:,} {state.value}" for state, count in sorted(states.items()))
        yield f"To {provider}: {counts}"
    if report.leaving:
        yield "Why readers unsubscribed, where they said so:"
        yield from (f"  {count} {reason.replace('-', ' ')}" for reason, count in report.leaving.items())
    for title, listed in (("May or may not have arrived", report.unknown), ("Sent more than once", report.resent)):
        if listed:
            yield f"{title}:"
            yield from (f"  {one.address or one.id}  {one.state.value}  {in_words(one.reason)}" for one in listed)
    if not report.summary.problems:
        yield "The counts add up."


@_about_one
@JSON
def verify(_project: Project, database: Database, delivery: str, as_json: bool) -> int:
    """Reconcile a delivery from its rows.

    Compares the frozen recipients, their states and their attempts with each other: half a minute for a million
    recipients. Exits with 1 when something differs. A delivery is also reconciled when it finishes.
    """
    from newsletter.app.sending.report import verify as verify_delivery

    problems = verify_delivery(database, delivery)
    if as_json:
        print_json({"delivery": delivery, "reconciled": not problems, "problems": list(problems)})
    elif problems:
        for problem in problems:
            click.echo(f"{click.style('Not reconciled:', fg='red')} {problem}")
        click.echo(_KEEP_OR_RESTORE)
    else:
        click.echo("Reconciled: the counts add up, and states and attempts agree.")
    return 1 if problems else 0


@_about_one
@click.option("--state", type=click.Choice(_STATES), help="Only recipients in this state.")
@JSON
def recipients(project: Project, database: Database, delivery: str, state: str | None, as_json: bool) -> None:
    """List the recipients of a delivery with their outcomes.

    With --json, one object per line.
    """
    from newsletter.app.sending.report import returned_to
    from newsletter.app.shapes import recipient_json
    from newsletter.delivery.ledger.ledger import RecipientState
    from newsletter.storage.ledger.deliveries import Deliveries

    rows = Deliveries(database).recipients(delivery, None if state is None else RecipientState(state))
    returned = returned_to(database, delivery)
    if as_json:
        for one in rows:
            print_json(recipient_json(one, returned.get(one.id)))
        return
    first = next(rows, None)
    if first is None:
        click.echo(f"No recipient is {state}." if state else "It has no recipients.")
        return
    cells = (
        (
            one.address or one.id,
            one.language,
            one.state,
            one.attempts,
            local_time(project, one.next_at) if one.state is RecipientState.DEFERRED else "",
            in_words(one.reason) or _returned(returned.get(one.id)) or one.reply,
        )
        for one in chain([first], rows)
    )
    print_table(("address", "language", "state", "attempts", "next", "reason"), cells)


def _returned(one: ReturnedEmail | None) -> str:
    return f"{one.kind.noun}: {one.reply or in_words(one.about)}" if one else ""


@_about_one
@JSON
def pause(project: Project, database: Database, delivery: str, as_json: bool) -> None:
    """Pause a delivery; "resume" continues it."""
    from newsletter.app.sending import steer

    steer.pause(database, delivery)
    show_outcome(project, database, delivery, as_json=as_json)


@_about_one
@click.option("--detach", is_flag=True, help='Leave the sending to "newsletter serve" or "newsletter worker".')
@click.option("--force", is_flag=True, help="Also to a real relay while the sender or the public URL is unfinished.")
@JSON
def resume(project: Project, database: Database, delivery: str, detach: bool, force: bool, as_json: bool) -> int:
    """Continue a delivery that was paused, halted or missed.

    Also one whose process has died: it is taken over at once from a process of this host, and from another host's
    process when its lease has expired.

    Exit codes: 0 done, 1 failed, 3 stopped before the end or outcomes are unknown.
    """
    from newsletter.app.sending import steer
    from newsletter.app.sending.relay import check_relay

    check_relay(project)
    steer.resume(project, database, delivery, datetime.now(UTC), force=force)
    sent = None if detach else send_watched(project, database, delivery)
    summary = show_outcome(project, database, delivery, as_json=as_json)
    return 0 if sent is None else ending_of(summary, sent)


@deliveries.command()
@click.argument("name", metavar="ID")
@YES
@JSON
@with_database
def cancel(project: Project, database: Database, name: str, yes: bool, as_json: bool) -> None:
    """End a delivery for good. Recipients that are still waiting get nothing.

    On a terminal it asks first when ID is not a whole id.
    """
    from newsletter.app.sending import steer
    from newsletter.storage.ledger.deliveries import Deliveries

    found = Deliveries(database).get(delivery := Deliveries(database).id_of(name))
    if name != delivery and sys.stdin.isatty():
        confirm(f"Cancel delivery {delivery} of {found.issue}, which is {found.state}?", yes=yes)
    steer.cancel(database, delivery, datetime.now(UTC))
    show_outcome(project, database, delivery, as_json=as_json)


@_about_one
@click.option("--at", required=True, metavar="WHEN", help='Such as "2026-11-23 09:00".')
@click.option("--timezone", metavar="TZ", help="The time zone of --at (default: the newsletter's).")
@JSON
def reschedule(
    project: Project, database: Database, delivery: str, at: str, timezone: str | None, as_json: bool
) -> None:
    """Give a scheduled or missed delivery another start time."""
    from newsletter.app.sending import steer
    from newsletter.app.sending.choosing import clock_note, read_start
    from newsletter.app.sending.report import is_scheduling
    from newsletter.app.shapes import delivery_json
    from newsletter.authoring.issue import SendPlan

    now = datetime.now(UTC)
    when = read_start(project, at, timezone, now=now)
    changed = steer.reschedule(project, database, delivery, when, now)
    if note := clock_note(project, SendPlan(), at, timezone):
        click.echo(note, err=True)
    if not is_scheduling(database):
        click.echo('"newsletter serve" is not running: start it, and keep it running until then.', err=True)
    print_result(delivery_json(changed), f"{changed.id} starts at {local_time(project, when)}", as_json=as_json)


@_about_one
@click.option(
    "--unknown", "verdict", required=True, type=click.Choice(("accepted", "resend")),
    help="accepted: the message arrived. resend: send it again; some recipients may get it twice.",
)  # fmt: skip
@click.option("--recipient", "only", multiple=True, metavar="A", help="Only this address or id; may be repeated.")
@JSON
def resolve(
    project: Project, database: Database, delivery: str, verdict: Literal["accepted", "resend"], only: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Set the outcome of unknown recipients: of all, or of some."""
    from newsletter.app.sending import steer

    moved = steer.resolve(project, database, delivery, verdict, now=datetime.now(UTC), only=only)
    if not as_json:
        click.echo(f"{moved} {'counted as accepted' if verdict == 'accepted' else 'will be sent again'}")
    show_outcome(project, database, delivery, as_json=as_json)


@_about_one
@click.option("--from", "wrong", required=True, metavar="URL", help="The URL as it was sent.")
@click.option("--to", "right", required=True, metavar="URL", help="Where it leads now; the same URL: as it was sent.")
@JSON
def link(_project: Project, database: Database, delivery: str, wrong: str, right: str, as_json: bool) -> None:
    """Mend a wrong link on the web page of an issue.

    Also in the archive and in feeds. The emails keep the URL that they were sent with. The change is recorded.
    """
    from newsletter.app.sending.mend import mend_link

    languages = mend_link(database, delivery, wrong, right, now=datetime.now(UTC))
    facts = {"delivery": delivery, "from": wrong, "to": right, "languages": languages}
    print_result(facts, f"Mended on the pages in {', '.join(languages)}", as_json=as_json)
