"""Commands for operators: init, db, secret, doctor, demo."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.command import JSON, YES, with_project
from newsletter.cli.show import confirm, from_here, print_facts, print_json, print_result, the_project
from newsletter.errors import RequestError
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.keys import Keys
    from newsletter.app.project import Project


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--theme", metavar="NAME", default="", help="The look to begin with: digest, letter, magazine or bulletin."
)
@JSON
def init(folder: Path, theme: str, as_json: bool) -> None:
    """Start a new newsletter project in DIR (default: here).

    Writes newsletter.toml, a git-ignored secret.toml, templates/ and issues/ with a first issue. Existing files are
    not overwritten.
    """
    from newsletter.app.operating.new_project import start_project

    files = [str(file) for file in start_project(folder, theme)]
    steps = [*([] if folder == Path() else [f"cd {folder}"]), "newsletter preview", "newsletter check"]
    text = "".join(f"  {file}\n" for file in files) + "\nNext:" + "".join(f"\n  {step}" for step in steps)
    print_result({"folder": str(folder), "files": files}, text, as_json=as_json)


@click.group()
def db() -> None:
    """Upgrade, back up, restore and adopt the database."""


@db.command()
@JSON
@with_project
def upgrade(project: Project, as_json: bool) -> None:
    """Upgrade the database to the schema of this program. Make a backup first.

    On PostgreSQL it also makes the tables of the job queue.
    """
    from newsletter.app.operating.database import upgrade_database
    from newsletter.jobs import install
    from newsletter.storage.database.database import open_database

    done = upgrade_database(project)
    with closing(open_database(project.database_url, create=False)) as database:
        changed = install(project, database) or done.changed
    text = f"The database {done.database} {'is up to date now' if changed else 'was up to date'}."
    print_result({"database": done.database, "changed": changed}, text, as_json=as_json)


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@JSON
@with_project
def backup(project: Project, file: Path, as_json: bool) -> None:
    """Copy the database into a new FILE, also while it is in use.

    Keep secret.toml with it: without that file a backup cannot be restored.
    """
    from newsletter.app.operating.backup import back_up
    from newsletter.app.operating.database import connect_to_back_up

    with closing(connect_to_back_up(project)) as database:
        size = back_up(database, file)
    text = f"Wrote {file} ({size:,} bytes). Keep a copy of secret.toml with it."
    print_result({"file": str(file), "bytes": size}, text, as_json=as_json)


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Also one that is older than what the journal keeps (90 days).")
@YES
@JSON
@with_project
def restore(project: Project, file: Path, force: bool, yes: bool, as_json: bool) -> None:
    """Replace the database with a backup FILE. Refused while a sender is running.

    What happened after the backup was made is taken from the journal beside secret.toml: nobody gets an issue twice,
    and who unsubscribed or was suppressed or erased stays so. Scheduled and unfinished deliveries of the backup are
    stopped and wait for you.
    """
    from newsletter.app.operating.backup import restore as restore_backup
    from newsletter.app.operating.database import connect_to_replace

    confirm(f"Replace the database of {project.folder} by {file}?", yes=yes)
    with closing(connect_to_replace(project)) as database:
        restored = restore_backup(project, database, file, datetime.now(UTC), force=force)
    kept = counted(restored.carried_over, "unsubscribe or suppression", "unsubscribes and suppressions")
    lines = [f"Restored {file}. Carried over from since then: {kept}."]
    if restored.sent:
        lines.append(
            f"By the journal, messages were sent since then ({restored.sent}); nobody gets these issues again."
        )
    lines += [f"  stopped {name}: look at it with newsletter deliveries show {name}" for name in restored.stopped]
    if restored.warning:
        click.echo(f"Warning: {restored.warning}", err=True)
    facts = {
        "file": str(file),
        "stopped": restored.stopped,
        "carried_over": restored.carried_over,
        "sent": restored.sent,
    }
    print_result(facts, "\n".join(lines), as_json=as_json)


@db.command()
@JSON
@with_project
def adopt(project: Project, as_json: bool) -> None:
    """Send from this database, which was moved or copied here.

    A database that was moved or copied here sends nothing until you say so: the place it came from may still be
    sending. From then on its scheduled and unfinished deliveries go on.
    """
    from newsletter.app.operating.database import adopt_database, connect

    with closing(connect(project)) as database:
        done = adopt_database(project, database)
    text = f"The database {done.database} ({done.identity}) is sent from here now."
    print_result({"database": done.database, "identity": done.identity}, text, as_json=as_json)


@click.group()
def secret() -> None:
    """List, rotate and retire the signing keys in secret.toml."""


@secret.command()
@JSON
@with_project
def rotate(project: Project, as_json: bool) -> None:
    """Sign links with a new key from now on.

    The older keys stay in secret.toml, so that links in emails already sent continue to work.
    """
    from newsletter.app.keys import rotate_keys

    project.require_key_file()
    _print_keys(rotate_keys(project.folder), as_json=as_json)


@secret.command("list")
@JSON
@with_project
def list_keys(project: Project, as_json: bool) -> None:
    """List the ids of the signing keys, the newest first."""
    _print_keys(project.keys, as_json=as_json)


@secret.command()
@click.argument("id_", metavar="ID")
@YES
@JSON
@with_project
def retire(project: Project, id_: str, yes: bool, as_json: bool) -> None:
    """Remove the signing key ID, because it leaked.

    Every link signed with it stops working for good: unsubscribe, one-click and view links of all emails sent with it.
    The newest key cannot be retired; rotate first.
    """
    from newsletter.app.keys import check_retirable, retire_key

    project.require_key_file()
    check_retirable(project.folder, id_)
    question = f"Retire key {id_!r}? Unsubscribe and view links in every email signed with it stop working for good."
    confirm(question, yes=yes)
    _print_keys(retire_key(project.folder, id_), as_json=as_json)


def _print_keys(keys: Keys, *, as_json: bool) -> None:
    newest, *older = [key.id for key in keys.signing]
    kept = f"older keys that still verify: {', '.join(older)}" if older else "there are no older keys"
    text = f"Links are signed with key {newest}; {kept}."
    print_result({"signs": newest, "verify": older}, text, as_json=as_json)


@click.command()
@JSON
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Examine this installation. Changes nothing.

    Checks the configuration, keys, compiler, relay and database, and reconciles every delivery.
    Exits with 1 when something is broken.
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
@JSON
@click.pass_context
def demo(ctx: click.Context, out: Path | None, as_json: bool) -> int:
    """Send this project's issues to made-up subscribers and a mail catcher on this machine.

    Checks, builds, creates a database, imports 300 made-up subscribers, dry-runs, delivers over SMTP, and shows which
    subscriber got which message. Nothing leaves this machine; all files go into one folder, which is emptied first.
    """
    if find_spec("aiosmtpd") is None:
        raise RequestError("The demo needs a mail catcher", hint="Install it, in a checkout: pip install '.[demo]'")
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
