"""`newsletter subscribers`: import, export, show and change subscribers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from newsletter.audience.consent import Consent
from newsletter.cli.show import confirm, from_here, local_time, print_facts, print_json, print_table, the_project
from newsletter.disk import drafted
from newsletter.reporting.wording import counted, in_words

if TYPE_CHECKING:
    from newsletter.app.audience.importing import ImportReport
    from newsletter.app.audience.subscribers import SubscriberRecord
    from newsletter.app.project import Project

_SHOWN = 10
"""How many rejected rows and notes are shown on a terminal; the file has all."""

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_lists = click.option("--list", "slugs", multiple=True, required=True, metavar="LIST", help="May be repeated.")
_consent = click.option(
    "--consent",
    type=click.Choice([Consent.CONFIRMED.value, Consent.PENDING.value]),
    help="Consent of new subscriptions (default: confirmed on single opt-in lists, pending on double ones).",
)
_basis = click.option("--basis", default="", metavar="TEXT", help="What they agreed to and where; kept as evidence.")


@click.group()
def subscribers() -> None:
    """Import, export, show and change subscribers."""


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_lists
@_consent
@_basis
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "update"]),
    default="skip",
    show_default=True,
    help="Whether the file replaces the data of subscribers who exist already.",
)
@click.option(
    "--format",
    type=click.Choice(["auto", "csv"]),
    default="auto",
    expose_value=False,
    help="Of the file. Both mean CSV; delimiter and encoding are detected.",
)
@click.option("--encoding", default="", help="Of the file, if it is neither UTF-8 nor UTF-16.")
@click.option(
    "--status",
    type=click.Choice([Consent.CONFIRMED.value]),
    help="Everyone in the file has confirmed; ignore the status column of another tool.",
)
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Default: FILE.rejects.csv")
@click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing.")
@_as_json
@click.pass_context
def import_(ctx: click.Context, /, file: Path, slugs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Import a CSV file: all of it, or nothing if it fails.

    Columns: email (required), name, language, timezone, and those that the export writes; every other column is an
    attribute. An import never re-subscribes anyone. A file with another tool's status column is refused. No email is
    sent. Exits with 1 when every row was rejected.
    """
    from newsletter.app.audience.importing import ImportOrder, import_subscribers
    from newsletter.app.operating.database import connected
    from newsletter.app.shapes import import_json
    from newsletter.audience.importing.decide import OnConflict

    order = ImportOrder(
        file=file,
        lists=slugs,
        consent=Consent(options["consent"]) if options["consent"] else None,
        all_confirmed=options["status"] is not None,
        basis=options["basis"],
        on_conflict=OnConflict(options["on_conflict"]),
        encoding=options["encoding"],
        rejects=options["rejects"],
        dry_run=options["dry_run"],
    )
    project = the_project(ctx)
    with connected(project) as database:
        report = import_subscribers(project, database, order, now=datetime.now(UTC))
    if as_json:
        print_json(import_json(report))
    else:
        _print_import(report, dry_run=order.dry_run)
    if report.has_failed:
        ctx.exit(1)


