from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from newsletter.app.issues.new_issue import skeleton, slug_for, start_issue
from newsletter.app.project import Project, open_project
from newsletter.authoring.load import load_issue
from newsletter.errors import AlreadyExistsError, RequestError, WrongUsageError

DAY = date(2024, 1, 25)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "newsletter.toml").write_text('[newsletter]\nlanguage = "de"\n', encoding="utf-8")
    return open_project(tmp_path, {})


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("The New Frontiers of LLMs: Challenges, Solutions", "2024-01-25-the-new-frontiers-of-llms-challenges"),
        ("Élan à l'œuvre", "2024-01-25-elan-a-luvre"),
        ("前沿", "2024-01-25"),
        ("x" * 200, "2024-01-25-" + "x" * 69),
    ],
)
def test_slug_is_the_day_and_the_first_words(title: str, slug: str) -> None:
    assert slug_for(title, DAY) == slug


@pytest.mark.parametrize("title", ["Plain", 'With "quotes": and # signs', "前沿 \\ 新", "*bold* - [x]"])
def test_new_issue_loads_with_its_title_and_articles(project: Project, title: str) -> None:
    file, *_ = start_issue(project, title, ["https://one.example/a?b=c#d", "https://two.example/"], DAY)
    loaded = load_issue(file, root=project.folder)
    assert loaded.problems == ()
    assert loaded.issue is not None
    assert (loaded.issue.original.title, loaded.issue.language, loaded.issue.original.date) == (title, "de", DAY)
    assert [item.url for item in loaded.issue.original.blocks[1].items] == [  # type: ignore[attr-defined]
        "https://one.example/a?b=c#d",
        "https://two.example/",
    ]


def test_new_issue_without_links_has_one_article_to_fill(project: Project) -> None:
    assert load_issue(start_issue(project, "A", [], DAY)[0], root=project.folder).issue is not None
    assert skeleton("A", [], DAY, "language: en\n", "").count('title: "TODO') == 1


def test_new_issue_overwrites_nothing(project: Project) -> None:
    file, *_ = start_issue(project, "A", [], DAY)
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(AlreadyExistsError):
        start_issue(project, "A", [], DAY)
    assert file.read_text(encoding="utf-8") == "mine"


def test_new_issue_is_told_when_issues_is_no_folder(project: Project) -> None:
    project.issues.touch()
    with pytest.raises(RequestError, match=r"Cannot write .*/issue\.yaml") as caught:
        start_issue(project, "A title", [], DAY)
    assert "must be a folder" in caught.value.hint


def test_titles_without_ascii_words_are_numbered_by_the_day(project: Project) -> None:
    files = [start_issue(project, title, [], DAY)[0] for title in ("日本語 タイトル", "前沿", "前沿")]
    assert [file.parent.name for file in files] == ["2024-01-25", "2024-01-25-2", "2024-01-25-3"]


def test_new_issue_may_be_named_otherwise_than_its_title(project: Project) -> None:
    assert start_issue(project, "前沿", [], DAY, "frontiers")[0].parent.name == "frontiers"
    with pytest.raises(AlreadyExistsError) as there:
        start_issue(project, "A", [], DAY, "frontiers")
    assert "--slug" in there.value.hint
    for slug in ("前沿", "../out", "a/b"):
        with pytest.raises(WrongUsageError):
            start_issue(project, "A", [], DAY, slug)


@pytest.mark.parametrize("title", ["", "  ", "a\x07b", "x" * 301])
def test_title_that_an_issue_cannot_have_is_refused(project: Project, title: str) -> None:
    with pytest.raises(RequestError):
        start_issue(project, title, [], DAY)
    assert not project.issues.exists()


@pytest.mark.parametrize("url", ["javascript:x", "", "www.example.org"])
def test_url_that_is_no_link_is_refused(project: Project, url: str) -> None:
    with pytest.raises(RequestError):
        start_issue(project, "A", [url], DAY)
    assert not project.issues.exists()


def test_new_issue_names_its_schema_where_the_project_has_one(project: Project) -> None:
    assert not start_issue(project, "A", [], DAY)[0].read_text(encoding="utf-8").startswith("#")
    (project.folder / "schema").mkdir()
    (project.folder / "schema" / "issue.schema.json").write_text("{}", encoding="utf-8")
    first = start_issue(project, "B", [], DAY)[0].read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schema/issue.schema.json"


def test_first_new_issue_writes_the_defaults_and_later_ones_repeat_none_of_them(project: Project) -> None:
    issue, defaults = start_issue(project, "A", [], DAY)
    assert defaults == project.issues / "defaults.yaml"
    assert defaults.read_text(encoding="utf-8").endswith('\nlanguage: de\nclosing: "Until the next one,"\n')
    assert start_issue(project, "B", [], DAY) == [project.issues / "2024-01-25-b" / "issue.yaml"]
    for file in (issue, project.issues / "2024-01-25-b" / "issue.yaml"):
        assert not {"language:", "closing:"} & set(file.read_text(encoding="utf-8").split())
        loaded = load_issue(file, root=project.folder)
        assert loaded.issue is not None
        assert (loaded.issue.language, loaded.issue.original.closing) == ("de", "Until the next one,")


def test_new_defaults_change_no_issue_that_is_there(project: Project) -> None:
    older = project.issues / "older" / "issue.yaml"
    older.parent.mkdir(parents=True)
    older.write_text("title: A\ndate: 2024-01-01\nlanguage: en\nblocks: [Words.]\n", encoding="utf-8")
    before = load_issue(older, root=project.folder).issue
    issue, defaults = start_issue(project, "A", [], DAY)
    assert defaults.read_text(encoding="utf-8").endswith("\n\nlanguage: de\n")
    assert issue.read_text(encoding="utf-8").endswith('\nclosing: "Until the next one,"\n')
    assert load_issue(older, root=project.folder).issue == before


def test_new_issue_keeps_defaults_as_they_are_and_says_what_they_lack(project: Project) -> None:
    project.issues.mkdir()
    (project.issues / "defaults.yaml").write_text("signature: Ana\n", encoding="utf-8")
    (issue,) = start_issue(project, "A", [], DAY)
    assert {"language:", "closing:"} <= set(issue.read_text(encoding="utf-8").split())
    assert (project.issues / "defaults.yaml").read_text(encoding="utf-8") == "signature: Ana\n"
