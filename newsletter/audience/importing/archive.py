"""Archives: the files of a tool's export, one by one. Before: bytes; after: `rows` reads each."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from newsletter.audience.importing.profiles import State, named_state
from newsletter.errors import RequestError

_MOST_FILES = 100


@dataclass(frozen=True, slots=True)
class Part:
    """One CSV file of an import."""

    name: str
    source: BinaryIO
    tool: str = ""
    """The key of the profile that says what its name means; empty for a file that is in no archive."""


def parts(name: str, source: BinaryIO) -> Iterator[Part]:
    """The file itself, or each CSV file of a ZIP: those who have left first, for an address counts where it is first.

    Raises RequestError for a ZIP that cannot be read, and for one with a file of which no tool's profile tells the
    state.
    """
    is_zip = source.read(4) == b"PK\x03\x04"
    source.seek(0)
    if not is_zip:
        yield Part(name, source)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.namelist()
            if "[Content_Types].xml" in members:
                raise RequestError("The file is an Excel workbook", hint="Save it as CSV (UTF-8), and import that")
            for member, tool in _in_order(members):
                with archive.open(member) as opened:
                    yield Part(PurePosixPath(member).name, cast("BinaryIO", opened), tool)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:  # RuntimeError: a password
        raise RequestError(f"The ZIP file cannot be read: {error}", hint="Unpack it, and import its files") from error


def _in_order(members: list[str]) -> list[tuple[str, str]]:
    """Path and tool of the CSV files, those who have left first."""
    paths = [path for path in map(PurePosixPath, members) if path.suffix.lower() == ".csv"]
    named = [(path, named_state(path.name)) for path in paths if "__MACOSX" not in path.parts]
    if not 0 < len(named) <= _MOST_FILES:
        raise RequestError(f"The ZIP file has {len(named)} CSV files", hint="Unpack it, and import the files you mean")
    found = [(list(State).index(said[1]), str(path), said[0].key) for path, said in named if said]
    if len(found) < len(named):
        unknown = next(path.name for path, said in named if not said)
        raise RequestError(
            f"The name of {unknown} in the ZIP file does not say whether its rows are subscribers",
            hint="Unpack it, and import each file with --status, those who have left first",
        )
    return [(path, tool) for _, path, tool in sorted(found, reverse=True)]
