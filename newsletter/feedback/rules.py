"""Rules: what an email that came back is, and what it changes. Data: `returned.toml`, beside this module."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any


@cache
def rules() -> Mapping[str, Any]:
    """Everything that `returned.toml` says."""
    return tomllib.loads(Path(__file__).with_name("returned.toml").read_text(encoding="utf-8"))


@cache
def pattern(section: str, key: str) -> re.Pattern[str]:
    """Finds any of the words that a key lists; `^` is the beginning of a line."""
    words: Sequence[str] = rules()[section][key]
    return re.compile("|".join(words), re.IGNORECASE | re.MULTILINE)