@subscribers.command()
@click.option("--list", "slug", metavar="LIST", help="Only the subscribers of this list.")
@click.option(
    "--raw", is_flag=True, help="Do not put an apostrophe before text that a spreadsheet would take for a formula."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file (default: standard output).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line instead of CSV.")
@click.pass_context
def export(ctx: click.Context, slug: str | None, raw: bool, out: Path | None, as_json: bool) -> None:
    """Write all subscribers as CSV, with consent and suppression. An import restores all of it."""
    from newsletter.app.audience.exporting import export_subscribers
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database, _opened(out) as target:
        count = export_subscribers(database, target, slug=slug, raw=raw, as_json=as_json)
    if out is not None:
        click.echo(f"{counted(count, 'row')} in {out}", err=True)


@subscribers.command()
@click.argument("email")
@_lists
@click.option("--name", default="", help="Their name.")
@click.option("--language", default="", help="A language tag, such as en or zh-Hant.")
@click.option("--timezone", default="", help="A time zone, such as Europe/Berlin.")
@_consent
@_basis
@_as_json
@click.pass_context
def add(ctx: click.Context, /, email: str, slugs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Add one subscriber to lists, or record that they confirmed.

    An existing consent changes only with --consent confirmed and a --basis that says how they confirmed.
    """
    from newsletter.app.audience.subscribers import NewSubscriber, add_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    new = NewSubscriber(email, options["name"], options["language"], options["timezone"])
    consent = Consent(options["consent"]) if options["consent"] else None
    with connected(project) as database:
        kept = add_subscriber(
            project, database, new, slugs, consent=consent, basis=options["basis"], now=datetime.now(UTC)
        )
    _print_subscriber(project, kept, as_json=as_json)
    pending = [item.list for item in kept.subscriptions if item.list in slugs and item.consent is Consent.PENDING]
    if consent is Consent.CONFIRMED and pending:
        how = "Say with --basis how they confirmed, as in --basis 'asked by email on 3 May'."
        click.echo(f"{email} stays pending on {', '.join(pending)}. {how}", err=True)


@subscribers.command()
@click.argument("email")
@_as_json
@click.pass_context
def show(ctx: click.Context, email: str, as_json: bool) -> None:
    """Show everything that is stored about one address."""
    from newsletter.app.audience.subscribers import show_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    with connected(project) as database:
        record = show_subscriber(project, database, email)
    _print_subscriber(project, record, as_json=as_json)


@subscribers.command()
@click.argument("email")
@click.option("--list", "slug", metavar="LIST", help="Only this list (default: all).")
@_as_json
@click.pass_context
def unsubscribe(ctx: click.Context, email: str, slug: str | None, as_json: bool) -> None:
    """Unsubscribe one subscriber from a list, or from all of them."""
    from newsletter.app.audience.subscribers import unsubscribe_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    with connected(project) as database:
        ended = unsubscribe_subscriber(project, database, email, slug, now=datetime.now(UTC))
    if as_json:
        print_json({"email": email, "left": ended})
    else:
        where = f"from {', '.join(ended)}" if ended else "already, or was never on the list"
        click.echo(f"{email} is unsubscribed {where}.")


@subscribers.command()
@click.argument("email")
@click.option("--reason", required=True, metavar="TEXT", help="Why; stored with it.")
@_as_json
@click.pass_context
def suppress(ctx: click.Context, email: str, reason: str, as_json: bool) -> None:
    """Never write to an address again, whatever it subscribes to."""
    from newsletter.app.audience.subscribers import suppress_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    with connected(project) as database:
        fresh = suppress_subscriber(project, database, email, reason, now=datetime.now(UTC))
    if as_json:
        print_json({"email": email, "suppressed": True, "changed": fresh})
    else:
        click.echo(f"{email} is suppressed." if fresh else f"{email} was suppressed already.")


@subscribers.command()
@click.argument("email")
@_as_json
@click.pass_context
def unsuppress(ctx: click.Context, email: str, as_json: bool) -> None:
    """Allow an address again. Its subscriptions are unchanged."""
    from newsletter.app.audience.subscribers import unsuppress_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    with connected(project) as database:
        unsuppress_subscriber(project, database, email, now=datetime.now(UTC))
    if as_json:
        print_json({"email": email, "suppressed": False})
    else:
        click.echo(f"{email} may be written to again.")


@subscribers.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_context
def erase(ctx: click.Context, email: str, yes: bool, as_json: bool) -> None:
    """Erase a subscriber for good. A keyed hash remains, so that no import brings the address back."""
    from newsletter.app.audience.subscribers import erase_subscriber_everywhere, show_subscriber
    from newsletter.app.operating.database import connected

    project = the_project(ctx)
    with connected(project) as database:
        show_subscriber(project, database, email)  # asks nothing about an unknown address
        confirm("Everything that is stored about this subscriber will be erased for good. Go on?", yes=yes)
        erase_subscriber_everywhere(project, database, email, now=datetime.now(UTC))
    if as_json:
        print_json({"erased": True})
    else:
        click.echo("Erased. Backups and exported files still contain the subscriber; delete them yourself.")


@contextmanager
def _opened(file: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file."""
    if file is None:
        yield sys.stdout
        return
    if not file.parent.is_dir():
        raise click.UsageError(f"{file} cannot be written: there is no folder {file.parent}")
    with drafted(file, hint="Choose another file with --out") as out:
        yield out


def _print_import(report: ImportReport, *, dry_run: bool) -> None:
    from newsletter.audience.importing.decide import VerdictKind

    print_facts({"rows": report.rows, **{kind.value: count for kind, count in report.counts.items()}})
    if report.attributes and report.taken:
        click.echo(f"Kept as attributes: {', '.join(report.attributes)}")
    for reason, count in sorted(report.skipped.items()):
        click.echo(f"  skipped: {count} {reason}")
    for row in report.rejected[:_SHOWN]:
        click.echo(f"  line {row.line} rejected: {row.reason}")
    for line, note in report.notes[:_SHOWN]:
        click.echo(f"  line {line}: {note}")
    rejected = report.counts[VerdictKind.REJECTED]
    hidden = max(0, rejected - _SHOWN) + max(0, report.noted - _SHOWN)
    if hidden:
        click.echo(f"  … and {hidden} more")
    if report.rejects:
        click.echo(f"Rejected rows are in {from_here(report.rejects)}; correct them there and import that file.")
    if dry_run:
        click.echo("A dry run: nothing was changed.")


def _print_subscriber(project: Project, record: SubscriberRecord, *, as_json: bool) -> None:
    from newsletter.app.shapes import subscriber_json

    if as_json:
        print_json(subscriber_json(record, partial(datetime.isoformat, timespec="seconds")))
        return
    facts = subscriber_json(record, partial(local_time, project))
    attributes = facts.pop("attributes")
    tables = {name: facts.pop(name) for name in ("subscriptions", "deliveries")}
    suppression = facts.pop("suppression")
    print_facts({name: value or "-" for name, value in {**facts, **attributes}.items()})
    if suppression:
        note = f" ({suppression['note']})" if suppression["note"] else ""
        click.echo(f"Suppressed since {suppression['since']}: {in_words(suppression['reason'])}{note}")
    for name, rows in tables.items():
        if rows:
            click.echo()
            print_table(list(rows[0]), [[value or "-" for value in row.values()] for row in rows])
        else:
            click.echo(f"No {name}.")
