"""Errors of the YAML parser, in words for authors."""

import re
import tomllib
from pathlib import Path

import yaml

from newsletter.problem import Place, Problem
from newsletter.source.characters import wrong_character
from newsletter.source.node import Source
from newsletter.source.words import quoted, shortened

_MESSAGES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["messages"]

NEAR = 3
"""Lines before the parser's place in which the mistake may be: it reads a key to the end of its line."""
_GLUED = re.compile(r"(?P<key>\s*(?:-\s+)*[A-Za-z_][\w-]*):(?P<value>[^\s:/].*)")


def syntax_problem(source: Source, error: yaml.MarkedYAMLError, before: tuple[int, int, str]) -> Problem:
    """The parser's error as a problem. `before`: start, end and style of the last scalar before it."""
    said = str(error.problem or error.context or "unreadable")
    mark = error.problem_mark or error.context_mark
    if "unexpected end of stream" in said and error.context_mark is not None:
        mark = error.context_mark
    index = min(mark.index, len(source.text)) if mark is not None else 0
    place = source.place(index)
    line = source.line(place.line)
    opened, closed = source.place(before[0]), source.place(before[1])
    if before[2] in ("'", '"') and opened.line < closed.line == place.line:
        message = f"the quote that opens here is closed only in line {closed.line}"
        return source.problem("yaml", message, opened, hint="Close it in its own line.")
    first = max(closed.line if before[2] else opened.line, place.line - NEAR)
    if wrong := wrong_character(source, first, place.line):
        return wrong
    if glued := _glued_key(source, first, place.line):
        return glued
    if source.text[index : index + 1] == "\t":
        message, hint = "a tab cannot indent", "Indent with spaces."
    elif "mapping values" in said and re.fullmatch(r"\s*[\w-]*", line[: place.column - 1]):
        message, hint = "this key is indented deeper than the one before it", "Line it up with its neighbours."
    else:
        known = next((entry for entry in _MESSAGES if entry["parser"] in said), {})
        message, hint = known.get("problem", f"this is not YAML: {said}"), known.get("hint", "")
        if "expected key" in said and re.match(r"\s*(?:-\s+)*(?:[\w-]+:\s+)?[\[{\"']", line):
            hint = ""
    return source.problem("yaml", message, place, hint=hint or _quote_this(line))


def _glued_key(source: Source, first: int, last: int) -> Problem | None:
    """A key in these lines whose value begins right after its colon, which YAML reads as one word."""
    for number in range(first, last + 1):
        if match := _GLUED.match(source.line(number)):
            place = Place(source.file, number, match.end("key") + 1)
            hint = f"Write {match['key'].lstrip(' -')}: {shortened(match['value'], 200)}"
            return source.problem("yaml", "a space is missing after this colon", place, hint=hint)
    return None


def _quote_this(line: str) -> str:
    """A hint that shows the text of the line in quotes."""
    match = re.fullmatch(r"(?P<key>\s*(?:-\s+)*(?:[\w-]+:\s+)?)(?P<text>\S.*?)\s*", line)
    if match is None:
        return ""
    text = match["text"]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return f"Quote this text: {shortened((match['key'].strip() + ' ' + quoted(text)).strip(), 200)}"
