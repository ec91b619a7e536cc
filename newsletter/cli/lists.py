"""`newsletter lists`: add, show, change and remove lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.audience.consent import Consent, OptIn
from newsletter.cli.command import JSON, YES, with_database
from newsletter.cli.show import confirm, print_facts, print_json, print_result, print_table
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.audience.lists import ListCounts
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database

_opt_ins = click.Choice([item.value for item in OptIn])
_PUBLIC = "Whether its issues are in the public archive, and readers can sign up to it."
_OPT_IN = "On a double list new subscribers stay pending until they confirm by the link in an email."


@click.group()
def lists() -> None:
    """Add, show, change and remove lists."""


@lists.command("list")
@JSON
@with_database
def list_(_project: Project, database: Database, as_json: bool) -> None:
    """List all lists, with their subscriptions counted by consent."""
    from newsletter.app.audience.lists import show_lists
    from newsletter.app.shapes import list_json

    found = [list_json(item) for item in show_lists(database)]
    if as_json:
        print_json(found)
    elif found:
        headings = [name.upper().replace("_", "-") for name in found[0]]
        print_table(headings, [[value if value != "" else "-" for value in item.values()] for item in found])
    else:
        click.echo("There are no lists yet. Add one: newsletter lists add weekly --name 'The Weekly'")


@lists.command()
@click.argument("slug")
@click.option("--name", default="", help="The name that readers see (default: the slug).")
@click.option("--opt-in", type=_opt_ins, default=OptIn.SINGLE.value, show_default=True, help=_OPT_IN)
@click.option("--language", default="", help="Edition for subscribers whose language is unknown.")
@click.option("--public/--private", default=False, show_default="private", help=_PUBLIC)
@JSON
@with_database
def add(
    _project: Project, database: Database, slug: str, name: str, opt_in: str, language: str, public: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Add a list. SLUG is its short name, such as weekly.

    On a list with double opt-in, new subscribers get nothing until they have confirmed: by the link in the email that
    follows a sign-up, or by an answer that you record with "newsletter subscribers add EMAIL --list LIST --consent
    confirmed --basis TEXT".
    """
    from newsletter.app.audience.lists import add_list, show_list

    add_list(database, slug, name=name, opt_in=OptIn(opt_in), language=language, now=datetime.now(UTC), public=public)
    _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@click.option("--name", help="The name that readers see.")
@click.option("--opt-in", type=_opt_ins, help=_OPT_IN)
@click.option("--language", help="Edition for subscribers whose language is unknown; '' for the issue's own.")
@click.option("--public/--private", default=None, help=_PUBLIC)
@JSON
@with_database
def edit(
    _project: Project, database: Database, slug: str, name: str | None, opt_in: str | None, language: str | None,
    public: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Change a list."""
    from newsletter.app.audience.lists import edit_list, show_list

    edit_list(database, slug, name=name, opt_in=OptIn(opt_in) if opt_in else None, language=language, public=public)
    _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@YES
@JSON
@with_database
def remove(_project: Project, database: Database, slug: str, yes: bool, as_json: bool) -> None:
    """Remove a list that was never sent to."""
    from newsletter.app.audience.lists import remove_list, show_list

    item = show_list(database, slug)
    total, ended = sum(item.counts.values()), item.counts.get(Consent.UNSUBSCRIBED, 0)
    if total:
        question = f"{slug} has {counted(total, 'subscription')}, {ended} of them unsubscribed. Remove all of them?"
        confirm(question, yes=yes)
    remove_list(database, slug)
    print_result({"list": slug, "removed": True, "subscriptions": total}, f"Removed {slug}.", as_json=as_json)


def _print(item: ListCounts, *, as_json: bool) -> None:
    from newsletter.app.shapes import list_json

    if as_json:
        print_json(list_json(item))
    else:
        print_facts(list_json(item))
