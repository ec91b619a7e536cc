"""`newsletter lists`: what one subscribes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.audience.consent import Consent, OptIn
from newsletter.cli.show import confirm, print_facts, print_json, print_table, the_project
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.audience.lists import ListCounts

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_opt_ins = click.Choice([item.value for item in OptIn])
_OPT_IN = "On a double list new subscribers stay pending until you record that they confirmed."


@click.group()
def lists() -> None:
    """The lists that readers subscribe to."""


@lists.command("list")
@_as_json
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every list, with its subscriptions by consent."""
    from newsletter.app.audience.lists import show_lists
    from newsletter.app.operating.database import connected
    from newsletter.app.shapes import list_json

    with connected(the_project(ctx)) as database:
        found = show_lists(database)
    if as_json:
        print_json([list_json(item) for item in found])
    elif found:
        print_table(
            ["LIST", "NAME", "OPT-IN", "LANGUAGE", *(consent.value.upper() for consent in Consent)],
            [
                [
                    item.list.slug,
                    item.list.name,
                    item.list.opt_in.value,
                    item.list.language or "-",
                    *(item.counts.get(consent, 0) for consent in Consent),
                ]
                for item in found
            ],
        )
    else:
        click.echo("There are no lists yet. Add one: newsletter lists add weekly --name 'The Weekly'")


@lists.command()
@click.argument("slug")
@click.option("--name", default="", help="The name that readers see (default: the slug).")
@click.option("--opt-in", type=_opt_ins, default=OptIn.SINGLE.value, show_default=True, help=_OPT_IN)
@click.option("--language", default="", help="Edition for subscribers whose language is unknown.")
@_as_json
@click.pass_context
def add(ctx: click.Context, slug: str, name: str, opt_in: str, language: str, as_json: bool) -> None:
    """Add a list. SLUG is its short name, such as weekly.

    On a list with double opt-in, new subscribers get nothing until they have confirmed. No email asks them to yet: ask
    them in your own way, and record each answer with "newsletter subscribers add EMAIL --list LIST --consent confirmed
    --basis TEXT".
    """
    from newsletter.app.audience.lists import add_list, show_list
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        add_list(database, slug, name=name, opt_in=OptIn(opt_in), language=language, now=datetime.now(UTC))
        _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@click.option("--name", help="The name that readers see.")
@click.option("--opt-in", type=_opt_ins, help=_OPT_IN)
@click.option("--language", help="Edition for subscribers whose language is unknown; '' for the issue's own.")
@_as_json
@click.pass_context
def edit(
    ctx: click.Context, slug: str, name: str | None, opt_in: str | None, language: str | None, as_json: bool
) -> None:
    """Change a list."""
    from newsletter.app.audience.lists import edit_list, show_list
    from newsletter.app.operating.database import connected

    new_opt_in = OptIn(opt_in) if opt_in else None
    with connected(the_project(ctx)) as database:
        edit_list(database, slug, name=name, opt_in=new_opt_in, language=language)
        _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_context
def remove(ctx: click.Context, slug: str, yes: bool, as_json: bool) -> None:
    """Remove a list that was never sent to."""
    from newsletter.app.audience.lists import remove_list, show_list
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        item = show_list(database, slug)
        total, ended = sum(item.counts.values()), item.counts.get(Consent.UNSUBSCRIBED, 0)
        if total:
            confirm(
                f"{slug} has {counted(total, 'subscription')}, {ended} of them unsubscribed. Remove all of them?",
                yes=yes,
            )
        remove_list(database, slug)
    if as_json:
        print_json({"list": slug, "removed": True, "subscriptions": total})
    else:
        click.echo(f"Removed {slug}.")


def _print(item: ListCounts, *, as_json: bool) -> None:
    from newsletter.app.shapes import list_json

    if as_json:
        print_json(list_json(item))
    else:
        print_facts(list_json(item))
