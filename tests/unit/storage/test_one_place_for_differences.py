"""In what the two databases differ stands in one module for each; no other room may ask which one it is."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest

import newsletter

PACKAGE = Path(next(iter(newsletter.__path__)))
WORDS = ("sqlite", "postgres", "psycopg", "dialect", "pragma")
ALLOWED = {
    "storage/database/sqlite.py": "the one place for SQLite",
    "storage/database/postgresql.py": "the one place for PostgreSQL",
    "storage/database/database.py": "chooses one of them by the URL",
    "storage/database/compiled.py": "compiles for the one that is spoken to",
    "storage/database/tables.py": "an index condition and a type are written once per database",
    "storage/database/migrations/versions": "the same condition, as it was when the step was written",
    "authoring/fields/prose.py": "the dialect is Markdown's",
    "compiler/wording/leftovers.py": "the dialect is Markdown's",
    "jobs.py": "the queue is one of PostgreSQL, and its pool does not translate errors",
    "app/project.py": "a relative file in a URL is resolved against the project",
}
"""File or folder → why it may."""


def code_of(file: Path) -> str:
    """The names and numbers of a module, without its texts and comments."""
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    return " ".join(token.string for token in tokens if token.type in (tokenize.NAME, tokenize.OP))


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=str(file.relative_to(PACKAGE)))
        for file in sorted(PACKAGE.rglob("*.py"))
        if not any(str(file.relative_to(PACKAGE)).startswith(name) for name in ALLOWED)
    ],
)
def test_module_does_not_ask_which_database_it_is(file: Path) -> None:
    code = code_of(file).lower().replace("fields . dialect", "")  # that of Markdown
    assert [word for word in WORDS if word in code] == []


@pytest.mark.parametrize("name", ALLOWED)
def test_exception_is_still_needed(name: str) -> None:
    files = [PACKAGE / name] if name.endswith(".py") else list((PACKAGE / name).glob("*.py"))
    text = "".join(file.read_text(encoding="utf-8") for file in files).lower()
    assert any(word in text for word in WORDS)
