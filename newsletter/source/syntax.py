"""What the YAML parser complains about, said to somebody who writes a newsletter."""

from __future__ import annotations

import re

import yaml

from newsletter.problem import Place, Problem
from newsletter.source.node import Source
from newsletter.source.words import quoted, shortened

_SYNTAX: tuple[tuple[str, str, str], ...] = (
    ("mapping values are not allowed", "': ' cannot stand inside a text that is not quoted", ""),
    ("cannot start any token", "a text cannot begin like this without quotes", ""),
    ("unknown escape character", "a backslash means something else inside double quotes",
     "Write it twice (\\\\) or use single quotes."),
    ("unexpected end of stream", "the quote that opens here is never closed", "Close it, or remove it."),
    ("expected alphabetic or numeric", "a text that begins with * or & must stand in quotes", ""),
    ("could not find expected ':'", "this line is neither 'key: value' nor the rest of a text",
     "Look at its indentation, or put the text above in quotes."),
    ("expected ',' or", "a bracket is not closed before this",
     "Close it; a text that begins with [ or { needs quotes."),
    ("did not find expected key", "this does not fit what stands before it",
     "Look at the indentation; a text that begins or ends with a quote must be quoted as a whole."),
    ("did not find expected '-'", "this does not line up with the list it is in",
     "Begin every item with '- ' in the same column, and line a key up with those above it."),
    ("document start", "this does not belong to what stands before it", "Look at the indentation of this line."),
)  # fmt: skip
"""What the parser says → what the author is told and what to do; an empty hint shows the line quoted."""


_GLUED = re.compile(r"(?P<key>\s*(?:-\s+)*[A-Za-z_][\w-]*):(?P<value>[^\s:/].*)")


def syntax_problem(source: Source, error: yaml.MarkedYAMLError, before: tuple[int, int, str]) -> Problem:
    """What stops the parser, as a problem. `before`: start, end and style of the scalar that it read last."""
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
    if glued := _glued_key(source, closed.line if before[2] else opened.line, place.line):
        return glued
    if source.text[index : index + 1] == "\t":
        message, hint = "a tab cannot indent", "Indent with spaces."
    elif "mapping values" in said and re.fullmatch(r"\s*[\w-]*", line[: place.column - 1]):
        message, hint = "this key is indented deeper than the one before it", "Line it up with its neighbours."
    else:
        message, hint = next(
            ((ours, what) for theirs, ours, what in _SYNTAX if theirs in said), (f"this is not YAML: {said}", "")
        )
        if "expected key" in said and re.match(r"\s*(?:-\s+)*(?:[\w-]+:\s+)?[\[{\"']", line):
            hint = ""
    return source.problem("yaml", message, place, hint=hint or _quote_this(line))


def _glued_key(source: Source, first: int, last: int) -> Problem | None:
    """A key in these lines whose value begins right after its colon, which YAML reads as one word."""
    for number in range(max(first, last - 3), last + 1):
        if match := _GLUED.match(source.line(number)):
            place = Place(source.file, number, match.end("key") + 1)
            hint = f"Write {match['key'].lstrip(' -')}: {shortened(match['value'], 200)}"
            return source.problem("yaml", "a space is missing after this colon", place, hint=hint)
    return None


def _quote_this(line: str) -> str:
    """How the text of a line would stand in quotes."""
    match = re.fullmatch(r"(?P<key>\s*(?:-\s+)*(?:[\w-]+:\s+)?)(?P<text>\S.*?)\s*", line)
    if match is None:
        return ""
    text = match["text"]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return f"Quote this text: {shortened((match['key'].strip() + ' ' + quoted(text)).strip(), 200)}"
