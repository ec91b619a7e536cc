"""The `newsletter` command: finds the project, loads the one command that was asked for, shows errors once.

Commands live in the files beside this one and are imported only when called, so that `--help` answers at once.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

import newsletter
from newsletter.errors import NewsletterError, WrongUsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("newsletter.cli.operating:init", "Start a new newsletter project."),
    "new": ("newsletter.cli.writing:new", "Start a new issue."),
    "check": ("newsletter.cli.writing:check", "Run every check. Sends nothing."),
    "build": ("newsletter.cli.building:build", "Compile issues into HTML, text, MJML and .eml files."),
    "preview": ("newsletter.cli.serving:preview", "Preview issues in the browser as you write."),
    "test": ("newsletter.cli.sending:test", "Send a proof of an issue to your own addresses."),
    "send": ("newsletter.cli.sending:send", "Send an issue to lists, now or at a time."),
    "deliveries": ("newsletter.cli.deliveries:deliveries", "Watch and steer deliveries."),
    "lists": ("newsletter.cli.lists:lists", "The lists that readers subscribe to."),
    "subscribers": ("newsletter.cli.subscribers:subscribers", "Import, export, show and change subscribers."),
    "serve": ("newsletter.cli.serving:serve", "Run pages, scheduler and sender as one service."),
    "worker": ("newsletter.cli.sending:worker", "Run only a sender process."),
    "db": ("newsletter.cli.operating:db", "Upgrade, back up and restore the database."),
    "secret": ("newsletter.cli.operating:secret", "List, rotate and retire the signing keys."),
    "doctor": ("newsletter.cli.operating:doctor", "Examine this installation."),
    "demo": ("newsletter.cli.operating:demo", "Send the sample issues to a mail catcher on this machine."),
}
"""Command → (where it is, what it does), in the order of a newsletter's life."""

_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What writing to a file that is open already may meet."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for; for a misspelt one, the one that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-C", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Project folder (default: the nearest parent with newsletter.toml); paths to issues begin there.",
)  # fmt: skip
@click.version_option(newsletter.__version__, prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context, folder: Path | None) -> None:
    """Newsletter-as-code: write issues in YAML, preview them, send them, and see what became of every copy."""
    ctx.obj = folder


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code: 0 done, 1 problems or failure, 2 wrong usage, 3 not at the end."""
    try:
        result: Any = cli.main(args=arguments, prog_name="newsletter", standalone_mode=False)
        if sys.stdout:  # none when it was closed
            sys.stdout.flush()  # what cannot be written is told now, not by the interpreter as it exits
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        _forget_output()  # its reader went away (`| head`), and nothing is left to tell it
        sys.exit(1)
    except NewsletterError as error:
        from newsletter.cli.show import show_error  # only a failure pays for importing it

        show_error(error)
        sys.exit(2 if isinstance(error, WrongUsageError) else 1)
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        _forget_output()
        click.echo(f"Error: The output cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)


def _forget_output() -> None:
    """Let what is still to be written go nowhere, so that the interpreter does not try once more as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
