"""Commands for what comes back by email."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.command import JSON, with_database
from newsletter.cli.show import print_facts, print_json, show_error
from newsletter.errors import NewsletterError, RequestError

if TYPE_CHECKING:
    from newsletter.app.audience.bounces import Reading
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database

_TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h, by which a mail server that pipes an email into a command tries again later."""
_MOST = 1024 * 1024
"""Bytes of an email; one of ours is a tenth of that."""
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def bounces() -> None:
    """Read the emails that come back: bounces and complaints."""


@bounces.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--maildir", type=_FOLDER, help="Read every email of a Maildir (default: [bounces] maildir).")
@click.option(
    "--unmatched",
    type=_FOLDER,
    metavar="DIR",
    help="Where emails go that match no recipient (default: unmatched/ in it).",
)
@JSON
def read(file: Path | None, maildir: Path | None, unmatched: Path | None, as_json: bool) -> int | None:
    """Read a Maildir, or the one email in FILE ("-": standard input).

    A hard bounce suppresses its address, a soft one only after weeks of them, a complaint unsubscribes and suppresses.
    Only emails that carry a token of a message of ours count. What was read moves to done/ in the Maildir.

    With "-" the exit code is 75 where a mail server is to try again.
    """
    if file is not None and maildir is not None:
        raise click.UsageError("Give a file or --maildir, not both")
    try:
        return _read(file=file, maildir=maildir, unmatched=unmatched, as_json=as_json)
    except NewsletterError as error:
        if str(file) != "-" or isinstance(error, RequestError):
            raise
        show_error(error)
        return _TRY_AGAIN


@with_database
def _read(
    project: Project, database: Database, file: Path | None, maildir: Path | None, unmatched: Path | None, as_json: bool
) -> None:
    from newsletter.app.audience.bounces import bounce_folders, read_email, read_maildir

    own, elsewhere = bounce_folders(project)
    where, now = unmatched or elsewhere, datetime.now(UTC)
    if file is not None:
        _print(read_email(project, database, now, _content(file), where), as_json=as_json)
    elif (folder := maildir or own) is not None:
        _print(read_maildir(project, database, now, folder, where), as_json=as_json)
    else:
        raise click.UsageError('Name a Maildir with --maildir DIR or [bounces] maildir, or one email: a file, or "-"')


def _content(file: Path) -> bytes:
    """The beginning of an email. The rest of a pipe is read, too: its writer would fail otherwise."""
    with click.open_file(str(file), "rb") as opened:
        data: bytes = opened.read(_MOST)
        while opened.read(_MOST):
            pass
    return data


def _print(reading: Reading, *, as_json: bool) -> None:
    from newsletter.feedback.found import ReturnKind

    kinds = {kind.value: reading.kinds.get(kind, 0) for kind in ReturnKind}
    facts = {
        "read": reading.read, **kinds, "repeated": reading.repeated, "suppressed": reading.suppressed,
        "unsubscribed": reading.unsubscribed,
    }  # fmt: skip
    if as_json:
        print_json(facts | {"kept": str(reading.unmatched) if reading.unmatched else None})
        return
    if not reading.read:
        click.echo("There is nothing to read.")
        return
    print_facts({name: count for name, count in facts.items() if count})
    if reading.unmatched:
        click.echo(f"What matches no recipient is in {reading.unmatched}")
