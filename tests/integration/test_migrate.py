"""Bringing databases to the schema: empty, old, newer, foreign, and two processes at once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from newsletter.errors import SchemaVersionError
from newsletter.storage.database import migrations
from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import (
    SchemaState,
    _steps,
    draft_step,
    judge,
    require_current,
    schema_state,
    upgrade,
)
from newsletter.storage.database.tables import Instant, metadata

if TYPE_CHECKING:
    from conftest import SqliteFiles

LATEST = max(path.name[1:5] for path in (Path(next(iter(migrations.__path__))) / "versions").glob("v*.py"))
"""The number of the last step."""

_NEXT_STEP = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{LATEST}", None, None


def upgrade():
    with op.batch_alter_table("lists") as table:
        table.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="blue"))
"""


@pytest.fixture
def later_scripts(tmp_path: Path) -> Path:
    """The steps of a later version of this program."""
    folder = tmp_path / "later"
    copytree(Path(next(iter(migrations.__path__))), folder)
    (folder / "versions" / "v9999_next.py").write_text(_NEXT_STEP)
    return folder


def test_steps_from_empty_make_exactly_the_tables(empty_url: str) -> None:
    database = open_database(empty_url)
    assert schema_state(database) is SchemaState.EMPTY
    require_current(database)
    assert schema_state(database) is SchemaState.CURRENT
    with database.write() as connection:
        options = {
            "compare_type": True,
            # Alembic takes the default "" of SQLite for a change; see below.
            "compare_server_default": connection.dialect.name != "sqlite",
            "version_table": "schema_version",
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_steps_write_the_same_definitions_as_the_tables(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    """What a comparison of schemas does not see: defaults, and the conditions of partial indexes."""
    migrated, created = (open_database(f"sqlite:///{tmp_path / name}") for name in ("newsletter.db", "other.db"))
    sqlite_files.filled(tmp_path)
    with created.write() as connection:
        metadata.create_all(connection)
    assert _definitions(migrated) == _definitions(created)
    migrated.close()
    created.close()


def _definitions(database: Database) -> dict[str, list[str]]:
    """The parts of each definition, in any order: a column that a step added stands at the end."""
    with database.read() as connection:
        rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        found = [(name, sql.partition("(")) for name, sql in rows if "schema_version" not in name]
    return {
        name: [" ".join(head.replace('"', "").split()), *sorted(part.strip() for part in re.split(r"[,)]", body))]
        for name, (head, _, body) in found
    }


def test_filled_old_database_is_refused_until_somebody_upgrades_it(database: Database, later_scripts: Path) -> None:
    with database.write() as connection:
        connection.execute(
            sa.text("INSERT INTO lists (slug, name, opt_in, language, created_at) "
                    "VALUES ('weekly', 'Weekly', 'single', '', '2024-01-25 00:00:00')")
        )  # fmt: skip
    with pytest.raises(SchemaVersionError, match="earlier version") as caught:
        require_current(database, scripts=later_scripts)
    assert "newsletter db upgrade" in caught.value.hint
    assert upgrade(database, scripts=later_scripts) is SchemaState.OLD
    require_current(database, scripts=later_scripts)
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT slug, colour FROM lists")).all() == [("weekly", "blue")]


def test_newer_database_is_refused(database: Database, later_scripts: Path) -> None:
    upgrade(database, scripts=later_scripts)
    for attempt in (require_current, upgrade):
        with pytest.raises(SchemaVersionError, match="newer version"):
            attempt(database)


def test_database_of_something_else_is_left_alone(empty_url: str) -> None:
    database = open_database(empty_url)
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE songs (name text)"))
    for attempt in (require_current, upgrade):
        with pytest.raises(SchemaVersionError, match="something else"):
            attempt(database)
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names() == ["songs"]
    database.close()


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE schema_version (version integer)", "INSERT INTO schema_version VALUES (1)"],
        ["CREATE TABLE schema_version (version_num text)", "INSERT INTO schema_version VALUES ('0001'), ('9999')"],
        ["CREATE TABLE schema_version (version_num text)", "INSERT INTO schema_version VALUES ('7')"],
        ["CREATE TABLE schema_version (version_num text)", "INSERT INTO schema_version VALUES (NULL)"],
        ["CREATE VIEW schema_version AS SELECT '0001' AS version_num"],
        ["CREATE VIEW lists AS SELECT 1 AS one"],
    ],
)
def test_what_bears_a_name_of_ours_but_is_something_else_is_left_alone(empty_url: str, statements: list[str]) -> None:
    database = open_database(empty_url)
    with database.write() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    assert schema_state(database) is SchemaState.FOREIGN
    database.close()


