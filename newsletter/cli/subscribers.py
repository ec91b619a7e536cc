"""`newsletter subscribers`: import, export, show and change subscribers."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from newsletter.audience.consent import Consent
from newsletter.audience.importing.profiles import State, profiles
from newsletter.cli.command import JSON, YES, with_database
from newsletter.cli.show import (
    confirm,
    from_here,
    local_time,
    print_facts,
    print_json,
    print_result,
    print_table,
    visible,
)
from newsletter.columns import indented
from newsletter.disk import drafted
from newsletter.reporting.wording import counted, in_words

if TYPE_CHECKING:
    from newsletter.app.audience.importing import ImportReport
    from newsletter.app.audience.subscribers import SubscriberRecord
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database

_SHOWN = 10
"""How many rejected rows and notes are printed; the file has all."""

_EMAIL = click.argument("email")
_lists = click.option("--list", "slugs", multiple=True, required=True, metavar="LIST", help="May be repeated.")
_consent = click.option(
    "--consent",
    type=click.Choice([Consent.CONFIRMED.value, Consent.PENDING.value]),
    help="Consent of new subscriptions (default: confirmed on single opt-in lists, pending on double ones).",
)
_basis = click.option("--basis", default="", metavar="TEXT", help="What they agreed to and where; stored as evidence.")


@click.group()
def subscribers() -> None:
    """Import, export, show and change subscribers."""


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_lists
@_consent
@_basis
@click.option(
    "--on-conflict", type=click.Choice(["skip", "update"]), default="skip", show_default=True,
    help="Whether the file replaces the data of subscribers who exist already.",
)  # fmt: skip
@click.option(
    "--from",
    "tool",
    type=click.Choice(["auto", *profiles()]),
    default="auto",
    show_default=True,
    help="The tool that exported the file; auto recognises it by its columns.",
)
@click.option("--map", "names", multiple=True, metavar="COLUMN=NAME", help="Read a column by another name.")
@click.option("--encoding", default="", help="Encoding of the file, if it is neither UTF-8 nor UTF-16.")
@click.option(
    "--status", type=click.Choice([*(consent.value for consent in Consent), State.SUPPRESSED.value]),
    help="What all of them are. In a known tool's export: all whose row does not say worse.",
)  # fmt: skip
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Default: FILE.rejects.csv")
@click.option("--start-series", is_flag=True, help="The series of the lists begin for those who become confirmed.")
@click.option("--dry-run", is_flag=True, help="Report what would happen; change nothing.")
@JSON
@with_database
def import_(
    project: Project, database: Database, file: Path, slugs: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    """Import a CSV file: all of it, or nothing if it fails.

    The ZIP of a Mailchimp audience is read as it is. Columns: email (required), name, language, timezone, and
    those that the export writes; every other column is an attribute. The exports of known tools bring names, tags,
    evidence and who has left; those who are subscribed there without a time of confirmation stay pending unless
    --basis is given. A status column that is not understood stops the import. An import never re-subscribes
    anyone, and sends no email; series begin only with --start-series. The exit code is 1 when every row was rejected.
    """
    from newsletter.app.audience.importing import ImportOrder, import_subscribers
    from newsletter.app.shapes import import_json
    from newsletter.audience.importing.decide import OnConflict

    order = ImportOrder(
        file=file,
        lists=slugs,
        consent=Consent(options["consent"]) if options["consent"] else None,
        status=State(options["status"]) if options["status"] else None,
        tool=options["tool"],
        headings=_named(options["names"]),
        basis=options["basis"],
        on_conflict=OnConflict(options["on_conflict"]),
        encoding=options["encoding"],
        rejects=options["rejects"],
        dry_run=options["dry_run"],
        start_series=options["start_series"],
    )
    report = import_subscribers(project, database, order, now=datetime.now(UTC))
    if as_json:
        print_json(import_json(report))
    else:
        _print_import(report, dry_run=order.dry_run)
    return int(report.has_failed)


@subscribers.command()
@click.option("--list", "slug", metavar="LIST", help="Only the subscribers of this list.")
@click.option(
    "--raw", is_flag=True, help="Do not put an apostrophe before text that a spreadsheet would take for a formula."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file (default: standard output).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line instead of CSV.")
@with_database
def export(_project: Project, database: Database, slug: str | None, raw: bool, out: Path | None, as_json: bool) -> None:
    """Write all subscribers as CSV, with consent and suppression. An import restores all of it."""
    from newsletter.app.audience.exporting import export_subscribers

    with _opened(out) as target:
        count = export_subscribers(database, target, slug=slug, raw=raw, as_json=as_json)
    if out is not None:
        click.echo(f"{counted(count, 'row')} in {out}", err=True)


@subscribers.command()
@_EMAIL
@_lists
@click.option("--name", default="", help="The subscriber's name.")
@click.option("--language", default="", help="A language tag, such as en or zh-Hant.")
@click.option("--timezone", default="", help="A time zone, such as Europe/Berlin.")
@_consent
@_basis
@JSON
@with_database
def add(
    project: Project, database: Database, email: str, slugs: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Add one subscriber to lists, or record a confirmation.

    An existing consent changes only with --consent confirmed and a --basis that says how they confirmed.
    """
    from newsletter.app.audience.subscribers import NewSubscriber, add_subscriber

    new = NewSubscriber(email, options["name"], options["language"], options["timezone"])
    consent = Consent(options["consent"]) if options["consent"] else None
    record = add_subscriber(
        project, database, new, slugs, consent=consent, basis=options["basis"], now=datetime.now(UTC)
    )
    _print_subscriber(project, record, as_json=as_json)
    pending = [item.list for item in record.subscriptions if item.list in slugs and item.consent is Consent.PENDING]
    if consent is Consent.CONFIRMED and pending:
        how = "Give the evidence with --basis, as in --basis 'asked by email on 3 May'."
        click.echo(f"{email} stays pending on {', '.join(pending)}. {how}", err=True)


