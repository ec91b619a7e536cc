"""What tests need from outside Python: found, or the test skips and says why; with REQUIRE_ALL=1 it fails instead."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

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


FONTS = Path(__file__).with_name("fonts.conf")
"""The fonts that every picture is taken with, whatever else is installed: set as FONTCONFIG_FILE."""


def require_fonts() -> None:
    """Skip (or fail) unless all families that `fonts.conf` names are installed."""
    lister = require("fc-list")
    environment = os.environ | {"FONTCONFIG_FILE": str(FONTS)}
    found = subprocess.run([lister, ":", "family"], env=environment, capture_output=True, text=True, check=True).stdout
    families = ("Liberation Sans", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Hebrew")
    if missing := [family for family in families if family not in found]:
        _missing(f"the fonts {', '.join(missing)} are not installed")


def _missing(reason: str) -> str:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and REQUIRE_ALL=1 forbids skipping")
    pytest.skip(reason)
