"""Reference pages are made from the code; `BLESS=1` (make bless) writes them anew."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / "scripts" / "make_reference.py"))


@pytest.mark.parametrize(
    ("name", "function"), [("config.md", "config_page"), ("cli.md", "cli_page"), ("checks.md", "checks_page")]
)
def test_reference_page_is_what_the_code_says(name: str, function: str) -> None:
    page = ROOT / "docs" / "reference" / name
    made = MADE[function]()
    if os.environ.get("BLESS") == "1":
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, "run `make bless` and look at the diff"


def test_config_page_explains_every_key() -> None:
    rows = [line for line in MADE["config_page"]().splitlines() if line.startswith("| `")]
    assert rows
    assert all(row.split("|")[-2].strip() for row in rows), "a key without a meaning"
