"""The command that compiles issues into files: build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.command import with_project
from newsletter.cli.show import IssuePath, from_here, print_json, print_problems, print_table
from newsletter.problem import has_errors

if TYPE_CHECKING:
    from newsletter.app.project import Project


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=IssuePath())
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The folder to write into (default: build/ in the project folder).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the contents of build.json.")
@with_project
def build(project: Project, paths: tuple[Path, ...], out: Path | None, as_json: bool) -> int:
    """Compile issues, by path or slug, into files (default: all of issues/).

    Writes <slug>/<language>.html, .txt, .eml (for the first persona of that language) and .mjml, the images, and
    build.json with hash, subject, sizes, links and problems; also .page.html, the web page, where a read_more ends the
    email. With an error nothing is written. Missing sender settings are only a warning here, but an error in check and
    send.
    """
    from datetime import datetime

    from newsletter.app.issues.building import build as build_files
    from newsletter.app.shapes import problem_json

    today = datetime.now(project.zone).date()
    report = build_files(project, paths, out or project.folder / "build", today)
    failed = has_errors(report.problems)
    if as_json:
        problems = [problem_json(problem) for problem in report.problems]
        print_json({"out": str(report.out), "written": not failed, "editions": report.editions, "problems": problems})
        return int(failed)
    print_problems(report.problems, err=True)
    if failed:
        click.echo("Nothing was written.", err=True)
        return 1
    print_table(("issue", "language", "html", "text", "eml", "links", "subject"), map(_row, report.editions))
    click.echo(f"\nWrote {from_here(report.out)}")
    return 0


def _row(entry: Any) -> tuple[object, ...]:
    sizes = entry["sizes"]
    return (
        entry["issue"], entry["language"], sizes["html"], sizes["text"], sizes["eml"], len(entry["links"]),
        entry["subject"],
    )  # fmt: skip
