"""`newsletter statement`: one signed page of all that happened to one address; and whether one is as it was signed."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.show import local_time, print_facts, print_json, print_result, the_project, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.app.project import Project

_ISOLATES = re.compile("[\u2068\u2069]")
"""Around the names in the words of pages (UAX 9); they show nothing."""


@click.command()
@click.argument("email", required=False)
@click.option("--html", "as_html", is_flag=True, help="Print the signed page, one file that holds its JSON too.")
@click.option("--json", "as_json", is_flag=True, help="Print signed JSON.")
@click.option(
    "--verify", "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Say whether a statement, HTML or JSON, is as it was signed.",
)  # fmt: skip
@click.option("--key", "publics", multiple=True, metavar="KEY", help="With --verify: a public key, instead of ours.")
@click.option("--keys", "shows_keys", is_flag=True, help="Print the public keys.")
@click.pass_context
def statement(
    context: click.Context,
    email: str | None,
    file: Path | None,
    publics: tuple[str, ...],
    *,
    as_html: bool,
    as_json: bool,
    shows_keys: bool,
) -> int:
    """Print one page of all that happened to one address.

    Their consent with its evidence, every issue with its content hash, the SHA-256 of the message's bytes and the
    relay's reply, what came back, and when they left. With --html or --json it is signed (Ed25519), which proves that
    it was not altered, not that it is true: it shows what this database holds. The exit code of --verify is 1 for a
    statement that was altered or signed by another key.
    """
    if sum((email is not None, file is not None, shows_keys)) != 1 or (publics and file is None):
        raise click.UsageError("Give an address, --verify FILE (with --key KEY, if you like) or --keys")
    if file is not None:
        return _verify(context, file, publics, as_json=as_json)
    project = the_project(context)
    if shows_keys:
        from newsletter.app.audience.statement import public_keys

        keys = public_keys(project.keys.signing)
        print_result({"url": _where(project), "keys": keys}, "\n".join(map("  ".join, keys.items())), as_json=as_json)
        return 0
    assert email is not None
    _print(project, email, as_html=as_html, as_json=as_json)
    return 0


def _verify(context: click.Context, file: Path, publics: Sequence[str], *, as_json: bool) -> int:
    from newsletter.app.audience.statement import public_keys, verify_statement

    known = publics or public_keys(the_project(context).keys.signing).values()
    verdict = verify_statement(file.read_bytes(), known)
    facts = {"about": verdict.about, "made_at": verdict.made_at, "key": verdict.key}
    if as_json:
        print_json({"unaltered": not verdict.fault, "fault": verdict.fault, **facts})
    elif verdict.fault:
        click.echo(f"Not verified: {visible(verdict.fault)}.", err=True)
    else:
        click.echo("Unaltered since it was signed. That does not prove that what it says is true.")
        print_facts(facts)
    return int(bool(verdict.fault))


def _print(project: Project, email: str, *, as_html: bool, as_json: bool) -> None:
    from newsletter.app.audience.statement import public_keys, signed_page, signed_statement, statement_of
    from newsletter.app.operating.database import connect
    from newsletter.app.shapes import statement_json

    with closing(connect(project)) as database:
        found = statement_of(project, database, email, now=datetime.now(UTC))
    if not (as_html or as_json):
        click.echo("\n".join(_lines(statement_json(found, partial(local_time, project)))))
        return
    from newsletter.web.statement import statement_page

    facts, key = statement_json(found), project.keys.signing[0]
    page = statement_page(facts, key.id, public_keys([key])[key.id], _where(project))
    signed = signed_statement(key, facts, page)
    if as_html:
        click.echo(signed_page(page, signed).encode(), nl=False)
    else:
        print_json(signed)


def _where(project: Project) -> str:
    from newsletter.app.audience.statement import KEYS_PATH

    return f"{project.config.public.url}{KEYS_PATH}"


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    from newsletter.reporting.statement import parts_of

    yield f"What {facts['newsletter'] or 'this newsletter'} holds about {facts['about']}, {facts['made_at']}"
    for title, entries in parts_of(facts):
        yield f"\n{title}"
        for entry in entries or [[("none", "")]]:
            for number, (name, value) in enumerate(entry):
                start = "  - " if number == 0 else "    "
                shown = visible(_ISOLATES.sub("", value))
                yield f"{start}{visible(name)}{': ' if value else ''}{shown}"
    yield "\nThis is not signed; with --html or --json it is."
