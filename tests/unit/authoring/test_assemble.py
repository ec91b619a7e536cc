"""assemble: what the models say becomes the content, in every language of the issue."""

from __future__ import annotations

from pathlib import Path

import pytest
from writing import ISSUE, write_project

from newsletter.authoring.load import load_issue


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("The Weekly", ""),
        ("{name: The Weekly}", ""),
        ("{name: The Weekly, url: 'https://w.example/'}", "https://w.example/"),
    ],
)
def test_publication_is_a_name_that_may_have_a_link(tmp_path: Path, written: str, url: str) -> None:
    folder = write_project(tmp_path)
    issue = folder / "issue.yaml"
    issue.write_text(ISSUE.replace("publication: The Weekly", f"publication: {written}"), encoding="utf-8")
    loaded = load_issue(issue, root=tmp_path)
    assert loaded.issue is not None, loaded.problems
    for content in loaded.issue.contents.values():
        assert (content.publication, content.publication_url) == ("The Weekly", url)
