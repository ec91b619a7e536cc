"""compose: the parser's events → a tree of nodes, judging depth, number, anchors, tags and keys on the way.

Composed by hand and never by `yaml.compose`: its C code recurses, and 100,000 open brackets end the process, while
events come one by one and can be stopped. Scalars follow YAML 1.2: `no` and `12:30` are text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from newsletter.problem import Problem, Severity, named
from newsletter.source.characters import explain, in_word, plain_word
from newsletter.source.node import FORBIDDEN, Node, Scalar, Source
from newsletter.source.syntax import NEAR, syntax_problem
from newsletter.source.words import quoted, shortened

MAX_DEPTH = 50
MAX_VALUES = 50_000
"""Values in one file; a long issue has a few hundred."""
MAX_PROBLEMS = 100
"""After so many the rest of a file is not read: it is probably no issue."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")
_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def compose(source: Source, problems: list[Problem]) -> Node | None:
    """The root of a file; None when it is no YAML, or YAML that we refuse to read to its end. Adds to `problems`."""
    return _Composer(source, problems).compose()


@dataclass
class _Open:
    """A mapping or list whose end has not been read yet."""

    path: str
    start: int
    key: int | None
    is_mapping: bool
    values: dict[str, Node] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    awaits: tuple[str, int] | None = None
    """In a mapping: the key (and its position) whose value comes next."""


class _Stop(Exception):  # noqa: N818 - never leaves this file
    """Nothing more is read of this file."""


