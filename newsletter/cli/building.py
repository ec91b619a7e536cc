"""The command that makes files of issues: build."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.show import IssuePath, from_here, print_json, print_problems, print_table, the_project
from newsletter.problem import has_errors


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=IssuePath())
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The output folder (default: build/ in the project folder).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the content of build.json.")
@click.pass_context
def build(ctx: click.Context, paths: tuple[Path, ...], out: Path | None, as_json: bool) -> int:
    """Compile issues, by path or slug, into files (default: all of issues/).

    Writes <slug>/<language>.html, .txt, .eml (for the first persona of that language) and .mjml, the images, and
    build.json with hash, subject, sizes, links and problems. With an error nothing is written. A missing part of the
    sender identity is only a warning here; check and send report it as an error.
    """
    from newsletter.app.issues.building import build as build_files
    from newsletter.app.shapes import problem_json

    project = the_project(ctx)
    report = build_files(project, paths, out or project.folder / "build")
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


def _row(entry: object) -> tuple[object, ...]:
    assert isinstance(entry, dict)
    sizes = entry["sizes"]
    return (
        entry["issue"], entry["language"], sizes["html"], sizes["text"], sizes["eml"], len(entry["links"]),
        entry["subject"],
    )  # fmt: skip
