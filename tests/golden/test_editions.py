"""The editions of the real issues, as somebody looked at them and found them good."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.app.issues.editions import Compilation, compile_editions
from newsletter.app.project import open_project
from newsletter.authoring.load import find_issues, load_issue

ROOT = Path(__file__).parents[2]
ISSUES = ("2023-05-02-pycon-gems", "2024-01-25-frontiers-of-llms")


@pytest.fixture(scope="module", params=ISSUES)
def compiled(request: pytest.FixtureRequest) -> Compilation:
    loaded = load_issue(ROOT / "issues" / request.param / "issue.yaml", root=ROOT)
    assert loaded.issue is not None, loaded.problems
    assert not loaded.problems
    return compile_editions(open_project(ROOT, {}), loaded.issue)


def test_every_real_issue_is_blessed() -> None:
    assert [file.parent.name for file in find_issues([ROOT / "issues"], root=ROOT)] == list(ISSUES)


def test_real_issues_have_no_problems_in_two_languages(compiled: Compilation) -> None:
    assert compiled.problems == ()
    assert list(compiled.editions) == ["en", "zh"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_edition_is_as_blessed(compiled: Compilation, language: str, blessed: Callable[[str, str], str]) -> None:
    edition = compiled.editions[language]
    facts = {
        "hash": edition.hash,
        "subject": edition.readable(edition.subject),
        "preheader": edition.readable(edition.preheader),
        "slots": {slot.field.source: slot.kind.value for slot in edition.slots},
        "links": [[link.id, edition.readable(link.url), link.label] for link in edition.links],
        "assets": [[asset.name, asset.media_type, len(asset.data)] for asset in edition.assets],
    }
    made = {
        "html": edition.readable(edition.html),
        "txt": edition.readable(edition.text),
        "json": json.dumps(facts, ensure_ascii=False, indent=2) + "\n",
    }
    wanted = {kind: blessed(f"editions/{edition.issue}/{language}.{kind}", text) for kind, text in made.items()}
    assert made == wanted, "if it is meant to change, look at it and run `make bless`"
