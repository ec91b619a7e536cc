"""The segments of a project: read from segments.yaml, and chosen by a name or an expression."""

import re
from collections.abc import Mapping

from newsletter.app.project import Project
from newsletter.audience.segment import Segment, parse_written_segment
from newsletter.authoring.segments import FILE, load_segments
from newsletter.errors import AuthoringError, ExpressionError, NotFoundError, WrongUsageError
from newsletter.problem import Problem
from newsletter.source import near_miss

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_WORDS = ("true", "false")


def read_segments(project: Project) -> tuple[Mapping[str, Segment], tuple[Problem, ...]]:
    """Name → segment, as far as the file can be used; and what is wrong with it."""
    entries, problems = load_segments(project.folder / FILE, root=project.folder)
    found: dict[str, Segment] = {}
    for name, (entry, node) in entries.items():
        try:
            found[name] = Segment(parse_written_segment(entry.where), name, entry.description)
        except ExpressionError as error:
            at = node.place_at(error.position)
            problems += (node.problem("bad-condition", str(error), hint=error.hint, at=at),)
    return found, problems


def choose_segment(project: Project, text: str) -> Segment | None:
    """The segment that a name or an expression means; None for an empty one, which means everybody.

    Raises AuthoringError for a file with mistakes, NotFoundError for a word that names none, WrongUsageError for an
    expression that does not parse.
    """
    if not (text := text.strip()):
        return None
    if _NAME.fullmatch(text) and text not in _WORDS:
        known, problems = read_segments(project)
        if problems:
            raise AuthoringError(problems)
        if text not in known:
            there_are = f"There are: {', '.join(known)}" if known else f"Name it in {FILE}"
            hint = near_miss(text, known) or f"{there_are}. For whoever has a value: ({text})"
            raise NotFoundError(f"There is no segment {text!r}", hint=hint)
        return known[text]
    try:
        return Segment(parse_written_segment(text))
    except ExpressionError as error:
        where = f" (character {error.position + 1})" if error.position else ""
        raise WrongUsageError(f"{text!r} is no segment: {error}{where}", hint=error.hint) from error
