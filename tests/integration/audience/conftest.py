"""A project whose subscribers are kept in SQLite and in PostgreSQL, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import NOW

from newsletter.app.audience.lists import add_list
from newsletter.app.project import Project
from newsletter.audience.consent import OptIn
from newsletter.config import Config, DatabaseSection
from newsletter.storage.database.database import Database


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    """A project with a key of its own."""
    return Project(folder=tmp_path, config=Config(database=DatabaseSection(url=database_url)))


@pytest.fixture(autouse=True)
def lists(database: Database) -> None:
    """Two lists: weekly has single opt-in, news double."""
    add_list(database, "weekly", name="The Weekly", opt_in=OptIn.SINGLE, language="en", now=NOW)
    add_list(database, "news", name="", opt_in=OptIn.DOUBLE, language="", now=NOW)
