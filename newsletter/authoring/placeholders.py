"""placeholders: what the author meant to come back to, in every text of a file: a warning, and nothing to send.

After `load`, beside `check`; works on the tree, so that no field is forgotten and each place is exact.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from newsletter.authoring.fields.shape import shape_of, walk
from newsletter.authoring.fields.values import Role
from newsletter.authoring.issue import Issue
from newsletter.authoring.proofread import MAX_LENGTH
from newsletter.authoring.schema import IssueFile
from newsletter.problem import Problem, Severity
from newsletter.source import Node

PLACEHOLDER = "placeholder"
"""The id of these problems."""

_SPANISH = frozenset({"es", "pt", "gl", "ast"})
"""Languages in which "todo" is a common word: there it counts only with a colon, or alone."""
_MARK = r"(?<![\w/.-])(?:{words})(?!\w|[.-]\w)|(?i:lorem ipsum)|\A\s*(?i:todo)\b\s*(?::|\Z)"
_ANY = re.compile(_MARK.format(words="TODO|FIXME|TBD"))
_WITH_COLON = re.compile(_MARK.format(words="TODO:|FIXME|TBD"))
_IN_URL = re.compile(r"\bTODO\b(?!\.\w)")
_BEGINS = re.compile(r"(?:\A|[\n.!?:;…—–|(\[{])(?:[^\w\n]|[\d_])*\Z")
"""What precedes the first word of a text, a line, a sentence or brackets."""
_ENDS = re.compile(r"\s*(?:[:!…()\]}]|\Z)")
_NO_VALUE = re.compile(r"(?i)[\W_]*(?:(?:x{3,}|n/a|tbd|fixme|changeme|change me)[\W_]*)?")
_UNSEEN = frozenset({Role.CODE, Role.LITERAL, Role.IMAGE, Role.CONDITION})
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


def check_placeholders(file: Node, language: str, schema: type[IssueFile] = IssueFile) -> Iterator[Problem]:
    """Each `TODO` and its like in what readers would see of one file; what is marked as code may be named so."""
    for role, node in _texts(file, schema):
        for found in _IN_URL.finditer(node.text) if role is Role.URL else _marks(node.text, language):
            yield node.problem(
                PLACEHOLDER,
                _message(found),
                hint="Write what belongs here.",
                at=node.place_at(found.start()),
                severity=Severity.WARNING,
            )


def _texts(file: Node, schema: type[IssueFile]) -> Iterator[tuple[Role | None, Node]]:
    """Every text that readers may see, with its role; None below a key that there is not."""
    for shape, node in walk(file, shape_of(schema)):
        if node.text and shape.role not in _UNSEEN and len(node.text) <= MAX_LENGTH:
            yield shape.role, node


def check_authors(issue: Issue) -> Iterator[Problem]:
    """The same in the names and bios of the issue's authors in people.yaml."""
    for content in issue.contents.values():
        for author in content.authors:
            for found in (one for text in (author.name, author.bio) for one in _marks(text, content.language)):
                place, hint = content.place("author"), f"Complete {author.id} in people.yaml."
                if author.id:
                    yield Problem(PLACEHOLDER, _message(found), place, Severity.WARNING, "author", hint)


def is_placeholder(value: str) -> bool:
    """Whether a value on its own was never filled in: `TODO`, `-`, `n/a`."""
    return _NO_VALUE.fullmatch(_plain(value)) is not None or any(_marks(value, ""))


def _marks(text: str, language: str) -> Iterator[re.Match[str]]:
    pattern = _WITH_COLON if language.split("-")[0] in _SPANISH else _ANY
    for found in pattern.finditer(_CODE.sub(lambda code: " " * len(code.group()), _plain(text))):
        if found.group() != "TODO" or _is_note(found):
            yield found


def _is_note(found: re.Match[str]) -> bool:
    """Whether it is written to the author: to-do lists may be what a text is about."""
    before = found.string[max(0, found.start() - 40) : found.start()]
    return bool(_BEGINS.search(before) or _ENDS.match(found.string, found.end()))


def _plain(text: str) -> str:
    """The text with plain letters for wide and ornamental ones (NFKC); every character keeps its place."""
    if text.isascii():
        return text
    return "".join(map(_plain_letter, text))


@lru_cache(1 << 14)
def _plain_letter(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 else char


def _message(found: re.Match[str]) -> str:
    return f"{found.group().strip()!r} is still there"
