"""`newsletter segments`: the named parts of the audience, and whom an expression holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli.command import JSON, with_database, with_project
from newsletter.cli.show import print_facts, print_json, print_table, visible
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database


@click.group()
def segments() -> None:
    """List the segments of segments.yaml, and count one."""


@segments.command("list")
@JSON
@with_project
def list_(project: Project, as_json: bool) -> None:
    """List the segments of segments.yaml."""
    from newsletter.app.audience.segments import list_segments
    from newsletter.app.shapes import segment_json

    found = [segment_json(item) for item in list_segments(project)]
    if as_json:
        print_json(found)
    elif found:
        rows = [[visible(str(value or "-")) for value in item.values()] for item in found]
        print_table(["SEGMENT", "WHERE", "DESCRIPTION"], rows)
    else:
        click.echo("There are no segments yet. Name one in segments.yaml: german: 'language == \"de\"'")


@segments.command()
@click.argument("segment", metavar="NAME|EXPR")
@JSON
@with_database
def show(project: Project, database: Database, segment: str, as_json: bool) -> None:
    """Count whom a segment holds now, and show the first of them.

    NAME is one of segments.yaml; EXPR an expression such as 'country == "DE" and "weekly" in lists'.
    """
    from newsletter.app.audience.segments import show_segment
    from newsletter.app.shapes import segment_report_json

    found = segment_report_json(show_segment(project, database, segment))
    if as_json:
        print_json(found)
        return
    sample, lists = found.pop("sample"), found.pop("lists")
    print_facts({name: value if value != "" else "-" for name, value in found.items()})
    for slug, count in lists.items():
        click.echo(f"  {counted(count, 'confirmed subscription')} to {slug}")
    if sample:
        click.echo()
        print_table(list(sample[0]), [[value or "-" for value in row.values()] for row in sample])
