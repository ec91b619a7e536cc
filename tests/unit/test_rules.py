"""The list of rules and the checks name the same problems."""

from __future__ import annotations

import re
from pathlib import Path

import newsletter
from newsletter.problem import Severity, rules

_PACKAGE = Path(newsletter.__file__).parent
_CALLS = (
    r"(?:\.problem|Problem|_problem|_warning|_error|complain|_report|_refuse|_unfit|refused|_fault)"
    r'\(\s*(?:node,\s*|content,\s*|issue,\s*|id=)*"([a-z]+(?:-[a-z]+)*)"|\b(?:rule|id)="([a-z]+(?:-[a-z]+)+)"'
)
_FORMED = {"missing-layout", "missing-unsubscribe-link", "missing-view-link", "long-subject", "long-preheader"}
"""Ids made of two parts."""


def sources() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(_PACKAGE.rglob("*.py")))


def test_every_problem_that_a_check_makes_has_its_rule() -> None:
    made = {one or other for one, other in re.findall(_CALLS, sources())}
    assert len(made) > 100
    assert made - rules().keys() == set()


def test_every_rule_is_used() -> None:
    written = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', sources()))
    assert rules().keys() - written - _FORMED == set()


def test_every_rule_says_what_it_means() -> None:
    for rule in rules().values():
        assert rule.about.endswith(".")
        assert rule.may_warn is (rule.severity is not Severity.ERROR)
