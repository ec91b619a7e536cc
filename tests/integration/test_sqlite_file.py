"""The file that a SQLite database is: connections follow what lies at its path, and make nothing anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest
import sqlalchemy as sa

from newsletter.errors import DamagedDatabaseError, NoDatabaseError
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database, open_file
from newsletter.storage.database.migrate import require_current


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "newsletter.db"


@pytest.fixture
def opened(file: Path) -> Iterator[Database]:
    database = open_file(file)
    require_current(database)
    write(database, "before")
    yield database
    database.close()


def write(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(tables.properties.insert().values(name=name, value=""))


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(
            connection.execute(sa.select(tables.properties.c.name).order_by(tables.properties.c.name)).scalars()
        )


def names_in(file: Path) -> list[str]:
    """What somebody sees who opens the file now."""
    other = open_file(file)
    try:
        return names(other)
    finally:
        other.close()


def remove(file: Path) -> None:
    for one in file.parent.glob(f"{file.name}*"):
        one.unlink()


def test_next_transaction_is_in_the_file_that_lies_there(opened: Database, file: Path, tmp_path: Path) -> None:
    opened.copy_to(tmp_path / "older.db")
    write(opened, "since")
    remove(file)
    copyfile(tmp_path / "older.db", file)
    assert names_in(file) == names(opened) == ["before"]
    write(opened, "after")
    assert names_in(file) == ["after", "before"]


def test_every_connection_follows_the_file(opened: Database, file: Path, tmp_path: Path) -> None:
    opened.copy_to(tmp_path / "older.db")
    with opened.read(), opened.read(), opened.read():
        remove(file)
        copyfile(tmp_path / "older.db", file)
    write(opened, "after")
    with opened.read() as one, opened.read() as two, opened.read() as three:
        found = [
            connection.execute(sa.select(sa.func.count(tables.properties.c.name))).scalar()
            for connection in (one, two, three)
        ]
    assert found == [2, 2, 2]


def test_file_that_is_renamed_over_it_is_followed(opened: Database, file: Path, tmp_path: Path) -> None:
    opened.copy_to(tmp_path / "older.db")
    write(opened, "since")
    for log in file.parent.glob("newsletter.db-*"):
        log.unlink()
    (tmp_path / "older.db").replace(file)
    assert names(opened) == ["before"]


def test_file_that_is_gone_is_not_made_anew(opened: Database, file: Path, tmp_path: Path) -> None:
    opened.copy_to(tmp_path / "older.db")
    remove(file)
    for _ in range(2):
        with pytest.raises(NoDatabaseError, match=r"newsletter\.db any more"):
            names(opened)
    assert not file.exists()
    copyfile(tmp_path / "older.db", file)
    assert names(opened) == ["before"]


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"x" * 4000])
def test_damaged_file_is_told_with_what_to_do(opened: Database, file: Path, content: bytes) -> None:
    remove(file)
    file.write_bytes(content)
    with pytest.raises(DamagedDatabaseError, match="is damaged") as caught:
        names(opened)
    assert "-wal" in caught.value.hint
    assert "db restore" in caught.value.hint