def test_views_of_an_extension_do_not_make_a_database_somebody_elses(empty_url: str) -> None:
    database = open_database(empty_url)
    with database.write() as connection:
        connection.execute(sa.text("CREATE VIEW pg_stat_statements AS SELECT 1 AS calls"))
    assert schema_state(database) is SchemaState.EMPTY
    require_current(database)
    database.close()


def test_empty_database_is_refused_where_filling_is_not_wanted(empty_url: str) -> None:
    database = open_database(empty_url)
    with pytest.raises(SchemaVersionError, match="is empty"):
        require_current(database, fill_empty=False)
    database.close()


def test_step_that_fails_leaves_the_database_as_it_was(database: Database, later_scripts: Path) -> None:
    step = later_scripts / "versions" / "v9999_next.py"
    step.write_text(step.read_text() + "    raise RuntimeError('stop')\n")
    with pytest.raises(RuntimeError, match="stop"):
        upgrade(database, scripts=later_scripts)
    with database.read() as connection:
        assert "colour" not in [column["name"] for column in sa.inspect(connection).get_columns("lists")]
    require_current(database)


def test_numbers_of_the_steps_are_those_that_alembic_finds(later_scripts: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(later_scripts))
    directory = ScriptDirectory.from_config(config)
    assert _steps(later_scripts) == [step.revision for step in directory.walk_revisions()][::-1]
    assert _steps(later_scripts)[-1:] == directory.get_heads()


def test_nobody_pays_for_alembic_to_learn_how_a_database_stands(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    sqlite_files.filled(tmp_path)
    code = (
        "import sys; from newsletter.storage.database.database import open_database; "
        "from newsletter.storage.database.migrate import require_current; require_current(open_database(sys.argv[1])); "
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path / 'newsletter.db'}"], check=True)


def test_several_processes_fill_an_empty_database_once(empty_url: str) -> None:
    code = (
        "import sys; from newsletter.storage.database.database import open_database; "
        "from newsletter.storage.database.migrate import require_current; require_current(open_database(sys.argv[1]))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    outcomes = [(process.communicate()[1], process.returncode) for process in started]
    assert [code for _, code in outcomes] == [0] * 4, outcomes


def test_drafted_step_brings_what_the_tables_say_more(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tmp_path / "scripts"
    copytree(Path(next(iter(migrations.__path__))), scripts)
    more = sa.Table("songs", sa.MetaData(), sa.Column("sung_at", Instant, primary_key=True))
    monkeypatch.setattr(metadata, "tables", metadata.tables | {"songs": more})
    step = draft_step(database, "Remember songs", scripts=scripts)
    assert step.name == f"v{int(LATEST) + 1:04}_remember_songs.py"
    assert "sa.DateTime(timezone=True)" in step.read_text()
    assert "newsletter" not in step.read_text()
    assert upgrade(database, scripts=scripts) is SchemaState.OLD
    with database.read() as connection:
        assert "songs" in sa.inspect(connection).get_table_names()


@pytest.mark.parametrize(
    ("present", "has_tables", "state"),
    [
        (None, False, SchemaState.EMPTY),
        (None, True, SchemaState.FOREIGN),
        ("2", True, SchemaState.CURRENT),
        ("1", True, SchemaState.OLD),
        ("3", True, SchemaState.NEWER),
    ],
)
def test_state_follows_from_the_version_table(present: str | None, has_tables: bool, state: SchemaState) -> None:
    assert judge(present, known=frozenset({"1", "2"}), head="2", has_tables=has_tables) is state
