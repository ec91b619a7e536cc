"""`--help` answers without loading what it does not need: no database, no web framework, no models."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from newsletter.cli.main import COMMANDS, cli

HEAVY = (
    "newsletter.delivery", "newsletter.compiler", "newsletter.authoring", "newsletter.storage", "newsletter.app",
    "sqlalchemy", "pydantic", "fastapi", "uvicorn", "jinja2", "yaml", "PIL", "apscheduler", "lxml", "rich",
)  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [[], *([name] for name in COMMANDS)], ids=lambda item: " ".join(item) or "newsletter"
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom newsletter.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as leaving:\n    assert not leaving.code, leaving.code\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, *arguments, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: newsletter" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "LOADED"


@pytest.mark.parametrize("name", COMMANDS)
def test_command_says_what_it_does(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"]).output
    assert len(shown.splitlines()) > 3


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_listed_in_whole_sentences(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"], terminal_width=80).output
    listed = shown.partition("\nCommands:\n")[2].splitlines()
    assert [line for line in listed if line.endswith("...") or len(line) > 80] == []


def test_unknown_command_is_wrong_usage_with_a_hint() -> None:
    done = CliRunner().invoke(cli, ["chekc"])
    assert done.exit_code == 2
    assert "check" in done.output
