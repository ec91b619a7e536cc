"""`newsletter series`: sequences of issues that start when somebody confirms a list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from newsletter.cli.command import JSON, YES, with_database
from newsletter.cli.show import confirm, local_time, print_json, print_problems, print_table, visible
from newsletter.reporting.wording import lasting

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database

_NAME = click.argument("name", metavar="NAME")


@click.group()
def series() -> None:
    """List, start, stop and show the series of series/: issues that new subscribers get one after the other."""


@series.command("list")
@JSON
@with_database
def list_(project: Project, database: Database, as_json: bool) -> None:
    """List every series, and whether it is running."""
    from newsletter.app.sending.series import list_series
    from newsletter.app.shapes import series_json

    found = [series_json(*one) for one in list_series(project, database)]
    if as_json:
        print_json(found)
    elif found:
        rows = [(one["series"], one["list"], one["steps"], "running" if one["running"] else "stopped") for one in found]
        print_table(["SERIES", "LIST", "STEPS", "STATE"], rows)
    else:
        click.echo("There is no series yet. Write series/welcome/series.yaml, and its issues beside it.")


@series.command()
@_NAME
@click.option("--force", is_flag=True, help="Also for a real relay while something is unfinished, as with send.")
@YES
@with_database
def start(project: Project, database: Database, name: str, force: bool, yes: bool) -> None:
    """Check and compile a series, and let it run.

    It begins for subscribers who confirm its list from now on. A step that is running goes on; a new step reaches
    subscribers whose moment is still to come. Start it again after every change to the files. "newsletter serve" sends
    the messages.
    """
    from newsletter.app.sending.report import is_scheduling
    from newsletter.app.sending.series import propose_series, start_series

    proposed = propose_series(project, database, name, now=datetime.now(UTC), force=force)
    for one in proposed.checked:
        print_problems(one.warnings, err=True)
    rows = [
        (step.issue, _moment(step.wait), ", ".join(checked.subjects.values()), proposed.change_of(number) or "as it is")
        for number, (step, checked) in enumerate(zip(proposed.series.steps, proposed.checked, strict=True))
    ]
    print_table(["STEP", "AFTER", "SUBJECT", ""], [[visible(str(cell)) for cell in row] for row in rows])
    confirm(f"Start it for those who confirm {proposed.series.list} from now on?", yes=yes)
    start_series(database, proposed, now=datetime.now(UTC))
    click.echo(f"The series {name} is running.")
    if not is_scheduling(database):
        click.echo('Its emails are sent by "newsletter serve". That is not running: start it.', err=True)


@series.command()
@_NAME
@with_database
def stop(_project: Project, database: Database, name: str) -> None:
    """Stop a series. Messages of steps that were due already are still sent.

    A subscriber whose moment comes before the series is started again does not get that step.
    """
    from newsletter.app.sending.series import stop_series

    stop_series(database, name)
    click.echo(f"The series {name} is stopped.")


@series.command()
@_NAME
@JSON
@with_database
def show(project: Project, database: Database, name: str, as_json: bool) -> None:
    """Show the steps of a series, who waits and what was sent."""
    from newsletter.app.sending.series import show_series
    from newsletter.app.shapes import step_json

    def instant(moment: datetime) -> str:
        return moment.isoformat() if as_json else local_time(project, moment)

    found = [step_json(one, instant) for one in show_series(project, database, name, datetime.now(UTC))]
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found:
        counts = one["sent"]
        accepted = counts.get("accepted", 0)
        others = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "accepted")
        stopped = one["reason"] if one["state"] in ("paused", "halted", "cancelled") else ""
        said = f"{one['state']}: {stopped}" if stopped else "running" if one["running"] else "stopped"
        waiting = f"{one['waiting']}, next {one['next']}" if one["next"] else "-"
        moment = _moment(timedelta(seconds=one["wait"]))
        rows.append([one["issue"], moment, waiting, accepted, others or "-", one["delivery"] or "-", said])
    print_table(["STEP", "AFTER", "WAITING", "ACCEPTED", "OTHERS", "DELIVERY", "STATE"], rows)
    if any(one["changed"] for one in found) or len({one["running"] for one in found}) > 1:
        click.echo(f"The files have changed since it was started: newsletter series start {name}", err=True)


def _moment(wait: timedelta) -> str:
    return lasting(wait) if wait else "at once"
