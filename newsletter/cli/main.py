"""The `newsletter` command: loads the command that is called, shows errors once and sets the exit code.

Commands live in the other modules of this package and are imported only when called, so that `--help` is fast.
"""

import errno
import gc
import importlib
import os
import re
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
    "archive": ("newsletter.cli.building:archive", "List the public archive, add to it, write it as files."),
    "preview": ("newsletter.cli.serving:preview", "Preview issues in the browser as you write."),
    "schema": ("newsletter.cli.writing:schema", "Describe the files of issues to text editors."),
    "test": ("newsletter.cli.sending:test", "Send a proof of an issue to your own addresses."),
    "send": ("newsletter.cli.sending:send", "Send an issue to lists, now or at a time."),
    "deliveries": ("newsletter.cli.deliveries:deliveries", "Watch and steer deliveries."),
    "lists": ("newsletter.cli.lists:lists", "The lists that readers subscribe to."),
    "subscribers": ("newsletter.cli.subscribers:subscribers", "Import, export, show and change subscribers."),
    "bounces": ("newsletter.cli.bounces:bounces", "Read the emails that come back: bounces, complaints."),
    "statement": ("newsletter.cli.statement:statement", "Print and verify all that happened to one address."),
    "segments": ("newsletter.cli.segments:segments", "The parts of the audience that segments.yaml names."),
    "series": ("newsletter.cli.series:series", "Issues that new subscribers get one after the other."),
    "serve": ("newsletter.cli.serving:serve", "Run pages, scheduler and sender as one service."),
    "web": ("newsletter.cli.serving:web", "Run only the pages of readers."),
    "scheduler": ("newsletter.cli.serving:scheduler", "Run only the scheduler."),
    "worker": ("newsletter.cli.sending:worker", "Run only a sender process."),
    "db": ("newsletter.cli.operating:db", "Upgrade, back up and restore the database."),
    "secret": ("newsletter.cli.operating:secret", "List, rotate and retire the signing keys."),
    "dkim": ("newsletter.cli.signing:dkim", "Make the keys that sign messages (DKIM)."),
    "doctor": ("newsletter.cli.operating:doctor", "Examine this installation."),
    "demo": ("newsletter.cli.operating:demo", "Send the sample issues to a mail catcher on this machine."),
}
"""Command → (where it is, what it does), in the order in which a newsletter needs them."""

_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of writing to a file that is already open."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)  # in this order, which click would change

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    commands={name: click.Command(name) for name in COMMANDS},  # for click's "Did you mean …?"
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-C", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Project folder (default: the nearest parent with newsletter.toml); paths to issues begin there.",
)  # fmt: skip
@click.version_option(newsletter.__version__, prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context, folder: Path | None) -> None:
    """Newsletter-as-code: write issues in YAML, preview and send them, and see the outcome for every recipient."""
    ctx.obj = folder


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 problems or failure, 2 wrong usage, 3 stopped before the end."""
    # What imports make is no garbage: looking for some takes a tenth of a short command.
    gc.set_threshold(20_000)
    try:
        result: Any = cli.main(args=arguments, prog_name="newsletter", standalone_mode=False)
        if sys.stdout:  # none when it was closed
            sys.stdout.flush()  # report a write error here, not in the interpreter's exit
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        _forget_output()  # the reader has closed the pipe (`| head`)
        sys.exit(1)
    except NewsletterError as error:
        from newsletter.cli.show import show_error  # only a failure pays for importing it

        show_error(error)
        sys.exit(2 if isinstance(error, WrongUsageError) else 1)
    except UnicodeEncodeError:
        given = sys.argv[1:] if arguments is None else arguments
        wrong = next((one for one in given if re.search("[\ud800-\udfff]", one)), None)  # bytes that are no UTF-8
        if wrong is None:
            raise
        click.echo(f"Error: {wrong!r} is not text in UTF-8", err=True)
        sys.exit(2)
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        _forget_output()
        click.echo(f"Error: The output cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)


def _forget_output() -> None:
    """Discard unwritten output, so that the interpreter does not try to write it again as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
