"""The commands that write issues as files: build and archive."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.command import JSON, with_database, with_project
from newsletter.cli.show import IssuePath, from_here, local_time, print_json, print_problems, print_table
from newsletter.problem import has_errors

if TYPE_CHECKING:
    from newsletter.app.project import Project
    from newsletter.storage.database.database import Database


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


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=IssuePath())
@click.option("--list", "lists", multiple=True, metavar="LIST", help="The list that a past issue was sent to.")
@click.option(
    "--export", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write the whole archive as static files, for any host.",
)  # fmt: skip
@JSON
@with_database
def archive(
    project: Project, database: Database, paths: tuple[Path, ...], lists: tuple[str, ...], export: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List the issues of the public archive: those whose delivery to a public list has finished.

    With PATHs, by path or slug, first takes in what these issue files say of what was sent: their corrections, and past
    issues, which have the day they were "sent". Nothing is emailed.

    --export writes the pages, feeds and images that "serve" shows; files of an earlier export that are no longer in the
    archive are removed. Links in emails still lead to "serve".
    """
    from newsletter.app.sending.archive import take_in
    from newsletter.app.shapes import archived_json
    from newsletter.service import site_of
    from newsletter.storage.ledger.archive import Archive
    from newsletter.web.public import export_archive

    taken = take_in(project, database, paths, lists, now=datetime.now(UTC)) if paths else []
    written = export_archive(database, site_of(project), project.config.public.url, export) if export else []
    issues = Archive(database).issues()
    if as_json:
        changed = [{"issue": one.issue, "added": one.added, "corrected": one.corrected} for one in taken]
        print_json({"issues": [archived_json(one) for one in issues], "taken_in": changed, "files": len(written)})
        return
    for one in taken:
        corrected = f"corrections in {', '.join(one.corrected)}" if one.corrected else ""
        what = ", ".join(filter(None, ("archived" if one.added else "", corrected))) or "nothing new"
        click.echo(f"{one.issue}: {what}")
    if export:
        click.echo(f"Wrote {len(written)} files to {from_here(export)}")
    elif not issues:
        click.echo("The archive is empty. It holds what was sent to public lists: newsletter lists edit LIST --public")
    elif not paths:
        rows = [(one.issue, ", ".join(one.languages), local_time(project, one.published)) for one in issues]
        print_table(("issue", "languages", "published"), rows)
