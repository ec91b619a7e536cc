"""Finding issues: by path, by slug, and what is said of one that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.app.issues.examine import find
from newsletter.app.project import Project
from newsletter.config import Config
from newsletter.errors import NotFoundError


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for slug in ("2024-01-25-frontiers", "2024-02-01-birds", "2024-02-08-bridges"):
        (tmp_path / "issues" / slug).mkdir(parents=True)
        (tmp_path / "issues" / slug / "issue.yaml").write_text("title: T\n")
    (tmp_path / "issues" / "single.yaml").write_text("title: T\n")
    return Project(folder=tmp_path, config=Config())


def found(project: Project, *names: str) -> list[str]:
    return [path.relative_to(project.folder).as_posix() for path in find(project, [Path(name) for name in names])]


def test_issue_is_found_by_its_slug(project: Project) -> None:
    assert found(project, "2024-02-01-birds") == ["issues/2024-02-01-birds/issue.yaml"]
    assert found(project, "single", "2024-02-01-birds") == ["issues/2024-02-01-birds/issue.yaml", "issues/single.yaml"]


def test_path_counts_more_than_a_slug(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = project.folder / "drafts"
    (drafts / "single").mkdir(parents=True)
    monkeypatch.chdir(drafts)
    assert find(project, [Path("single")]) == []


def test_without_a_path_or_with_the_project_everything_is_meant(project: Project) -> None:
    assert len(found(project)) == 4
    assert found(project) == found(project, str(project.folder))


@pytest.mark.parametrize("name", ["2024-02-08-bridge", "issues/2024-02-08-bridgs", "Bridges"])
def test_unknown_issue_is_told_with_the_nearest_first(project: Project, name: str) -> None:
    with pytest.raises(NotFoundError, match=f"There is no issue '{name}'") as caught:
        find(project, [Path(name)])
    assert caught.value.hint.startswith("There are: 2024-02-08-bridges, ")


def test_only_a_few_of_many_issues_are_named(project: Project) -> None:
    for number in range(20):
        (project.issues / f"more-{number}.yaml").write_text("title: T\n")
    with pytest.raises(NotFoundError) as caught:
        find(project, [Path("more")])
    assert caught.value.hint.endswith(", and 19 more")


def test_unknown_issue_of_an_empty_project_is_told_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        find(Project(folder=tmp_path, config=Config()), [Path("x" * 300)])
    assert "newsletter new" in caught.value.hint
