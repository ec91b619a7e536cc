"""Problems in the formats of other programs: SARIF 2.1.0 for code scanning, workflow commands for a GitHub run."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

import newsletter
from newsletter.cli.show import visible
from newsletter.problem import Problem, Rule, rules


def sarif(problems: Sequence[Problem]) -> dict[str, object]:
    """The SARIF log of one `check`."""
    known = rules()
    found = [_rule(id_, known.get(id_)) for id_ in sorted({problem.id for problem in problems})]
    driver = {"name": "newsletter", "version": newsletter.__version__, "rules": found}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem) for problem in problems],
            }
        ],
    }


def _rule(id_: str, rule: Rule | None) -> dict[str, object]:
    return {"id": id_} | ({"shortDescription": {"text": rule.about}} if rule else {})


def github_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """One workflow command for each problem: `::error file=…,line=…,col=…,title=…::message`."""
    for problem in problems:
        values = {"file": problem.place.file, "title": problem.id}
        if problem.place.line:
            values["line"] = str(problem.place.line)
        if problem.place.column:
            values["col"] = str(problem.place.column)
        facts = ",".join(f"{name}={_escape(value, ':,')}" for name, value in values.items())
        yield f"::{problem.severity.value} {facts}::{_escape(_sentence(problem))}"


def _result(problem: Problem) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": quote(problem.place.file)}}
    if problem.place.line:
        column = {"startColumn": problem.place.column} if problem.place.column else {}  # 0 is the whole line
        place["region"] = {"startLine": problem.place.line, **column}
    return {
        "ruleId": problem.id,
        "level": problem.severity.value,
        "message": {"text": _sentence(problem)},
        "locations": [{"physicalLocation": place}],
    }


def _sentence(problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    return f"{where}{problem.message}" + (f". {problem.hint}" if problem.hint else "")


def _escape(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return visible(text)
