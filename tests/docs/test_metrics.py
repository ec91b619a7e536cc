"""The table of metrics in docs/howto/watch-with-prometheus.md."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.app.operating.metrics import HELP

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "watch-with-prometheus.md"


def test_every_metric_is_explained_and_rules_name_those_that_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", page, re.MULTILINE)) == HELP
    assert set(re.findall(r"\bnewsletter_(\w+)", page)) <= HELP.keys()
