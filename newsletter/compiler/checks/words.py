"""Words: markup that readers would see, searched where it was written, also in a file that is not yet a valid issue.

Names and bios in people.yaml are checked with the issue that shows them.
"""

import re
from collections.abc import Iterator

from newsletter.authoring.contributors import link_somewhere
from newsletter.authoring.fields.link_words import HINT
from newsletter.authoring.fields.values import Role
from newsletter.authoring.issue import Content
from newsletter.authoring.proofread import written
from newsletter.authoring.schema import IssueFile
from newsletter.compiler.checks.foreign import foreign_tags
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.leftovers import Leftover, leftovers, without_code
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD
from newsletter.problem import Problem, Severity
from newsletter.source import Node, quoted

_OPENS = r"<\s?!\s?(?:-\s?-|[–—])"
"""Also mistyped, or as a word processor changes it."""
_COMMENT = re.compile(rf"{_OPENS}(?:(?!{_OPENS}).)*?(?:-\s?-|[–—])\s?>|{_OPENS}", re.DOTALL)
_COMMENT_HINT = "Delete it, or write it as a comment of YAML: a line that begins with # outside the text."
_CURLY = re.compile(r"([“„”«‘‚])[^“„”«»‘’]+([“”»’‘])")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_MARKDOWN_SIGNS = re.compile(r"\*\*|\]\(|`")


def check_words(file: Node, schema: type[IssueFile] = IssueFile) -> Iterator[Problem]:
    """Comments, merge tags of other systems, and leftovers of Markdown and templates in what an author wrote."""
    for role, node in written(file, schema):
        text = node.text
        is_markdown = role in (Role.INLINE, Role.MARKDOWN)
        prose = without_code(text, inline=role is Role.INLINE) if is_markdown else text
        for tag in foreign_tags(prose):
            yield tag.problem(node)
            text = _cross_out(text, tag.start, tag.end)
        if role is Role.URL:
            continue
        for comment in _COMMENT.finditer(prose):
            at = node.place_at(comment.start())
            yield node.problem("html-comment", "readers would see this comment", hint=_COMMENT_HINT, at=at)
            text = _cross_out(text, *comment.span())
        if role in (Role.FACT, Role.WORDS) and not node.style and (quotes := _CURLY.fullmatch(text.strip())):
            message = f"the quotes {quotes[1]} and {quotes[2]} would be printed: YAML takes only straight ones"
            hint = f"Quote this text: {quoted(text.strip()[1:-1])}"
            yield node.problem("curly-quotes", message, hint=hint, severity=Severity.WARNING)
        slots = Slots("0")  # of no edition: gone after this text
        try:
            marked = slots.mark(link_somewhere(text))
        except ExpressionError:  # `proofread` reports it
            continue
        for found in dict.fromkeys(_found(marked, role, slots)):
            line = node.text.split("\n")[found.row]
            column = max(_find(line, slots.unmark(found.sign), found.before), len(line) - len(line.lstrip()))
            yield node.problem(
                "misleading-link" if found.hint == HINT else "leftover-markup",
                slots.unmark(found.message),
                hint=found.hint,
                at=node.place_at(_offset(node.text, found.row) + column),
                severity=Severity.ERROR if found.is_error else Severity.WARNING,
            )


def _cross_out(text: str, start: int, end: int) -> str:
    """The text with letters in place of what is a problem already, so that it is none for Markdown."""
    return text[:start] + re.sub(r"[^\n]", "x", text[start:end]) + text[end:]


def _find(line: str, sign: str, before: int) -> int:
    """The column of a sign with `before` of the same before it in the line; -1 where there is none."""
    at = line.find(sign)
    while before and (after := line.find(sign, at + 1)) > at >= 0:
        at, before = after, before - 1
    return at


def check_people(content: Content, slots: Slots) -> Iterator[Problem]:
    """The same in the names and bios of the issue's authors in people.yaml."""
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
