from __future__ import annotations

import pytest

from newsletter.cli.show import print_problems, visible
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


def test_name_in_any_script_is_shown_as_it_is() -> None:
    assert visible("期刊 März/نشرة/ISSUE.yaml") == "期刊 März/نشرة/ISSUE.yaml"
    assert visible("\udcff\x9b\u2028") == r"\udcff\x9b\u2028"
