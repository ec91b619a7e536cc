"""Commands that make mail leave: test, send, worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.show import (
    IssuePath,
    confirm,
    from_here,
    local_time,
    print_json,
    print_problems,
    print_table,
    the_project,
)
from newsletter.reporting.wording import counted, in_words

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.app.sending.propose import CheckedIssue, Forecast
    from newsletter.storage.database.database import Database

_ACCEPTED = {True: "accepted", False: "not accepted", None: "unknown"}

ISSUE = click.argument("path", type=IssuePath())


@click.command()
@ISSUE
@click.option(
    "--to", "addresses", multiple=True, required=True, metavar="ADDRESS", help="Who gets it; may be repeated."
)
@click.option("--language", "languages", multiple=True, metavar="TAG", help="Only this edition; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each proof as JSON.")
@click.pass_context
def test(ctx: click.Context, path: Path, addresses: Sequence[str], languages: Sequence[str], as_json: bool) -> int:
    """Send a proof of the issue at PATH (a folder, a file or a slug) to addresses of your own.

    Every edition goes to every address, marked as a proof, filled for a persona. Its personal links do nothing. One
    that cannot be handed over does not keep the others back. Exits with 1 unless the relay took all of them.
    """
    from newsletter.app.operating.database import connected
    from newsletter.app.sending.proof import send_proofs

    project = the_project(ctx)
    with connected(project) as database:
        proofs = send_proofs(project, database, path, addresses, now=datetime.now(UTC), languages=languages)
    print_problems(proofs.warnings, err=True)
    if as_json:
        print_json(
            [
                {"address": one.address, "language": one.language, "accepted": one.is_accepted, "reply": one.said}
                for one in proofs.results
            ]
        )
    else:
        rows = [(one.address, one.language, _ACCEPTED[one.is_accepted], one.said) for one in proofs.results]
        print_table(("address", "language", "outcome", "reply"), rows)
    return 0 if all(one.is_accepted for one in proofs.results) else 1


@click.command()
@ISSUE
@click.option(
    "--list", "lists", multiple=True, metavar="LIST", help="To whom; may be repeated (default: as the issue says)."
)
@click.option(
    "--at",
    metavar="WHEN",
    help='Not now but at a time ("2026-11-23 09:00", or "issue" for its own); "newsletter serve" sends it then.',
)
@click.option("--timezone", metavar="TZ", help="The time zone of --at (default: the newsletter's).")
@click.option("--dry-run", is_flag=True, help="Write every message and a report into files; nobody is mailed.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where a dry run writes (default: dry-run/<slug> in the project folder).",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also to people who already got this issue.")
@click.option("--detach", is_flag=True, help='Leave the sending to "newsletter serve" or "newsletter worker".')
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: the delivery's id, and what became of it.")
@click.pass_context
def send(
    ctx: click.Context, path: Path, lists: tuple[str, ...], at: str | None, timezone: str | None, dry_run: bool,
    out: Path | None, again: bool, detach: bool, yes: bool, as_json: bool,
) -> int:  # fmt: skip
    """Send the issue at PATH (a folder, a file or a slug) to lists, now or at a time.

    The lists may stand in the issue (send: {list: …}); what is said here counts more. The same issue never reaches an
    address twice, whatever is sent, unless --again is said. Without --at it sends here until nothing is due; deferred
    messages are left to "newsletter serve" or a later "newsletter deliveries resume".

    Exit codes: 0 done, 1 problems found or failed, 2 wrong usage, 3 stopped before the end or outcomes are unknown.
    """
    from newsletter.app.operating.database import connected
    from newsletter.app.sending.choosing import OR_NOW, choose_lists, choose_start, means_the_issue, read_start
    from newsletter.app.sending.propose import checked_issue

    if out is not None and not dry_run:
        raise click.UsageError("--out goes with --dry-run")
    if timezone and not at:
        raise click.UsageError("--timezone says which time --at means; there is no --at")
    if dry_run and (at or detach):
        raise click.UsageError("--dry-run sends nothing, now or later: leave out --at and --detach")
    project, now = the_project(ctx), datetime.now(UTC)
    if at and not means_the_issue(at):
        read_start(project, at, timezone, now=now, hint=OR_NOW)  # wrong usage is told before the issue is compiled
    ready = checked_issue(project, path)
    lists = choose_lists(ready.send, lists)
    with connected(project) as database:
        if dry_run:
            return _dry_run(project, database, ready, lists, out, again=again, as_json=as_json)
        start = choose_start(project, ready.send, at, timezone, now=now)
        return _send(
            project, database, ready, lists, start, now=now, again=again, detach=detach, yes=yes, as_json=as_json
        )


def _dry_run(
    project: Project, database: Database, ready: CheckedIssue, lists: Sequence[str], out: Path | None, *,
    again: bool, as_json: bool,
) -> int:  # fmt: skip
    from newsletter.app.sending.dry_run import dry_run, report_lines

    folder = project.folder / "dry-run" / ready.issue if out is None else out
    run = dry_run(project, database, ready, lists, out=folder, now=datetime.now(UTC), again=again)
    print_problems(run.warnings, err=True)
    if as_json:
        print_json(run.as_json())
    else:
        click.echo("\n".join(report_lines(run)))
        click.echo(f"Wrote {from_here(run.out)}")
    return 0


def _send(
    project: Project, database: Database, ready: CheckedIssue, lists: Sequence[str], start: datetime | None, *,
    now: datetime, again: bool, detach: bool, yes: bool, as_json: bool,
) -> int:  # fmt: skip
    from newsletter.app.sending.choosing import own_time
    from newsletter.app.sending.propose import forecast, refuse_empty, store_delivery, unfinished
    from newsletter.app.sending.relay import check_relay
    from newsletter.cli.watching import ending_of, send_watched, show_outcome

    check_relay(project)
    print_problems(ready.warnings, err=True)
    for other in unfinished(database, ready.issue):
        click.echo(f"Delivery {other.id} of this issue is {other.state}; nobody gets it from both.", err=True)
    if not yes:
        outlook = forecast(database, ready, lists, again=again)
        if start is None:
            refuse_empty(outlook.is_empty, lists)
        _show_outlook(ready, outlook)
        if start is None and not outlook.waiting:
            return _nobody_left(outlook, as_json=as_json)
    if start is None and (own := own_time(project, ready.send, now=now)):
        click.echo(f"The issue says {own}; this sends it now (--at issue waits for it).", err=True)
    confirm(_question(project, start, now), yes=yes)
    delivery = store_delivery(project, database, ready, lists, now=datetime.now(UTC), at=start, again=again)
    if as_json:
        print_json({"delivery": delivery.id})  # before the first message leaves
    else:
        click.echo(f"Delivery {delivery.id} of {delivery.issue} to {', '.join(delivery.lists)}")
    if start is not None or detach:
        if not as_json:
            click.echo(_what_comes(project, start, delivery.created_at))
        show_outcome(project, database, delivery.id, as_json=as_json, quiet=not as_json)
        return 0
    ending = send_watched(project, database, delivery.id)
    return ending_of(show_outcome(project, database, delivery.id, as_json=as_json), ending)


def _question(project: Project, start: datetime | None, now: datetime) -> str:
    if start is None:
        return "Send it?"
    told = local_time(project, start)
    return f"{told} has passed. Send it at once?" if start <= now else f"Send it at {told}?"


def _what_comes(project: Project, start: datetime | None, now: datetime) -> str:
    """What becomes of a delivery that is not sent here."""
    if start is None:
        return 'It is left to "newsletter serve" or "newsletter worker".'
    told = local_time(project, start)
    when = f"{told} has passed: it starts at once" if start <= now else f"It starts at {told}"
    return f'{when}, sent by "newsletter serve".'


def _show_outlook(ready: CheckedIssue, outlook: Forecast) -> None:
    people = counted(outlook.waiting, "person", "people")
    click.echo(f"{ready.editions[0].subject!r} goes to {people}", err=True)
    for language, count in outlook.languages.items():
        click.echo(f"  {count:>7}  in {language}", err=True)
    for (_, reason), count in outlook.reasons.items():
        click.echo(f"  {count:>7}  not sent: {in_words(reason)}", err=True)
    for reason, count in outlook.left_out.items():
        click.echo(f"  {count:>7}  left out: {in_words(reason)}", err=True)


def _nobody_left(outlook: Forecast, *, as_json: bool) -> int:
    """There is nothing to ask about: the work is done already, and no delivery is made."""
    from newsletter.delivery.ledger.plan import Exclusion
    from newsletter.reporting.report import no_counts

    got_it = any(reason == Exclusion.ALREADY_RECEIVED for _, reason in outlook.reasons)
    click.echo("Nobody is left to mail." + (" --again sends it once more." if got_it else ""), err=True)
    if as_json:
        print_json({"delivery": None, "state": None, "counts": no_counts()})
    return 0


@click.command()
@click.option("--exit_with_parent", is_flag=True, hidden=True, help="Also stop when standard input ends.")
@click.pass_context
def worker(ctx: click.Context, exit_with_parent: bool) -> None:
    """Run only a sender process: prepares and sends whatever is due, until SIGTERM.

    Any number may run. On SIGTERM it claims nothing more, finishes what is in flight, and leaves no outcome unknown.
    """
    from newsletter.app.logs import write_log
    from newsletter.app.operating.database import connect
    from newsletter.app.sending.relay import check_relay
    from newsletter.app.sending.worker import run_worker
    from newsletter.cli.watching import seldom

    write_log()
    project = the_project(ctx)
    check_relay(project)
    tell = seldom(logging.getLogger("newsletter.sender").warning)
    database = connect(project, tell=tell)
    try:
        run_worker(project, database, tell=tell, exit_with_parent=exit_with_parent)
    finally:
        database.close()
