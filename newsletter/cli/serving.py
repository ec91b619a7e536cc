"""`newsletter preview` and `newsletter serve`: what runs until it is told to stop."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from newsletter.cli.show import from_here, the_project


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--export",
    "out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a static copy into DIR instead.",
)
@click.pass_context
def preview(ctx: click.Context, host: str, port: int, out: Path | None) -> None:
    """Preview issues in the browser as you write.

    Shows every edition as a mail program would, light and dark, narrow and wide, with its problems. The page reloads
    when a file is saved. It is reachable from this machine only, unless you give --host.
    """
    project = the_project(ctx)
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
            told = "Warning: the preview has no password: anyone who can reach this address can read every draft."
            click.echo(click.style(told, fg="yellow"), err=True)

    service.preview(reopen, host, port, announce)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> None:
    """Run pages, scheduler and sender as one service.

    Starts deliveries on time, serves the links and images in emails, and lets readers unsubscribe. Stops on SIGTERM
    when everything in flight is finished.
    """
    from newsletter import service

    service.serve(the_project(ctx), host, port, lambda url: click.echo(f"Serving on {url}"))
