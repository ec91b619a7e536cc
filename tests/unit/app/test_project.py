"""Project: where it is found and what follows from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.app.project import find_folder, open_project, shipped_templates


def test_folder_is_the_nearest_parent_with_a_config(tmp_path: Path) -> None:
    inner = tmp_path / "news" / "issues" / "one"
    inner.mkdir(parents=True)
    (tmp_path / "news" / "newsletter.toml").touch()
    assert find_folder(inner) == tmp_path / "news"


def test_folder_without_a_config_is_none(tmp_path: Path) -> None:
    assert find_folder(tmp_path) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a.db", "sqlite:///{folder}/a.db"),
        ("sqlite:////var/a.db", "sqlite:////var/a.db"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
    ],
)
def test_database_path_starts_at_the_folder(tmp_path: Path, url: str, expected: str) -> None:
    project = open_project(tmp_path, {"NEWSLETTER_DATABASE__URL": url})
    assert project.database_url == expected.format(folder=tmp_path)


def test_templates_ship_with_the_program() -> None:
    assert shipped_templates().is_dir()
