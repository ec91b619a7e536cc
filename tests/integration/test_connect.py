"""Connecting a project to its database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from newsletter.app.audience.lists import show_lists
from newsletter.app.keys import load_keys
from newsletter.app.operating.database import connect
from newsletter.app.project import Project
from newsletter.config import Config, DatabaseSection
from newsletter.errors import ConfigError, StorageError
from newsletter.storage.database.migrate import SchemaState, schema_state


@pytest.fixture
def project(empty_url: str, tmp_path: Path) -> Project:
    return Project(folder=tmp_path, config=Config(database=DatabaseSection(url=empty_url)))


def test_empty_database_is_filled_by_the_first_who_connects(project: Project) -> None:
    with pytest.raises(StorageError):  # no file yet, or no tables yet
        connect(project, may_change=False)
    with closing(connect(project)) as database:
        assert schema_state(database) is SchemaState.CURRENT
    with closing(connect(project)) as database:
        assert show_lists(database) == []


def test_database_made_with_other_keys_is_refused(project: Project, tmp_path: Path) -> None:
    connect(project).close()
    (tmp_path / "secret.toml").unlink()
    load_keys(tmp_path)
    other = Project(folder=tmp_path, config=project.config)
    with pytest.raises(ConfigError, match=r"another secret\.toml") as caught:
        connect(other)
    assert "Put back" in caught.value.hint


def test_database_whose_keys_are_lost_is_refused_and_no_new_ones_are_made(project: Project, tmp_path: Path) -> None:
    connect(project).close()
    (tmp_path / "secret.toml").unlink()
    with pytest.raises(ConfigError, match="is missing"):
        connect(Project(folder=tmp_path, config=project.config))
    assert not (tmp_path / "secret.toml").exists()


def test_relative_file_is_looked_for_in_the_project(tmp_path: Path) -> None:
    project = Project(folder=tmp_path, config=Config())
    connect(project).close()
    assert (tmp_path / "newsletter.db").is_file()
