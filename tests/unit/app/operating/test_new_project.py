"""Starting a project: everything is there, nothing is overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.app.operating.new_project import start_project
from newsletter.app.project import shipped_templates
from newsletter.compiler.theme import load_theme
from newsletter.errors import AlreadyExistsError, RequestError, WrongUsageError


def test_start_writes_every_file_it_names(tmp_path: Path) -> None:
    written = start_project(tmp_path / "news")
    assert all(file.is_file() for file in written)
    names = {str(file.relative_to(tmp_path / "news")) for file in written}
    assert {
        "newsletter.toml",
        ".gitignore",
        "secret.toml",
        "issues/welcome/issue.yaml",
        "schema/issue.schema.json",
    } <= names


def test_start_points_editors_at_a_schema_that_is_there(tmp_path: Path) -> None:
    start_project(tmp_path)
    issues = tmp_path / "issues"
    for issue in [*(issues / "welcome").glob("issue*.yaml"), *issues.glob("defaults*.yaml")]:
        first = issue.read_text(encoding="utf-8").splitlines()[0]
        schema = issue.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text(encoding="utf-8"))["$schema"].startswith("http://json-schema.org/draft-07")


def test_start_keeps_secrets_and_people_out_of_git(tmp_path: Path) -> None:
    start_project(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()
    # Dry runs and demos write whole messages, with the addresses of those they are for.
    assert {"secret.toml", "/*.db", "*.csv", "/build/", "/dry*/", "/caught/", "*.eml", "/.demo/"} <= set(ignored)


def test_start_with_a_theme_sets_the_look_of_all_issues(tmp_path: Path) -> None:
    file = tmp_path / "templates" / "themes" / "default.yaml"
    assert file in start_project(tmp_path, "letter")
    loaded = load_theme("default", [tmp_path / "templates", shipped_templates()], root=tmp_path)
    letter = load_theme("letter", [shipped_templates()], root=tmp_path).theme
    assert letter is not None
    assert (loaded.theme, loaded.problems) == (replace(letter, name="default"), ())


def test_start_with_an_unknown_theme_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongUsageError, match="There is no theme 'lettre'") as raised:
        start_project(tmp_path / "news", "lettre")
    assert raised.value.hint == "There are: bulletin, default, digest, letter, magazine"
    assert not (tmp_path / "news").exists()


def test_start_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"Cannot write .*file/news/"):
        start_project(tmp_path / "file" / "news")


@pytest.mark.parametrize("name", ["newsletter.toml", "issues/people.yaml", ".gitignore"])
def test_start_overwrites_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(AlreadyExistsError, match="already there"):
        start_project(tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / name]