class _Composer:
    """Builds the tree of one file from the parser's events, without recursion."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.open: list[_Open] = []
        self.root: Node | None = None
        self.count = 0
        self.documents = 0
        self.last_scalar: tuple[int, int, str] = (0, 0, "")
        """Start, end and style of the one that was read last."""

    def compose(self) -> Node | None:
        """The root; None when the file is no YAML, or YAML that we refuse to read to its end."""
        try:
            for event in yaml.parse(self.source.text, Loader=yaml.CSafeLoader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            problem = syntax_problem(self.source, error, self.last_scalar)
            known = (one.place.line for one in self.problems if one.id == "wrong-character")
            if not any(0 <= problem.place.line - line <= NEAR for line in known):  # else it is only the consequence
                self.problems.append(problem)
            return None
        except yaml.YAMLError as error:
            self._report("yaml", f"this is not YAML: {shortened(error)}", 0)
            return None
        except _Stop:
            return None
        return self.root

    def _take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._start_document(event)
            case yaml.AliasEvent():
                self._add_alias(event)
            case yaml.ScalarEvent():
                self._inspect(event)
                self._add_scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._inspect(event)
                self._start(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._finish(event)

    def _start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            hint = "Remove the line with --- or put the rest into a file of its own."
            self._report("several-documents", "a second document begins here", event.start_mark.index, hint=hint)
            raise _Stop

    def _inspect(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse("anchor", f"an anchor (&{shortened(event.anchor)}) is not allowed here", event, "&")
        if event.tag is not None:
            self._refuse("tag", f"a tag ({shortened(event.tag)}) is not allowed here", event, "!")

    def _add_alias(self, event: Any) -> None:
        """Report an alias; an empty text takes its place, so that reading can go on."""
        start, end = event.start_mark.index, event.end_mark.index
        self._refuse("alias", "an alias (*name) is not allowed here", event, "*")
        self._add(Node(self.source, self._path(), "", start, end, self._key(), style="*"))

    def _refuse(self, rule: str, message: str, event: Any, sign: str) -> None:
        hint = f"Write the value out. A text that begins with {sign} must be in quotes."
        self._report(rule, message, event.start_mark.index, hint=hint)

    def _report(
        self, rule: str, message: str, index: int, *, hint: str = "", path: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:  # fmt: skip
        place = self.source.place(index)
        path = self._path() if path is None else path
        self.problems.append(self.source.problem(rule, message, place, path=path, hint=hint, severity=severity))
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(Problem("too-many-problems", "the rest of the file was not read", place))
            raise _Stop

    def _add_scalar(self, event: Any) -> None:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
        self.last_scalar = (start, end, style)
        parent = self.open[-1] if self.open else None
        if parent is not None and parent.is_mapping and parent.awaits is None:
            self._take_key(parent, event.value, start)
            return
        if style == "" and event.value:
            self._look_for_cut(event.value, end)
        if style == '"' and (hidden := FORBIDDEN.search(event.value)):
            self._report("control-character", f"an escape stands for {named(hidden.group())}", start, hint="Delete it.")
        value = _scalar(event.value) if style == "" and event.implicit[0] else event.value
        self._add(Node(self.source, self._path(), value, start, end, self._key(), style))

    def _take_key(self, parent: _Open, key: str, start: int) -> None:
        if (at := next(in_word(key), -1)) >= 0:
            wrong, hint = explain(key[at])
            self._report("wrong-character", wrong, start + at, hint=hint)
            key = plain_word(key)
        path = f"{parent.path}.{key}" if parent.path else key
        if key == "<<":
            self._report("merge-key", "merge keys (<<) are not allowed here", start, hint="Write the values out.")
        elif key in parent.values:
            first = self.source.place(parent.values[key].key or 0).line
            message = f"the key {shortened(key)!r} is there twice, first in line {first}"
            self._report("duplicate-key", message, start, hint="Keep one of the two.", path=path)
        parent.awaits = (key, start)

    def _look_for_cut(self, value: str, end: int) -> None:
        """Prose that goes on behind ` #` was cut by YAML, which takes the rest of the line for a comment."""
        place = self.source.place(end)
        rest = self.source.line(place.line)[place.column - 1 :]
        match = re.match(r"(?P<space>[ \t]+)#(?P<glued>[^\s#]?)", rest)
        if match is None:
            return
        glued = bool(match["glued"])
        if not glued and not (" " in value and match["space"] == " "):
            return
        message = "YAML cuts the text here: ' #' makes the rest of the line a comment"
        hint = f"Quote this text: {shortened(quoted((value + rest).rstrip()), 200)}"
        if glued:
            self._report("cut-text", message, end + len(match["space"]), hint=hint)
        else:
            hint = f"{hint} If it is a comment, put two spaces before it."
            self._report("cut-text", message, end + len(match["space"]), hint=hint, severity=Severity.WARNING)

    def _start(self, event: Any) -> None:
        index = event.start_mark.index
        parent = self.open[-1] if self.open else None
        if parent is not None and parent.is_mapping and parent.awaits is None:
            hint = "A text that begins with { or [ must be in quotes."
            self._report("bad-key", "a key must be a word, not a list or a mapping", index, hint=hint)
            raise _Stop
        if len(self.open) == MAX_DEPTH:
            self._report("too-deep", f"this is nested more than {MAX_DEPTH} levels deep", index)
            raise _Stop
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.open.append(_Open(self._path(), index, self._key(), is_mapping))

    def _finish(self, event: Any) -> None:
        done = self.open.pop()
        value: Mapping[str, Node] | tuple[Node, ...] = done.values if done.is_mapping else tuple(done.items)
        self._add(Node(self.source, done.path, value, done.start, event.end_mark.index, done.key))

    def _add(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            self._report("too-many-values", f"the file holds more than {MAX_VALUES} values", node.start, path="")
            raise _Stop
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.awaits is None:  # an alias as a key, already reported
            parent.awaits = ("", node.start)
        else:
            key, _ = parent.awaits
            parent.awaits = None
            if key != "<<":
                parent.values.setdefault(key, node)

    def _path(self) -> str:
        """The path of the value that comes next."""
        if not self.open:
            return ""
        parent = self.open[-1]
        if not parent.is_mapping:
            return f"{parent.path}[{len(parent.items)}]"
        key = parent.awaits[0] if parent.awaits else ""
        return f"{parent.path}.{key}" if parent.path and key else key or parent.path

    def _key(self) -> int | None:
        parent = self.open[-1] if self.open else None
        return parent.awaits[1] if parent is not None and parent.awaits else None


def _scalar(text: str) -> Scalar:
    """A plain scalar by the core schema of YAML 1.2; numbers too long to be meant as such stay text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
