"""The commands of operating: init, db, secret, doctor, demo."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.show import confirm, from_here, print_facts, print_json, the_project
from newsletter.errors import RequestError
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.keys import Keys

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@_as_json
def init(folder: Path, as_json: bool) -> None:
    """Start a new newsletter project in DIR (default: here).

    Writes newsletter.toml, a git-ignored secret.toml, templates/ and issues/ with a first issue. Nothing that exists is
    overwritten.
    """
    from newsletter.app.operating.new_project import start_project

    files = start_project(folder)
    if as_json:
        print_json({"folder": str(folder), "files": [str(file) for file in files]})
        return
    for file in files:
        click.echo(f"  {file}")
    here = folder == Path()
    click.echo("\nNext:" + ("" if here else f"\n  cd {folder}") + "\n  newsletter preview\n  newsletter check")


@click.group()
def db() -> None:
    """Upgrade, back up and restore the database."""


@db.command()
@_as_json
@click.pass_context
def upgrade(ctx: click.Context, as_json: bool) -> None:
    """Upgrade the database to the schema of this program. Make a backup first."""
    from newsletter.app.operating.database import upgrade_database

    done = upgrade_database(the_project(ctx))
    if as_json:
        print_json({"database": done.database, "changed": done.changed})
    else:
        click.echo(f"The database {done.database} {'is up to date now' if done.changed else 'was up to date'}.")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_as_json
@click.pass_context
def backup(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Copy the database into a new FILE, also while it is in use.

    Keep secret.toml with it: without that file a backup cannot be restored.
    """
    from newsletter.app.operating.backup import back_up
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        size = back_up(database, file)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        click.echo(f"Wrote {file} ({size:,} bytes). Keep a copy of secret.toml with it.")


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_context
def restore(ctx: click.Context, file: Path, yes: bool, as_json: bool) -> None:
    """Replace the database with a backup FILE.

    Deliveries that are scheduled or sending in the backup are stopped and wait for you: subscribers may have got those
    issues since it was made. Later unsubscribes, suppressions and erasures are carried over if the present database can
    be read.
    """
    from newsletter.app.operating.backup import restore as restore_backup
    from newsletter.app.operating.database import connect_to_replace

    project = the_project(ctx)
    confirm(f"Replace the database of {project.folder} by {file}?", yes=yes)
    database = connect_to_replace(project)
    try:
        restored = restore_backup(project, database, file, datetime.now(UTC))
    finally:
        database.close()
    if as_json:
        print_json({"file": str(file), "stopped": restored.stopped, "carried_over": restored.carried_over})
        return
    told = counted(restored.carried_over, "departure or suppression", "departures and suppressions")
    click.echo(f"Restored {file}. Carried over from since then: {told}.")
    for delivery in restored.stopped:
        click.echo(f"  stopped {delivery}: look at it with newsletter deliveries show {delivery}")


@click.group()
def secret() -> None:
    """List, rotate and retire the signing keys in secret.toml."""


@secret.command()
@_as_json
@click.pass_context
def rotate(ctx: click.Context, as_json: bool) -> None:
    """Sign links with a new key from now on.

    The older keys stay in secret.toml, so that links in emails already sent go on working.
    """
    from newsletter.app.keys import rotate_keys

    _print_keys(rotate_keys(the_project(ctx).folder), as_json=as_json)


@secret.command("list")
@_as_json
@click.pass_context
def list_keys(ctx: click.Context, as_json: bool) -> None:
    """List the ids of the signing keys, the newest first."""
    _print_keys(the_project(ctx).keys, as_json=as_json)


@secret.command()
@click.argument("id_", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_context
def retire(ctx: click.Context, id_: str, yes: bool, as_json: bool) -> None:
    """Remove the signing key ID, because it leaked.

    Every link signed with it stops working for good: unsubscribing, one-click and viewing in all emails sent with it.
    The newest key cannot be retired; rotate first.
    """
    from newsletter.app.keys import check_retirable, retire_key

    folder = the_project(ctx).folder
    check_retirable(folder, id_)
    question = f"Retire key {id_!r}? Unsubscribe and view links in every email signed with it stop working for good."
    confirm(question, yes=yes)
    _print_keys(retire_key(folder, id_), as_json=as_json)


def _print_keys(keys: Keys, *, as_json: bool) -> None:
    newest, *older = [key.id for key in keys.signing]
    if as_json:
        print_json({"signs": newest, "verify": older})
        return
    kept = f"older keys that still verify: {', '.join(older)}" if older else "there are no older keys"
    click.echo(f"Links are signed with key {newest}; {kept}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Examine this installation. Changes nothing.

    Examines configuration, keys, compiler, relay and database, and reconciles every delivery. Exits with 1 when
    something is broken.
    """
    from newsletter.app.operating.doctor import Grade, examine
    from newsletter.app.sending.relay import probe_relay
    from newsletter.app.shapes import finding_json

    findings = examine(the_project(ctx, even_without=True), probe_relay)
    if as_json:
        print_json([finding_json(finding) for finding in findings])
    else:
        marks = {Grade.GOOD: ("ok", "green"), Grade.WARNING: ("warn", "yellow"), Grade.BAD: ("BAD", "red")}
        for finding in findings:
            mark, colour = marks[finding.grade]
            click.echo(f"{click.style(f'{mark:<5}', fg=colour)} {finding.about:<9} {from_here(finding.message)}")
            if finding.hint and finding.grade is not Grade.GOOD:
                click.echo(f"{'':<16}{from_here(finding.hint)}")
    return 1 if any(finding.grade is Grade.BAD for finding in findings) else 0


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The output folder (default: .demo).")
@_as_json
@click.pass_context
def demo(ctx: click.Context, out: Path | None, as_json: bool) -> int:
    """Send this project's issues to made-up subscribers and a mail catcher on this machine.

    Checks, builds, creates a database, imports 300 made-up subscribers, makes a dry run, delivers over SMTP and shows
    what became of every copy. Nothing leaves this machine. All files are written into one folder, which is emptied
    first.
    """
    if find_spec("aiosmtpd") is None:
        raise RequestError("The demo needs a mail catcher", hint="Install it: pip install 'newsletter[demo]'")
    from newsletter.app.shapes import demo_json
    from newsletter.demo.demo import run_demo

    project = the_project(ctx, even_without=True)
    report = run_demo(project, out or project.folder / ".demo", partial(click.echo, err=as_json))
    if as_json:
        print_json(demo_json(report))
    else:
        print_facts({name: from_here(path) for name, path in report.where_to_look.items()})
    if not report.is_reconciled:
        click.echo("The counts do not add up.", err=True)
    sys.stdout.flush()
    return 0 if report.is_reconciled else 1
