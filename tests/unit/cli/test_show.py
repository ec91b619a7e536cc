from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from newsletter.app.project import Project
from newsletter.cli.show import from_here, local_time, print_problems, print_table, show_error, visible
from newsletter.columns import columns
from newsletter.config import Config, NewsletterSection
from newsletter.errors import ConfigError
from newsletter.problem import Place, Problem


def test_problem_lets_no_name_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "issues/a\x1b[31m\nb\u202e/issue.yaml"
    print_problems([Problem("bad-slug", f"see {name}", Place(name, 2, 1), path="x\r", hint="Not\x07 so.")])
    assert capsys.readouterr().out == (
        r"issues/a\x1b[31m\nb\u202e/issue.yaml:2:1: error: x\r: see issues/a\x1b[31m\nb\u202e/issue.yaml"
        "\n"
        r"    Not\x07 so."
        "\n"
    )


@pytest.mark.parametrize("line", ["an ordinary line of words " * 30, "这是一段很长的中文，" * 40, "short", ""])
@pytest.mark.parametrize("at", [0, 3, 97, 300, -1])
def test_mark_stands_below_its_character_in_one_row(
    line: str, at: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    at = min(at % len(line) if line else 0, max(len(line) - 1, 0))
    line = line[:at] + "@" + line[at + 1 :] if line else ""
    print_problems([Problem("yaml", "wrong", Place("a.yaml", 1, at + 1), quote=line)])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert len(rows) == (2 if line else 0)
    assert all(columns(row) <= 80 for row in rows)
    if rows:
        before, mark, after = rows[0].partition("@")
        assert (mark, columns(before)) == ("@", columns(rows[1]) - 1)
        assert (before.startswith("    …"), after.endswith("…")) == (columns(line[:at]) > 50, columns(line[at:]) > 80)


def test_long_table_is_shown_before_its_last_row_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(3000):
            yield f"p{number}" if number < 2500 else "a-longer-name", number
        seen.append(capsys.readouterr().out)

    print_table(("name", "n"), rows())
    lines = (seen[0] + capsys.readouterr().out).splitlines()
    assert len(seen[0].splitlines()) >= 2001
    assert len(lines) == 3001
    assert (lines[0], lines[1], lines[2000]) == ("name  n", "p0    0", "p1999  1999")
    assert lines[3000] == "a-longer-name  2999"


def test_later_page_is_as_wide_as_the_first_and_only_the_headings_are_bold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with click.Context(click.Command("list")) as context:
        context.color = True
        print_table(("name", "n"), [("a-long-name", 1), *(("b", n) for n in range(2, 1502))])
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings == click.style("name         n", bold=True)
    assert rows[0] == "a-long-name  1"
    assert rows[1:] == [f"b            {n}" for n in range(2, 1502)]


def test_name_in_any_script_is_shown_as_it_is() -> None:
    assert visible("期刊 März/نشرة/ISSUE.yaml") == "期刊 März/نشرة/ISSUE.yaml"
    assert visible("\udcff\x9b\u2028") == r"\udcff\x9b\u2028"


def test_path_below_where_one_stands_is_named_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_here(tmp_path / "a" / "b.toml") == "a/b.toml"
    assert from_here(f"see {tmp_path}/x:3 and '{tmp_path}/y'") == "see x:3 and 'y'"
    for elsewhere in (f"{tmp_path}-2/x", f"/mnt{tmp_path}/x", f"sqlite:///{tmp_path}/x", f"in {tmp_path}"):
        assert from_here(elsewhere) == elsewhere
    monkeypatch.chdir("/")
    assert from_here("http://example.org/a and /b") == "http://example.org/a and /b"


def test_error_names_files_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    show_error(ConfigError(f"{tmp_path}/a is odd", problems=[f"{tmp_path}/b:1: c"], hint=f"chmod 600 {tmp_path}/d"))
    assert capsys.readouterr().err.splitlines() == ["Error: a is odd", "  b:1: c", "  chmod 600 d"]


def test_instant_is_shown_to_the_second_where_the_newsletter_lives() -> None:
    project = Project(Path(), Config(newsletter=NewsletterSection(timezone="Europe/Berlin")))
    assert local_time(project, datetime(2026, 7, 1, 7, 0, 5, 123456, tzinfo=UTC)) == "2026-07-01 09:00:05 CEST"
