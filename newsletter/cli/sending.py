"""Commands that send: test, send, worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
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
    visible,
)
from newsletter.reporting.wording import counted, lasting

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.app.sending.propose import Forecast, Proposal
    from newsletter.storage.database.database import Database

_ACCEPTED = {True: "accepted", False: "not accepted", None: "unknown"}

ISSUE = click.argument("path", type=IssuePath())


@click.command()
@ISSUE
@click.option(
    "--to", "addresses", multiple=True, required=True, metavar="ADDRESS", help="Who gets it; may be repeated."
)
@click.option("--language", "languages", multiple=True, metavar="TAG", help="Only this edition; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def test(ctx: click.Context, path: Path, addresses: Sequence[str], languages: Sequence[str], as_json: bool) -> int:
    """Send a proof of the issue at PATH (a folder, a file or a slug) to your own addresses.

    Every edition goes to every address, marked as a proof and filled for a persona. Its personal links do nothing. What
    a send to a real relay would refuse is a warning here. Exits with 1 unless the relay accepted every proof; one that
    fails does not stop the others.
    """
    from newsletter.app.operating.database import connect
    from newsletter.app.sending.proof import send_proofs
    from newsletter.app.shapes import proof_json

    project = the_project(ctx)
    with closing(connect(project)) as database:
        proofs = send_proofs(project, database, path, addresses, now=datetime.now(UTC), languages=languages)
    print_problems(proofs.warnings, err=True)
    if as_json:
        print_json([proof_json(one) for one in proofs.results])
    else:
        rows = [(one.address, one.language, _ACCEPTED[one.is_accepted], one.said) for one in proofs.results]
        print_table(("address", "language", "outcome", "reply"), rows)
    return 0 if all(one.is_accepted for one in proofs.results) else 1


@click.command()
@ISSUE
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Send to this list; may be repeated (default: the issue's lists).",
)
@click.option(
    "--segment", metavar="NAME|EXPR",
    help="Only those of them who belong to this segment (default: the issue's; true for everybody).",
)  # fmt: skip
@click.option(
    "--at",
    metavar="WHEN",
    help='Send later ("2026-11-23 09:00", or "issue" for the issue\'s own time); "newsletter serve" sends it then.',
)
@click.option("--timezone", metavar="TZ", help="The time zone of --at (default: the newsletter's).")
@click.option("--dry-run", is_flag=True, help="Write every message and a report into files; send nothing.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where a dry run writes (default: dry-run/<slug> in the project folder).",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also to subscribers who have this issue already.")
@click.option(
    "--force", is_flag=True,
    help="Also to a real relay while the sender, the public URL or a text is unfinished (see above).",
)  # fmt: skip
@click.option("--detach", is_flag=True, help='Leave the sending to "newsletter serve" or "newsletter worker".')
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: the delivery's id, and what became of it.")
@click.pass_context
def send(
    ctx: click.Context, path: Path, lists: tuple[str, ...], segment: str | None, at: str | None, timezone: str | None,
    dry_run: bool, out: Path | None, again: bool, force: bool, detach: bool, yes: bool, as_json: bool,
) -> int:  # fmt: skip
    """Send the issue at PATH (a folder, a file or a slug) to lists, now or at a time.

    The issue may name its lists (send: {list: …}); --list overrides them. No address gets the same issue twice, in
    whatever delivery, unless you say --again. Without --at the command sends until nothing is due; deferred messages
    are left to "newsletter serve" or a later "newsletter deliveries resume". A time in the past is refused.

    To a real relay, one that is not on this machine, nothing unfinished is sent: a sender that is still the example's,
    a public URL that is not https or that readers cannot reach, a TODO in a text. All of it is listed; --force sends
    it all the same.

    Exit codes: 0 done, 1 problems found or failed, 2 wrong usage, 3 stopped before the end or outcomes are unknown.
    """
    from newsletter.app.operating.database import connect
    from newsletter.app.sending.propose import confirm as confirm_delivery
    from newsletter.app.sending.propose import propose
    from newsletter.cli.watching import ending_of, send_watched, show_outcome

    if out is not None and not dry_run:
        raise click.UsageError("--out goes with --dry-run")
    if timezone and not at:
        raise click.UsageError("--timezone says which time --at means; there is no --at")
    if dry_run and (at or detach):
        raise click.UsageError("--dry-run sends nothing, now or later: omit --at and --detach")
    project = the_project(ctx)
    with closing(connect(project)) as database:
        if dry_run:
            return _dry_run(project, database, path, lists, segment, out, again=again, as_json=as_json)
        proposal = propose(
            project,
            database,
            path,
            lists,
            now=datetime.now(UTC),
            at=at,
            timezone=timezone,
            segment=segment,
            again=again,
            force=force,
        )
        _show_proposal(proposal)
        start = proposal.start
        if not (yes or start or proposal.forecast.waiting):
            return _nobody_left(proposal.forecast, as_json=as_json)
        confirm(f"Send it at {local_time(project, start)}?" if start else "Send it?", yes=yes)
        delivery = confirm_delivery(project, database, proposal, now=datetime.now(UTC))
        if as_json:
            print_json({"delivery": delivery.id})  # before the first message leaves
        else:
            click.echo(f"Delivery {delivery.id} of {delivery.issue} to {', '.join(delivery.lists)}")
        if start or detach:
            click.echo(_what_comes(project, database, start), err=as_json)
            show_outcome(project, database, delivery.id, as_json=as_json, quiet=not as_json)
            return 0
        ending = send_watched(project, database, delivery.id)
        return ending_of(show_outcome(project, database, delivery.id, as_json=as_json), ending)


def _dry_run(
    project: Project, database: Database, path: Path, lists: Sequence[str], segment: str | None, out: Path | None, *,
    again: bool, as_json: bool,
) -> int:  # fmt: skip
    from newsletter.app.sending.dry_run import dry_run, report_lines
    from newsletter.app.shapes import dry_run_json

    run = dry_run(project, database, path, lists, now=datetime.now(UTC), segment=segment, out=out, again=again)
    print_problems(run.warnings, err=True)
    if as_json:
        print_json(dry_run_json(run))
    else:
        click.echo("\n".join(map(visible, report_lines(run))))
        click.echo(f"Wrote {from_here(run.out)}")
    if run.has_failed:
        click.echo("Not one message could be composed: a send would fail.", err=True)
    return int(run.has_failed)


def _show_proposal(proposal: Proposal) -> None:
    from newsletter.app.sending.dry_run import forecast_lines

    checked, outlook = proposal.checked, proposal.forecast
    print_problems(checked.warnings, err=True)
    for other in proposal.unfinished:
        click.echo(
            f"Delivery {other.id} of this issue is {other.state}, with the text it had when it was created. "
            "No subscriber gets both; to send only this one, cancel the other: "
            f"newsletter deliveries cancel {other.id}",
            err=True,
        )
    subject = next(iter(checked.subjects.values()))
    click.echo(f"{visible(subject)!r} goes to {counted(outlook.waiting, 'subscriber', 'subscribers')}", err=True)
    if proposal.segment:
        click.echo(f"  Segment {visible(str(proposal.segment))}", err=True)
    for line in forecast_lines(outlook, checked.subjects):
        click.echo(visible(line), err=True)
    if proposal.clock_note:
        click.echo(proposal.clock_note, err=True)
    if proposal.rate:
        click.echo(f"At {proposal.rate} this takes {lasting(proposal.takes)}.", err=True)
    if proposal.issue_time:
        click.echo(f"The issue says {proposal.issue_time}; this sends it now (--at issue waits for it).", err=True)


def _what_comes(project: Project, database: Database, start: datetime | None) -> str:
    """What becomes of a delivery that is not sent here, and what has to be started for it."""
    from newsletter.app.sending.report import is_attended, is_scheduling

    if start is None:
        left = 'It is left to "newsletter serve" or "newsletter worker".'
        if database.is_server and not is_scheduling(database):
            return (
                f'{left} No scheduler is running to queue its jobs: start "newsletter serve" or "newsletter scheduler".'
            )
        return left if is_attended(database) else f"{left} Neither is running: start one."
    told = f'It starts at {local_time(project, start)}, sent by "newsletter serve".'
    return told if is_scheduling(database) else f"{told} That is not running: start it, and keep it running until then."


def _nobody_left(outlook: Forecast, *, as_json: bool) -> int:
    """There is nothing to ask about: the work is done already, and no delivery is made."""
    from newsletter.app.shapes import outcome_json
    from newsletter.delivery.ledger.plan import Exclusion

    got_it = any(reason == Exclusion.ALREADY_RECEIVED for _, reason in outlook.reasons)
    click.echo(
        "No recipients are left." + (" Use --again to send it once more to those who have it." if got_it else ""),
        err=True,
    )
    if as_json:
        print_json(outcome_json(None))
    return 0


@click.command()
@click.option("--exit-with-parent", is_flag=True, hidden=True, help="Also stop when standard input ends.")
@click.pass_context
def worker(ctx: click.Context, exit_with_parent: bool) -> None:
    """Run only a sender process. It prepares and sends whatever is due, until SIGTERM.

    Any number may run, on any machines, where the database is a PostgreSQL server: there they share the work. On
    SIGTERM it claims nothing more and finishes what is in flight.
    """
    from newsletter.app.logs import write_log
    from newsletter.app.operating.database import connect
    from newsletter.app.sending.relay import check_relay
    from newsletter.cli.watching import seldom
    from newsletter.jobs import install, work

    project = the_project(ctx)
    write_log(project.config)
    check_relay(project)
    tell = seldom(logging.getLogger("newsletter.sender").warning)
    with closing(connect(project, tell=tell)) as database:
        install(project, database)
        work(project, database, on_trouble=tell, exit_with_parent=exit_with_parent)
