"""Starting a project: everything is there, nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.app.operating.new_project import start_project
from newsletter.errors import AlreadyExistsError, RequestError


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
    for issue in (tmp_path / "issues" / "welcome").glob("issue*.yaml"):
        first = issue.read_text(encoding="utf-8").splitlines()[0]
        schema = issue.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text(encoding="utf-8"))["$schema"].startswith("http://json-schema.org/draft-07")


def test_start_keeps_secrets_and_people_out_of_git(tmp_path: Path) -> None:
    start_project(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()
    # Dry runs and demos write whole messages, with the addresses of those they are for.
    assert {"secret.toml", "/*.db", "*.csv", "/build/", "/dry*/", "/caught/", "*.eml", "/.demo/"} <= set(ignored)


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