@subscribers.command("list")
@click.option("--list", "slug", metavar="LIST", help="Only the subscribers of this list, whatever their consent.")
@click.option("--where", metavar="EXPR|NAME", default="", help="Only those of an expression or a segment.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@with_database
def list_(project: Project, database: Database, slug: str | None, where: str, as_json: bool) -> None:
    """List subscribers, one a line: address, name and language.

    --where takes an expression, such as 'country == "DE" and "weekly" in lists', or the name of a segment.
    """
    from newsletter.app.audience.segments import list_subscribers
    from newsletter.app.shapes import standing_json

    for one in list_subscribers(project, database, slug, where):
        facts = standing_json(one)
        if as_json:
            print_json(facts)
        else:
            click.echo("\t".join(visible(value or "-") for value in facts.values()))


@subscribers.command()
@_EMAIL
@JSON
@with_database
def show(project: Project, database: Database, email: str, as_json: bool) -> None:
    """Show everything stored about one address."""
    from newsletter.app.audience.subscribers import show_subscriber

    _print_subscriber(project, show_subscriber(project, database, email), as_json=as_json)


@subscribers.command()
@_EMAIL
@click.option("--list", "slug", metavar="LIST", help="Only this list (default: all).")
@JSON
@with_database
def unsubscribe(project: Project, database: Database, email: str, slug: str | None, as_json: bool) -> None:
    """Unsubscribe one subscriber from a list, or from all of them."""
    from newsletter.app.audience.subscribers import unsubscribe_subscriber

    ended = unsubscribe_subscriber(project, database, email, slug, now=datetime.now(UTC))
    where = f"from {', '.join(ended)}" if ended else "already, or was never on the list"
    print_result({"email": email, "left": ended}, f"{email} is unsubscribed {where}.", as_json=as_json)


@subscribers.command()
@_EMAIL
@click.argument("text", metavar="TEXT")
@click.option("--by", default=None, metavar="NAME", help="Who writes it (default: the account of this machine).")
@JSON
@with_database
def note(project: Project, database: Database, email: str, text: str, by: str | None, as_json: bool) -> None:
    """Write a note about a subscriber, with its time and author.

    Notes are personal data: the subscriber gets them with everything about them, and erasing removes them.
    """
    from newsletter.app.audience.history import add_note

    author = _account() if by is None else by
    count = add_note(project, database, email, text, author, now=datetime.now(UTC))
    print_result({"email": email, "notes": count}, f"{email} has {counted(count, 'note')}.", as_json=as_json)


@subscribers.command()
@_EMAIL
@JSON
@with_database
def history(project: Project, database: Database, email: str, as_json: bool) -> None:
    """Show what happened with one address, the earliest first.

    Sign-ups and consent, changes, deliveries, what came back, suppression and notes, in one list.
    """
    from newsletter.app.audience.history import history_of
    from newsletter.app.shapes import happening_json

    found = history_of(project, database, email)
    if as_json:
        print_json([happening_json(one) for one in found])
    else:
        lines = (happening_json(one, partial(local_time, project)) for one in found)
        print_table(["when", "what", "about"], [[value or "-" for value in one.values()] for one in lines])


@subscribers.command()
@_EMAIL
@click.argument("tags", nargs=-1, required=True, metavar="TAG…")
@JSON
@with_database
def tag(project: Project, database: Database, email: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Add tags to a subscriber.

    A segment asks for them: '"vip" in tags'.
    """
    _tag(project, database, email, tags, as_json=as_json, remove=False)


@subscribers.command()
@_EMAIL
@click.argument("tags", nargs=-1, required=True, metavar="TAG…")
@JSON
@with_database
def untag(project: Project, database: Database, email: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Take tags away from a subscriber."""
    _tag(project, database, email, tags, as_json=as_json, remove=True)


def _tag(
    project: Project, database: Database, email: str, tags: tuple[str, ...], *, as_json: bool, remove: bool
) -> None:
    from newsletter.app.audience.subscribers import tag_subscriber

    now = datetime.now(UTC)
    present = tag_subscriber(project, database, email, tags, remove=remove, now=now)
    text = f"{email}: {', '.join(map(visible, present)) or 'no tags'}"
    print_result({"email": email, "tags": present}, text, as_json=as_json)


@subscribers.command()
@click.argument("email", required=False)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="All addresses of a file: one on a line, or a CSV file with a column email.",
)  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="The reason; stored with the suppression.")
@click.option("--dry-run", is_flag=True, help="With --file: report what would happen; change nothing.")
@JSON
@with_database
def suppress(
    project: Project,
    database: Database,
    email: str | None,
    file: Path | None,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Never send to an address again, whatever it subscribes to.

    With --file all addresses of a file are suppressed, or none if it cannot be read.
    The exit code is 1 when every row of it was rejected.
    """
    from newsletter.app.audience.importing import suppress_addresses
    from newsletter.app.audience.subscribers import suppress_subscriber
    from newsletter.app.shapes import import_json

    if (email is None) == (file is None) or (dry_run and file is None):
        raise click.UsageError("Give one address, or --file FILE (with --dry-run, if you like)")
    if file is not None:
        report = suppress_addresses(project, database, file, reason, dry_run=dry_run, now=datetime.now(UTC))
        if as_json:
            print_json(import_json(report) | {"suppressed": report.taken})
        else:
            print_facts({"suppressed": report.taken})
            _print_rows(report, dry_run=dry_run)
        return int(report.has_failed)
    assert email is not None
    changed = suppress_subscriber(project, database, email, reason, now=datetime.now(UTC))
    text = f"{email} is suppressed." if changed else f"{email} was suppressed already."
    print_result({"email": email, "suppressed": True, "changed": changed}, text, as_json=as_json)
    return 0


@subscribers.command()
@_EMAIL
@JSON
@with_database
def unsuppress(project: Project, database: Database, email: str, as_json: bool) -> None:
    """Allow sending to an address again. Its subscriptions are unchanged."""
    from newsletter.app.audience.subscribers import unsuppress_subscriber

    unsuppress_subscriber(project, database, email, now=datetime.now(UTC))
    print_result({"email": email, "suppressed": False}, f"{email} may be written to again.", as_json=as_json)


@subscribers.command()
@_EMAIL
@YES
@JSON
@with_database
def erase(project: Project, database: Database, email: str, yes: bool, as_json: bool) -> None:
    """Erase a subscriber for good. A keyed hash remains, so that no import brings the address back."""
    from newsletter.app.audience.subscribers import erase_subscriber_everywhere, show_subscriber

    show_subscriber(project, database, email)  # an unknown address is refused before the question
    confirm("Everything stored about this subscriber will be erased for good. Continue?", yes=yes)
    erase_subscriber_everywhere(project, database, email, now=datetime.now(UTC))
    text = "Erased. Backups and exported files may still contain the address; delete them yourself."
    print_result({"erased": True}, text, as_json=as_json)


def _account() -> str:
    """Of the operator on this machine; empty where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _named(names: tuple[str, ...]) -> dict[str, str]:
    """Column → name, of `COLUMN=NAME`. Raises UsageError."""
    pairs = [text.rpartition("=") for text in names]
    for text, (column, _, name) in zip(names, pairs, strict=True):
        if not (column.strip() and name.strip()):
            raise click.UsageError(f"--map {text} has no column and name, as in --map 'Email Address=email'")
    return {column: name.strip() for column, _, name in pairs}


@contextmanager
def _opened(file: Path | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        return
    if not file.parent.is_dir():
        raise click.UsageError(f"{file} cannot be written: there is no folder {file.parent}")
    with drafted(file, hint="Choose another file with --out") as out:
        yield out


def _print_import(report: ImportReport, *, dry_run: bool) -> None:

    print_facts({"rows": report.rows, **{kind.value: count for kind, count in report.counts.items()}})
    if report.tool not in ("", "CSV"):
        click.echo(f"Read as an export of {report.tool}.")
    click.echo("In the file: " + (", ".join(f"{n} {state}" for state, n in sorted(report.states.items())) or "nobody"))
    if report.unproved:
        click.echo(
            f"  {report.unproved} of the pending are subscribed in {report.tool} without a time of confirmation; "
            "--basis TEXT says how they agreed, and confirms them"
        )
    if report.attributes and report.taken:
        click.echo(f"Stored as attributes: {', '.join(report.attributes)}")
    _print_rows(report, dry_run=dry_run)


def _print_rows(report: ImportReport, *, dry_run: bool) -> None:
    from newsletter.audience.importing.decide import VerdictKind

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
        click.echo(
            f"Rejected rows are in {from_here(report.rejects)}; correct them there and import that file likewise."
        )
    if dry_run:
        click.echo("A dry run: nothing was changed.")


def _print_subscriber(project: Project, record: SubscriberRecord, *, as_json: bool) -> None:
    from newsletter.app.shapes import subscriber_json
    from newsletter.audience.subscriber import text_of

    if as_json:
        print_json(subscriber_json(record, partial(datetime.isoformat, timespec="seconds")))
        return
    facts = subscriber_json(record, partial(local_time, project))
    attributes = facts.pop("attributes")
    tables = {name: facts.pop(name) for name in ("subscriptions", "deliveries", "returned", "notes")}
    suppression, signups = facts.pop("suppression"), facts.pop("signups")
    texts = {name: text_of(value) for name, value in attributes.items()}
    print_facts({name: value or "-" for name, value in {**facts, **texts}.items()})
    if suppression:
        note = f" ({visible(suppression['note'])})" if suppression["note"] else ""
        click.echo(f"Suppressed since {suppression['since']}: {in_words(suppression['reason'])}{note}")
    for name, rows in tables.items():
        if rows:
            click.echo()
            print_table(list(rows[0]), [[value or "-" for value in row.values()] for row in rows])
        else:
            click.echo("Nothing came back." if name == "returned" else f"No {name}.")
    for signup in signups:
        click.echo("\nSign-up by the form:")
        words = {name: signup.pop(name) for name in ("words", "confirmed_words")}
        shown = {name.replace("_", "-"): value for name, value in signup.items()}
        print_facts(
            {name: ", ".join(value) if isinstance(value, list) else value or "-" for name, value in shown.items()}
        )
        for name, text in words.items():
            if text:
                click.echo(f"{name.replace('_', '-')}:\n{indented(text, '    ')}")
