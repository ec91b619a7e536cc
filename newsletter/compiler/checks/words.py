"""Words: markup that readers would see. Reads the marked content, so that every problem has its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.authoring.issue import Content
from newsletter.compiler.leftovers import Leftover, leftovers
from newsletter.compiler.slots import Role, Slots, rewrite
from newsletter.expression import FIELD
from newsletter.problem import Problem, Severity

_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_MARKDOWN_SIGNS = re.compile(r"\*\*|\]\(|`")


def check_words(content: Content, slots: Slots) -> list[Problem]:
    """Leftovers of Markdown and of templates in everything the author wrote."""
    problems: list[Problem] = []

    def look(path: str, role: Role, value: str) -> str:
        problems.extend(
            Problem(
                id="leftover-markup",
                message=slots.unmark(found.message),
                place=content.place(path),
                severity=Severity.ERROR if found.is_error else Severity.WARNING,
                path=path,
                hint=found.hint,
                quote=slots.unmark(found.line).strip(),
            )
            for found in dict.fromkeys(_found(value, role, slots))
        )
        return value

    rewrite(content, look)
    return problems


def _found(value: str, role: Role, slots: Slots) -> Iterator[Leftover]:
    if role in (Role.INLINE, Role.MARKDOWN):
        yield from leftovers(value, slots, inline=role is Role.INLINE)
    elif role is not Role.URL and (match := _MARKDOWN_SIGNS.search(value)):
        yield Leftover(f"{match.group()} would be shown as it is: there is no Markdown here", value, is_error=False)
    for line in value.splitlines():
        if not FIELD.search(value) and (match := _BRACES.search(line)):
            yield Leftover(
                f"{match.group()} would be shown as it is",
                line,
                hint="A merge field looks like {{ subscriber.name }}; template code has no meaning in an issue",
            )
            return
