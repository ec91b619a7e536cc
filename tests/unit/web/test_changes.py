"""Which files beside newsletter.toml are noticed."""

from __future__ import annotations

import pytest
from watchfiles import Change

from newsletter.web.preview.changes import is_written_by_hand


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("newsletter.toml", True), ("people.yaml", True), ("ana.PNG", True),
        ("newsletter.db", False), ("newsletter.db-wal", False), (".newsletter-secret", False), ("build", False),
    ],
)  # fmt: skip
def test_database_and_secret_are_no_writing(name: str, expected: bool) -> None:
    assert is_written_by_hand(Change.modified, f"/project.yaml/{name}") is expected
