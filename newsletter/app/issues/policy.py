"""Policy: warnings that a project ignores or takes for errors, by `[checks]` and by comments in its YAML files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from newsletter.app.project import Project
from newsletter.authoring.files import quotable
from newsletter.config import why_no_warning
from newsletter.problem import Problem, Severity
from newsletter.source import Node, Source, parse_source

_COMMENT = re.compile(r"(?<![^\s])#[ \t]*check:[ \t]*ignore\b[ \t]*(?P<ids>[^\r\n]*)")


def judged(problems: Iterable[Problem], project: Project) -> list[Problem]:
    """The problems as the project wants them: without the warnings it ignores, some of the others as errors."""
    checks = project.config.checks
    silenced: dict[str, Mapping[int, frozenset[str]]] = {}

    def is_ignored(problem: Problem) -> bool:
        if problem.id in checks.ignore:
            return True
        file = problem.place.file
        if not problem.place.line or not file.endswith(".yaml"):
            return False
        if file not in silenced:
            source = quotable(file, project.folder)
            silenced[file] = _silenced(source) if source else {}
        return problem.id in silenced[file].get(problem.place.line, ())

    kept = (one for one in problems if one.severity is not Severity.WARNING or not is_ignored(one))
    return [replace(one, severity=Severity.ERROR) if one.id in checks.error else one for one in kept]


def check_comments(file: Node) -> Iterator[Problem]:
    """Comments that would silence what is no warning, in a file and in those that it includes."""
    for source in dict.fromkeys((file.source, *(node.source for node in _scalars(file)))):
        for match in _comments(source, file):
            for word in re.finditer(r"[^\s,]+", match["ids"]):
                if why := why_no_warning(word.group()):
                    place = source.place(match.start("ids") + word.start())
                    yield source.problem("unknown-check", why, place, severity=Severity.WARNING)


def _silenced(source: Source) -> Mapping[int, frozenset[str]]:
    """Line → the ids that comments silence there.

    A comment counts for its line, alone in a line for the next one; for all lines of a text that begins there.
    """
    root = parse_source(source.text.encode(), source.file)[0] if _COMMENT.search(source.text) else None
    if root is None:
        return {}
    ends: dict[int, int] = {}
    for node in _scalars(root):
        last = source.place(max(node.end - 1, node.start)).line
        for first in (node.place.line, node.key_place.line):
            ends[first] = max(last, ends.get(first, 0))
    found: dict[int, frozenset[str]] = {}
    for match in _comments(source, root):
        place = source.place(match.start())
        first = place.line
        if not source.line(first)[: place.column - 1].strip():
            first += 1
            while source.line(first).lstrip().startswith("#"):
                first += 1
        for line in range(first, ends.get(first, first) + 1):
            found[line] = found.get(line, frozenset()) | set(re.findall(r"[^\s,]+", match["ids"]))
    return found


def _comments(source: Source, root: Node) -> list[re.Match[str]]:
    """The comments of this kind; the same words in a text are none."""
    found = list(_COMMENT.finditer(source.text))
    own = (node for node in _scalars(root) if node.source.file == source.file)  # not of snippets and defaults
    texts = [(_text_start(node), node.end) for node in own] if found else []
    return [match for match in found if not any(start <= match.start() < end for start, end in texts)]


def _text_start(node: Node) -> int:
    """Where the text of a scalar begins: below the line of `|` and `>`, in which a comment may stand."""
    if node.style not in ("|", ">"):
        return node.start
    end = re.search(r"\r\n|\r|\n", node.source.text[node.start : node.end])
    return node.start + end.end() if end else node.end


def _scalars(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += [*node.mapping.values(), *node.items]
        if not (node.mapping or node.items):
            yield node
