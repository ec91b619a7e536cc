"""Problem and Place: how they read."""

from __future__ import annotations

from newsletter.app.shapes import problem_json
from newsletter.problem import Place, Problem, Severity, has_errors


def test_place_names_line_and_column_when_it_has_them() -> None:
    assert str(Place("issues/a.yaml", 14, 10)) == "issues/a.yaml:14:10"
    assert str(Place("issues/a.yaml")) == "issues/a.yaml"


def test_problem_as_json_has_the_promised_keys() -> None:
    problem = Problem("unknown-key", "m", Place("f", 1, 2), path="blocks[0]", hint="h")
    assert problem_json(problem) == {
        "file": "f",
        "line": 1,
        "column": 2,
        "severity": "error",
        "id": "unknown-key",
        "message": "m",
        "hint": "h",
        "path": "blocks[0]",
    }


def test_has_errors_ignores_warnings() -> None:
    warning = Problem("a", "m", Place("f"), Severity.WARNING)
    assert not has_errors([warning])
    assert has_errors([warning, Problem("b", "m", Place("f"))])
