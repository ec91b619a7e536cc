"""Commands for authors: new, check, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.command import JSON, with_project
from newsletter.cli.show import IssuePath, from_here, print_json, print_problems, print_result
from newsletter.problem import Severity
from newsletter.reporting.wording import counted

if TYPE_CHECKING:
    from newsletter.app.project import Project


@click.command()
@click.argument("title")
@click.option("--url", "urls", multiple=True, metavar="URL", help="An article to highlight; may be repeated.")
@click.option("--slug", default="", metavar="SLUG", help="The name of its folder (default: date and title).")
@JSON
@with_project
def new(project: Project, title: str, urls: tuple[str, ...], slug: str, as_json: bool) -> None:
    """Start a new issue: a folder in issues/ with an issue.yaml to fill in.

    What issues/defaults.yaml has is not repeated there; the file is written when it is missing.
    """
    from datetime import datetime

    from newsletter.app.issues.new_issue import start_issue

    file, *others = start_issue(project, title, urls, datetime.now(project.zone).date(), slug)
    text = "\n".join(f"Wrote {from_here(one)}" for one in (file, *others))
    print_result({"issue": file.parent.name, "file": str(file)}, text, as_json=as_json)


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=IssuePath())
@click.option(
    "--format", "style", type=click.Choice(["text", "json", "sarif", "github"]), default="text", show_default=True,
    help="text: for reading; json: for programs; sarif: for code scanning; github: annotations of a GitHub run.",
)  # fmt: skip
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@with_project
def check(project: Project, paths: tuple[Path, ...], style: str, strict: bool) -> int:
    """Run every check on issues, by path or slug (default: all of issues/). Sends nothing.

    Exit code 1 when there is an error.
    """
    from newsletter.app.issues import examine as issues
    from newsletter.app.shapes import problem_json
    from newsletter.cli.annotations import github_lines, sarif

    problems = issues.check(project, paths)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    match style:
        case "json":
            print_json([problem_json(problem) for problem in problems])
        case "sarif":
            print_json(sarif(problems))
        case "github":
            for line in github_lines(problems):
                click.echo(line)
        case _:
            print_problems(problems)
            click.echo(_summary(errors, len(problems) - errors))
    return int(bool(errors or (strict and problems)))


@click.command()
@JSON
@with_project
def schema(project: Project, as_json: bool) -> None:
    """Write the JSON schemas in schema/, by which text editors complete and check issues as you type.

    They hold the block types of the project: run this after you add or change one.
    """
    from newsletter.app.operating.new_project import update_schemas

    files = update_schemas(project)
    text = "\n".join(f"Wrote {from_here(file)}" for file in files)
    print_result({"files": [str(file) for file in files]}, text, as_json=as_json)


def _summary(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return click.style("No problems.", fg="green")
    return ", ".join(counted(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count)
