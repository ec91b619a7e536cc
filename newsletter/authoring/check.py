"""check: the editorial rules, each a small function from a content to problems. Stands after `load`."""

from __future__ import annotations

from newsletter.authoring.issue import Issue
from newsletter.problem import Problem


def check_issue(issue: Issue) -> list[Problem]:
    """What an editor would notice, in every language of the issue."""
    raise NotImplementedError
