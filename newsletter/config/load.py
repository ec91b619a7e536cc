"""newsletter.toml and the environment over it → Config, or every mistake with its place."""

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from newsletter.config.config import Config, sections_of
from newsletter.config.file import FILE, line_of, place_in, read_file
from newsletter.config.mistakes import explain
from newsletter.errors import ConfigError

PREFIX = "NEWSLETTER_"


def is_configured_by(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a newsletter or database: then a project needs no newsletter.toml."""
    return any(name.startswith((f"{PREFIX}NEWSLETTER__", f"{PREFIX}DATABASE__")) for name in environment)


def load_config(folder: Path, environment: Mapping[str, str]) -> Config:
    """Read newsletter.toml (if there is one) and the environment over it. Raises ConfigError with every problem."""
    file = folder / FILE
    text, written = read_file(file)
    if "private_keys" in (written.get("dkim") or ()):
        place = place_in(file, line_of(text, ("dkim", "private_keys")))
        raise ConfigError(
            f"{place}: dkim.private_keys: a private key does not belong into this file, which others may read",
            hint=f"Remove it. Keys are files (newsletter dkim new), or are in {PREFIX}DKIM__PRIVATE_KEYS",
        )
    # A section that is not there is validated as an empty one: to make it apart would build a validator of its own.
    merged: dict[str, Any] = {name: {} for name, (_, is_repeated) in sections_of().items() if not is_repeated}
    merged |= deepcopy(written)
    sources: dict[tuple[str, ...], str] = {}
    for name, value in sorted(environment.items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and (one := _numbered(merged, section, key)) is not None:
            inner = key.partition("__")[2]
            one[inner] = value
            if section not in written:
                sources[section, inner] = name
        elif name.startswith(PREFIX) and key and isinstance(merged.setdefault(section, {}), dict):
            merged[section][key] = value
            sources[section, key] = name
            if section not in written:
                sources[section,] = name
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        found = []
        for item in error.errors(include_url=False, include_input=False):  # an input may be a secret
            # `[[schedules]]` is a list of sections: the number of one comes between section and key.
            which = next((part for part in item["loc"][1:2] if isinstance(part, int)), None)
            loc = tuple(str(part) for part in item["loc"] if not isinstance(part, int))[:2]
            line = 0 if loc in sources else line_of(text, loc, which)
            source = sources.get(loc) or place_in(file, line)
            shown = ".".join(loc if which is None else (f"{loc[0]}[{which}]", *loc[1:]))
            found.append((line, f"{source}: {shown}: {explain(item, loc, merged)}"))
        problems = [problem for _, problem in sorted(found)]
        raise ConfigError("The configuration has mistakes", problems=problems) from error


def _numbered(merged: dict[str, Any], section: str, key: str) -> dict[str, Any] | None:
    """The section of a list that a variable names by number: `NEWSLETTER_RELAYS__1__PASSWORD`; None for another key."""
    number, _, inner = key.partition("__")
    if not (inner and re.fullmatch("[1-9]|1[0-9]", number)):
        return None
    listed = merged.setdefault(section, [])
    if not isinstance(listed, list):
        return None
    listed += [{} for _ in range(int(number) - len(listed))]
    found = listed[int(number) - 1]
    return found if isinstance(found, dict) else None
