"""`newsletter lists`: what people subscribe to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.audience.consent import Consent, OptIn
from newsletter.cli.show import confirm, print_facts, print_json, print_table, the_project
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.audience.lists import ListStanding

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_opt_ins = click.Choice([item.value for item in OptIn])
_WAY_IN = "How people get in; on a double list newcomers stay pending until you record that they confirmed."


@click.group()
def lists() -> None:
    """The lists people subscribe to."""


@lists.command("list")
@_as_json
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every list, with how many people say what to it."""
    from newsletter.app.audience.lists import show_lists
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        standings = show_lists(database)
    if as_json:
        print_json([_described(item) for item in standings])
    elif standings:
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
                for item in standings
            ],
        )
    else:
        click.echo("There are no lists yet. Make one: newsletter lists add weekly --name 'The Weekly'")


@lists.command()
@click.argument("slug")
@click.option("--name", default="", help="What readers know it by (default: the slug).")
@click.option("--opt-in", type=_opt_ins, default=OptIn.SINGLE.value, show_default=True, help=_WAY_IN)
@click.option("--language", default="", help="Edition for people whose language is unknown.")
@_as_json
@click.pass_context
def add(ctx: click.Context, slug: str, name: str, opt_in: str, language: str, as_json: bool) -> None:
    """Make a list. SLUG is its short name, such as weekly.

    On a list with double opt-in newcomers get nothing until they have confirmed. No mail asks them to yet: ask them
    in your own way, and record each answer with "newsletter subscribers add EMAIL --list LIST --consent confirmed
    --basis TEXT".
    """
    from newsletter.app.audience.lists import add_list, show_list
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        add_list(database, slug, name=name, opt_in=OptIn(opt_in), language=language, now=datetime.now(UTC))
        _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@click.option("--name", help="What readers know it by.")
@click.option("--opt-in", type=_opt_ins, help=_WAY_IN)
@click.option("--language", help="Edition for people whose language is unknown; '' for the issue's own.")
@_as_json
@click.pass_context
def edit(
    ctx: click.Context, slug: str, name: str | None, opt_in: str | None, language: str | None, as_json: bool
) -> None:
    """Change a list."""
    from newsletter.app.audience.lists import edit_list, show_list
    from newsletter.app.operating.database import connected

    way_in = OptIn(opt_in) if opt_in else None
    with connected(the_project(ctx)) as database:
        edit_list(database, slug, name=name, opt_in=way_in, language=language)
        _print(show_list(database, slug), as_json=as_json)


@lists.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
@click.pass_context
def remove(ctx: click.Context, slug: str, yes: bool, as_json: bool) -> None:
    """Forget a list that was never sent to."""
    from newsletter.app.audience.lists import remove_list, show_list
    from newsletter.app.operating.database import connected

    with connected(the_project(ctx)) as database:
        standing = show_list(database, slug)
        people, left = sum(standing.counts.values()), standing.counts.get(Consent.UNSUBSCRIBED, 0)
        if people:
            confirm(
                f"{slug} has {counted(people, 'subscription')}; that {left} left it would be forgotten. Go on?", yes=yes
            )
        remove_list(database, slug)
    if as_json:
        print_json({"list": slug, "removed": True, "subscriptions": people})
    else:
        click.echo(f"Removed {slug}.")


def _print(standing: ListStanding, *, as_json: bool) -> None:
    if as_json:
        print_json(_described(standing))
    else:
        print_facts(_described(standing))


def _described(standing: ListStanding) -> dict[str, object]:
    return {
        "list": standing.list.slug,
        "name": standing.list.name,
        "opt_in": standing.list.opt_in.value,
        "language": standing.list.language,
        **{consent.value: standing.counts.get(consent, 0) for consent in Consent},
    }
