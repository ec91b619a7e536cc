"""What tests need from outside Python: found, or the test skips and says why; with REQUIRE_ALL=1 it fails instead."""

from __future__ import annotations

import os
import shutil

import pytest


def require(*programs: str) -> str:
    """The path of the first of these programs that is installed. Skips (or, with REQUIRE_ALL=1, fails) without any."""
    for program in programs:
        found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/postfix/sbin")
        if found:
            return found
    return _missing(f"{' or '.join(programs)} is not installed")


def require_module(name: str) -> None:
    """Skip (or fail) unless a Python module can be imported."""
    import importlib.util

    if importlib.util.find_spec(name) is None:
        _missing(f"the Python module {name} is not installed")


def _missing(reason: str) -> str:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and REQUIRE_ALL=1 forbids skipping")
    pytest.skip(reason)
