"""Blessed results: compared with what is made now; rewritten instead with BLESS=1 (`make bless`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Blessed = Callable[[str, str], str]


@pytest.fixture
def blessed() -> Blessed:
    """`blessed(name, text)`: what the file of that name, beside the tests, holds; `text` itself when blessing."""

    def wanted(name: str, text: str) -> str:
        file = Path(__file__).parent / name
        if os.environ.get("BLESS") == "1":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="")
            return text
        assert file.is_file(), f"{name} was never blessed; look at it and run `make bless`"
        return file.read_bytes().decode()

    return wanted
