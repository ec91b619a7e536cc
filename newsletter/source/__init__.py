"""YAML with places: bytes → a tree of nodes that know file, line and column. PyYAML's only door; it opens no files.

Dangerous or surprising YAML (aliases, tags, merge keys, duplicate keys, several documents, a text cut at ` #`) becomes
a problem with its place, never a feature and never an exception.
"""

from collections.abc import Iterator
from functools import lru_cache

from newsletter.problem import Place, Problem, named
from newsletter.source.compose import MAX_PROBLEMS, compose
from newsletter.source.node import FORBIDDEN, LINE_END, Node, Source
from newsletter.source.words import near_miss, quoted, shortened

__all__ = [
    "MAX_BYTES",
    "Node",
    "Source",
    "near_miss",
    "parse_source",
    "quoted",
    "shortened",
]

MAX_BYTES = 1024 * 1024


@lru_cache(16)  # themes, contributors and personas are read again for every issue
def parse_source(data: bytes, name: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """YAML bytes → the root node and the problems of the YAML; `name` is the file's name in problems.

    The root is None when the file cannot be read further. No content of the file raises an exception.
    """
    if len(data) > MAX_BYTES:
        hint = "An issue is text; keep images and data in files of their own."
        return None, (Problem("too-large", "the file has more than 1 MiB", Place(name, 1, 1), hint=hint),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, (_bad_encoding(data, name, error),)
    source = Source(name, text)
    if not text.strip():
        return None, (Problem("empty-file", "the file is empty", Place(name, 1, 1)),)
    problems = list(_control_characters(source))
    if problems:
        return None, tuple(problems)
    root = compose(source, problems)
    if not problems and (root is None or root.value is None):
        return None, (Problem("empty-file", "the file is empty but for comments", Place(name, 1, 1)),)
    return root, tuple(problems)


def _bad_encoding(data: bytes, name: str, error: UnicodeDecodeError) -> Problem:
    before = data[: error.start].decode("utf-8-sig", errors="replace")
    lines = LINE_END.split(before)
    hint = "Save the file as UTF-8."
    return Problem("bad-encoding", "the file is not UTF-8", Place(name, len(lines), len(lines[-1]) + 1), hint=hint)


def _control_characters(source: Source) -> Iterator[Problem]:
    for number, match in enumerate(FORBIDDEN.finditer(source.text)):
        if number == MAX_PROBLEMS:
            return
        message = f"the character {named(match.group())} cannot be seen and does not belong here"
        yield source.problem("control-character", message, source.place(match.start()), hint="Delete it.")
