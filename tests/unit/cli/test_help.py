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


PROGRAM = f"""
import sys
from newsletter.cli.main import main
for name in sys.argv[1:]:
    try:
        main([*name.split(), "--help"])
    except SystemExit as leaving:
        assert not leaving.code, (name, leaving.code)
    print("LOADED for", repr(name), [heavy for heavy in {HEAVY!r} if heavy in sys.modules])
import newsletter.app.project
print("WITH A PROJECT", [one for one in ("sqlalchemy", "newsletter.storage") if one in sys.modules])
"""


def test_help_loads_nothing_heavy() -> None:
    names = ["", *COMMANDS]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: newsletter") == len(names)
    loaded = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert loaded == [f"LOADED for {name!r} []" for name in names]
    assert done.stdout.splitlines()[-1] == "WITH A PROJECT []"


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
