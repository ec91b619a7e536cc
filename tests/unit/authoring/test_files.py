"""Which files are read at all: what a link leads to outside the project is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from writing import write_project

from newsletter.authoring.load import find_issues, load_issue
from newsletter.problem import Place

SECRET = "root:x:0:0: [secret"


@pytest.mark.parametrize(
    "name", ["maps/issue.yaml", "maps/issue.zh.yaml", "maps/issue.de.yaml", "people.yaml", "maps/people.yaml"]
)
def test_link_out_of_the_project_is_refused_unread(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    link = folder / "issues" / name
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    loaded = load_issue(folder / "issues/maps/issue.yaml", root=folder)
    assert loaded.issue is None
    [refused] = [problem for problem in loaded.problems if problem.id == "outside-project"]
    assert refused.place == Place(f"issues/{name}")
    assert "secret" not in "".join(f"{problem.message}{problem.quote}{problem.hint}" for problem in loaded.problems)


@pytest.mark.parametrize("name", ["issues", "issues/maps", "issues/spring"])
def test_folder_that_is_a_link_out_of_the_project_is_refused_unread(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    (folder / name).rename(tmp_path / "secret") if (folder / name).exists() else write_project(tmp_path / "secret")
    (folder / name).symlink_to(tmp_path / "secret")
    found = find_issues([folder / "issues"], root=folder)
    loaded = [load_issue(file, root=folder) for file in found]
    refused = [problem for one in loaded for problem in one.problems if problem.id == "outside-project"]
    assert {problem.place for problem in refused} == {Place(name)}
    assert sum(one.issue is None for one in loaded) == 1
    assert "secret" not in "".join(f"{problem.message}{problem.quote}{problem.hint}" for problem in refused)


def test_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    issue = write_project(tmp_path)
    (issue / "issue.zh.yaml").rename(tmp_path / "chinese.yaml")
    (issue / "issue.zh.yaml").symlink_to(tmp_path / "chinese.yaml")
    loaded = load_issue(issue / "issue.yaml", root=tmp_path)
    assert loaded.problems == ()
    assert loaded.issue is not None
    assert loaded.issue.languages == ("en", "zh")


def test_issue_named_outside_the_project_is_read_through_any_way_to_it(tmp_path: Path) -> None:
    write_project(tmp_path / "elsewhere")
    (tmp_path / "project").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "elsewhere" / "issues")
    for file in (tmp_path / "elsewhere/issues/maps/issue.yaml", tmp_path / "way/maps/issue.yaml"):
        loaded = load_issue(file, root=tmp_path / "project")
        assert (loaded.problems, loaded.issue is None) == ((), False)


def test_links_in_circles_end(tmp_path: Path) -> None:
    """Each folder holds links to all of them: followed blindly, these are more ways than can be walked."""
    issue = write_project(tmp_path)
    folders = [issue.parent / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    for folder in folders:
        for other in (*folders, issue, tmp_path):
            (folder / f"to-{other.name}").symlink_to(other)
        (folder / "circle.yaml").symlink_to(folder / "circle.yaml")
    found = find_issues([issue.parent], root=tmp_path)
    assert found == [*(folder / "circle.yaml" for folder in folders), issue / "issue.yaml"]
    loaded = load_issue(found[0], root=tmp_path)
    assert [(problem.id, problem.place.file) for problem in loaded.problems] == [
        ("missing-file", "issues/a/circle.yaml")
    ]
