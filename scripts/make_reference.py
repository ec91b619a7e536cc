"""Makes the reference pages that are written from the code: docs/reference/config.md, cli.md and checks.md.

Run without arguments to write them; tests compare them with the code, so they cannot fall behind.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from newsletter.cli.main import COMMANDS
from newsletter.config import sections_of
from newsletter.problem import Severity, rules

PAGES = Path(__file__).parents[1] / "docs" / "reference"


def config_page() -> str:
    """Every section and key of newsletter.toml with its type, default and meaning."""
    lines = [
        "# Configuration",
        "",
        "Generated from `newsletter/config/` by `make bless`.",
        "",
        "Keys of `newsletter.toml`. An environment variable overrides a key: `NEWSLETTER_`, the section, two",
        "underscores, the key, as in `NEWSLETTER_SMTP__HOST`. Relative paths start at the project folder. A duration",
        'is text such as `"30s"`, `"5m"`, `"6h"` or `"2d"`; a bare number is seconds.',
    ]
    for section, (model, is_repeated) in sections_of().items():
        heading = f"## [[{section}]]" if is_repeated else f"## [{section}]"
        lines += ["", heading, "", inspect.cleandoc(model.__doc__ or ""), "", "| Key | Type | Default | Meaning |"]
        lines += ["|---|---|---|---|"]
        meanings = _docstrings(model)
        lines += [_config_row(name, item, meanings.get(name, "")) for name, item in model.model_fields.items()]
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command with its usage, options and help."""
    lines = [
        "# Command line",
        "",
        "Generated from the commands by `make bless`.",
        "",
        "Exit codes: 0 done · 1 problems found or work failed · 2 wrong usage · 3 stopped before the end (paused,",
        "halted, deferred or unknown recipients left). Wrong usage includes a list, delivery, issue, language or",
        "address that does not exist, and a value that cannot be read.",
        "",
        "The project is the nearest folder with `newsletter.toml`, searched from the current folder upwards. `-C DIR`",
        "before a command starts the search in DIR; relative paths to issues then start in DIR too, other paths in the",
        "current folder.",
    ]
    for name in COMMANDS:
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        for path, item in _commands(name, command):
            lines += ["", f"{'#' * (1 + len(path.split()))} newsletter {path}", *_command(path, item)]
    return "\n".join(lines) + "\n"


def checks_page() -> str:
    """Every problem that `newsletter check` finds, by its id."""
    lines = [_CHECKS]
    for severity, title in ((Severity.ERROR, "Errors"), (Severity.WARNING, "Warnings"), (None, "Errors or warnings")):
        rows = (f"| `{id_}` | {_cell(rule.about)} |" for id_, rule in rules().items() if rule.severity is severity)
        lines += ["", f"## {title}", "", "| Problem | Meaning |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


_CHECKS = """\
# Checks

Generated from `newsletter/problem.toml` by `make bless`.

`newsletter check` gives each problem the id of its rule, in `--format json`, `sarif` and `github`. An error stops a
build and a send. A warning stops neither, unless `[checks] error` in `newsletter.toml` names it; `check --strict` fails
on warnings too.

To ignore a warning in the whole project, name it in `[checks] ignore`. To ignore it in one place, write a comment on
its line, on a line of its own above it, or beside the `|` of a text, for all lines of that text:

```yaml
subject: A subject of many more than eighty columns  # check: ignore long-subject
blocks:
  - text: |  # check: ignore invisible-character, mojibake
      How Ã¤ comes about.
```

Errors cannot be ignored. A comment that names no warning is itself reported."""


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the docstring below it. The program does not read them: that would slow every command."""
    found = {}
    for one in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        [section] = ast.parse(inspect.getsource(one)).body
        assert isinstance(section, ast.ClassDef)
        for field, text in pairwise(section.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(meaning))):
                    found[name] = meaning
    return found


def _config_row(name: str, field: FieldInfo, meaning: str) -> str:
    meaning = " ".join(meaning.split())
    return f"| `{field.alias or name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |"


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type(part) for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is tuple:
        return "list of texts"
    names = {
        str: "text",
        int: "number",
        float: "number",
        date: "date",
        bool: "true or false",
        timedelta: "duration",
        SecretStr: "secret text",
    }
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default()
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
        return f'`"{seconds // size}{unit}"`'
    if value is None:
        return "unset"
    if value == ():
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, SecretStr) or value == "":
        return "empty"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            if child is not None:
                yield from _commands(f"{path} {name}", child)


def _command(path: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=f"newsletter {path}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = ["", f"`newsletter {path} {usage}`".replace(" `", "`"), "", _prose(command.help or "")]
    rows = [
        (option.get_help_record(context) or ("", ""))
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    if rows:
        lines += ["", "| Option | Meaning |", "|---|---|"]
        lines += [f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in rows]
    return lines


def _prose(text: str) -> str:
    paragraphs = (" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))
    return "\n\n".join(paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "config.md").write_text(config_page(), encoding="utf-8")
    (PAGES / "checks.md").write_text(checks_page(), encoding="utf-8")
    (PAGES / "cli.md").write_text(cli_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
