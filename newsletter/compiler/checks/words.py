"""Words: markup that readers would see, looked for where it was written, also while mistakes keep a file from being an
issue. What people.yaml says of an author is looked at in the issue that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.authoring.contributors import link_somewhere
from newsletter.authoring.fields.values import Role
from newsletter.authoring.issue import Content
from newsletter.authoring.proofread import written
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.leftovers import Leftover, leftovers
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD
from newsletter.problem import Problem, Severity
from newsletter.source import Node

_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_MARKDOWN_SIGNS = re.compile(r"\*\*|\]\(|`")


def check_words(file: Node) -> Iterator[Problem]:
    """Leftovers of Markdown and of templates in everything that the author wrote into one file."""
    for role, node in written(file):
        slots = Slots("0")  # of no edition: gone after this text
        try:
            marked = slots.mark(link_somewhere(node.text))
        except ExpressionError:  # told by whoever reads the fields
            continue
        for found in dict.fromkeys(_found(marked, role, slots)):
            line = node.text.split("\n")[found.row]
            column = max(line.find(slots.unmark(found.sign)), len(line) - len(line.lstrip()))
            yield node.problem(
                "leftover-markup",
                slots.unmark(found.message),
                hint=found.hint,
                at=node.place_at(_offset(node.text, found.row) + column),
                severity=Severity.ERROR if found.is_error else Severity.WARNING,
            )


def check_people(content: Content, slots: Slots) -> Iterator[Problem]:
    """The same in what people.yaml says of those who sign the issue."""
    for author in content.authors:
        texts = (("name", author.name, Role.WORDS), ("bio", author.bio, Role.INLINE)) if author.id else ()
        for what, text, role in texts:
            for found in _found(text, role, slots):
                message = f"in the {what} of {author.id}: {slots.unmark(found.message)}"
                severity = Severity.ERROR if found.is_error else Severity.WARNING
                yield Problem("leftover-markup", message, content.place("author"), severity, "author", found.hint)


def _found(value: str, role: Role, slots: Slots) -> Iterator[Leftover]:
    if role in (Role.INLINE, Role.MARKDOWN):
        yield from leftovers(value, slots, inline=role is Role.INLINE)
    elif match := _MARKDOWN_SIGNS.search(value):
        row, sign = value.count("\n", 0, match.start()), match.group()
        yield Leftover(f"{sign} would be shown as it is: there is no Markdown here", row, sign, is_error=False)
    for row, line in enumerate(value.split("\n")):
        if not FIELD.search(value) and (match := _BRACES.search(line)):
            sign = match.group()
            hint = "A merge field looks like {{ subscriber.name }}; template code has no meaning in an issue"
            yield Leftover(f"{sign} would be shown as it is", row, sign, hint=hint)
            return


def _offset(text: str, row: int) -> int:
    """Where a line begins in its text."""
    return sum(len(line) + 1 for line in text.split("\n")[:row])
