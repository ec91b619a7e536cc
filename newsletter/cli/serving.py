"""Commands that run until they are stopped: preview, serve, and the parts of serve by themselves."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.command import with_project
from newsletter.cli.show import from_here

if TYPE_CHECKING:
    from newsletter.app.project import Project


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--export", "out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write a static copy into DIR instead.",
)  # fmt: skip
@with_project
def preview(project: Project, host: str, port: int, out: Path | None) -> None:
    """Preview issues in the browser as you write.

    Shows every edition as an email program would, in light and dark, narrow and wide, with its problems. The page
    reloads when a file is saved. Only this machine can open it, unless --host names another address.
    """
    if out is not None:
        from newsletter.reporting.wording import counted
        from newsletter.web.preview import export_preview

        written = export_preview(project, out)
        click.echo(f"Wrote {counted(len(written), 'file')}; begin with {from_here(written[0])}")
        return
    from newsletter import service
    from newsletter.app.project import open_project

    reopen = partial(open_project, project.folder, os.environ)

    def announce(url: str) -> None:
        click.echo(f"Preview on {url} (Ctrl+C ends it)")
        if service.is_reachable_from_outside(url):
            warning = "Warning: the preview has no password: anyone who can reach this address can read every draft."
            click.echo(click.style(warning, fg="yellow"), err=True)

    service.preview(reopen, host, port, announce)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@with_project
def serve(project: Project, host: str, port: int) -> None:
    """Run pages, scheduler and sender as one service.

    Starts scheduled deliveries on time, and serves the links, images and unsubscribe pages of emails. On SIGTERM it
    finishes the messages in flight, then stops.
    """
    from newsletter import service

    service.serve(project, host, port, lambda url: click.echo(f"Serving on {url}"))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@with_project
def web(project: Project, host: str, port: int) -> None:
    """Run only the pages of readers: unsubscribing, images, view in the browser.

    Any number may run, on any machines, where the database is a PostgreSQL server.
    """
    from newsletter import service

    service.serve_pages(project, host, port, lambda url: click.echo(f"Serving on {url}"))


@click.command()
@with_project
def scheduler(project: Project) -> None:
    """Run only the scheduler, which starts deliveries at their time.

    Any number may run: one leads, and another takes over when it dies.
    """
    from newsletter import service

    service.schedule(project)
