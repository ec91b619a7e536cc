from __future__ import annotations

from typing import Any

from newsletter.cli.annotations import github_lines, sarif
from newsletter.problem import Place, Problem, Severity

ERROR = Problem(
    "bad-url", "no: 100%", Place("issues/März 1,2/issue.yaml", 3, 7), path="blocks[0].url", hint="Write it."
)
WARNING = Problem("heavy-issue", "two\nlines", Place("issues/a.yaml"), Severity.WARNING)


def test_github_line_escapes_what_its_syntax_needs() -> None:
    assert list(github_lines([ERROR, WARNING])) == [
        "::error file=issues/März 1%2C2/issue.yaml,title=bad-url,line=3,col=7::blocks[0].url: no: 100%25. Write it.",
        "::warning file=issues/a.yaml,title=heavy-issue::two%0Alines",
    ]


def test_github_line_lets_no_name_steer_the_terminal() -> None:
    odd = Problem("bad-slug", "no\x1b[2J", Place("issues/a\x1b]0;b\n::error::c\u202e/issue.yaml"))
    assert list(github_lines([odd])) == [
        r"::error file=issues/a\x1b]0;b%0A%3A%3Aerror%3A%3Ac\u202e/issue.yaml,title=bad-slug::no\x1b[2J"
    ]


def test_sarif_names_rules_places_and_levels() -> None:
    log: Any = sarif([ERROR, WARNING])
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["bad-url", "heavy-issue"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"]) == ("bad-url", "error")
    assert first["message"]["text"] == "blocks[0].url: no: 100%. Write it."
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "issues/M%C3%A4rz%201%2C2/issue.yaml"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert (second["level"], "region" in second["locations"][0]["physicalLocation"]) == ("warning", False)
