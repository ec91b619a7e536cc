"""Every module of the package can be imported: also the ones that no other unit test needs."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import newsletter

RUN_BY_ALEMBIC = "newsletter.storage.database.migrations.env"  # means something only while alembic runs it
MODULES = sorted({found.name for found in pkgutil.walk_packages(newsletter.__path__, "newsletter.")} - {RUN_BY_ALEMBIC})


@pytest.mark.parametrize("module", MODULES)
def test_module_imports(module: str) -> None:
    assert importlib.import_module(module).__doc__
