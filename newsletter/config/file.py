"""newsletter.toml as it is written, and the line of each key."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newsletter.config.config import Config
from newsletter.errors import ConfigError
from newsletter.problem import Place

FILE = "newsletter.toml"


def read_file(file: Path) -> tuple[str, dict[str, Any]]:
    """The text of the file and its values; both empty when there is none."""
    if not file.exists():
        return "", {}
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}", hint="It must be a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text", hint="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        reason, _, where = str(error).partition(" (at ")
        line = int(found[1]) if (found := re.match(r"line (\d+)", where)) else 0
        words, hint = _explain(reason, text.split("\n")[line - 1] if line else "")
        raise ConfigError(f"{place_in(file, line)}: this is not TOML: {words}", hint=hint) from error


def _explain(reason: str, line: str) -> tuple[str, str]:
    """What is wrong with a line, and what to write; `reason`: as the parser reports it."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["mistakes"]
    for entry in table:
        told, found = re.match(entry["reason"], reason), re.search(entry["line"], line)
        if told and found:
            groups = {"key": line.partition("=")[0].strip(), **told.groupdict(), **found.groupdict()}
            return entry["words"].format_map(groups) or reason, entry["hint"].format_map(groups)
    return reason, ""


def place_of(folder: Path, config: Config, path: str) -> Place:
    """Where newsletter.toml gives a key (`public.url`) its value; the file as a whole when it comes from elsewhere."""
    section, _, key = path.partition(".")
    text, written = read_file(folder / FILE)
    known = config.model_dump(by_alias=True).get(section, {}).get(key)
    found = written.get(section, {}).get(key)
    # Compared as `public.url` is kept: in lower case, without the last slash.
    is_here = found is not None and str(found).rstrip("/").lower() == str(known).rstrip("/").lower()
    return Place(FILE, line_of(text, (section, key))) if is_here else Place(FILE)


def place_in(file: Path, line: int) -> str:
    """As in `newsletter.toml:3`; line 0: the file as a whole."""
    return f"{file}:{line}" if line else str(file)


def line_of(text: str, loc: Sequence[str], which: int | None = None) -> int:
    """The line on which a key begins, else its section's; 0 when neither is there. `which`: of sections in a list.

    tomllib gives no lines. So every statement is parsed by itself, below its section's header.
    """
    header, statement, begin, section, passed = "", "", 1, 0, -1
    for number, line in enumerate(text.split("\n"), 1):
        statement += f"{line}\n"
        is_header = statement.lstrip().startswith("[")
        try:
            written: Any = tomllib.loads(statement if is_header else header + statement)
        except tomllib.TOMLDecodeError:
            continue  # a value of several lines
        passed += is_header and loc[0] in written
        if loc[0] in written and which in (None, passed):
            section = section or begin
            value = written[loc[0]]
            value = value[0] if isinstance(value, list) and value else value
            if len(loc) == 1 or (isinstance(value, dict) and loc[1] in value):
                return begin
        header, statement, begin = statement if is_header else header, "", number + 1
    return section
