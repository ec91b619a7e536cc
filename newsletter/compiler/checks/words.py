"""Words: markup that readers would see, searched where it was written, also in a file that is not yet a valid issue.

Names and bios in people.yaml are checked with the issue that shows them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from newsletter.authoring.fields.link_words import HINT
from newsletter.authoring.fields.prose import blanked, without_code
from newsletter.authoring.fields.values import Role
from newsletter.authoring.issue import Content
from newsletter.authoring.proofread import written
from newsletter.authoring.schema import IssueFile
from newsletter.compiler.checks.foreign import foreign_tags
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.leftovers import Leftover, leftovers
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD, LITERAL
from newsletter.problem import Problem, Severity
from newsletter.source import Node, quoted

_OPENS = r"<\s?!\s?(?:-\s?-|[–—])"
"""Also mistyped, or as a word processor changes it."""
_COMMENT = re.compile(rf"{_OPENS}(?:(?!{_OPENS}).)*?(?:-\s?-|[–—])\s?>|{_OPENS}", re.DOTALL)
_COMMENT_HINT = "Delete it, or write it as a comment of YAML: a line that begins with # outside the text."
_REST = re.compile(r"(?:read[ -]?)?more|excerpt|truncate", re.IGNORECASE)
_REST_HINT = "To end the email here, write a block - read_more: words; else delete it."
_CURLY = re.compile(r"([“„”«‘‚])[^“„”«»‘’]+([“”»’‘])")
_BRACES = re.compile(r"\{\{|\}\}|\{%(?:.*?%\})?|%\}|\{#.*?#\}")
_MEANT = re.compile(r"(?:(?:\\\{|&#(?:123|x7b);|&l(?:brace|cub);)\{?)+[^{}\n]*(?:\}\}|%\}|#\})", re.IGNORECASE)
"""Braces that the author wrote as words, up to those that close them."""
_MARKDOWN_SIGNS = re.compile(r"\*\*|\]\(|`")


def check_words(file: Node, schema: type[IssueFile] = IssueFile) -> Iterator[Problem]:
    """Comments, merge tags of other systems, and leftovers of Markdown and templates in what an author wrote."""
    for role, node in written(file, schema):
        text, prose = node.text, _prose(node.text, role)
        for tag in foreign_tags(prose):
            yield tag.problem(node)
            text, prose = _cross_out(text, tag.start, tag.end), _cross_out(prose, tag.start, tag.end)
        if role in (Role.URL, Role.MJML):
            continue
        for comment in _COMMENT.finditer(prose):
            at = node.place_at(comment.start())
            hint = _REST_HINT if _REST.fullmatch(comment.group().strip("<>!- ")) else _COMMENT_HINT
            yield node.problem("html-comment", "readers would see this comment", hint=hint, at=at)
            text, prose = _cross_out(text, *comment.span()), _cross_out(prose, *comment.span())
        if role in (Role.FACT, Role.WORDS) and not node.style and (quotes := _CURLY.fullmatch(text.strip())):
            message = f"the quotes {quotes[1]} and {quotes[2]} would be printed: YAML takes only straight ones"
            hint = f"Quote this text: {quoted(text.strip()[1:-1])}"
            yield node.problem("curly-quotes", message, hint=hint, severity=Severity.WARNING)
        slots, origin = Slots("0"), list[int]()  # of no edition: gone after this text
        try:
            pieces = list(slots.pieces(text, prose))
        except ExpressionError:  # `proofread` reports it
            continue
        for number, (piece, start) in enumerate(pieces):
            origin += [start] * len(piece) if number % 2 else range(start, start + len(piece))
        marked = "".join(piece for piece, _ in pieces)
        there = [replace(one, at=origin[one.at]) for one in _found(marked, role, slots, contributors=True)]
        for found in dict.fromkeys([*there, *_braces(prose)]):
            yield node.problem(
                "misleading-link" if found.hint == HINT else "leftover-markup",
                slots.unmark(found.message),
                hint=found.hint,
                at=node.place_at(found.at),
                severity=Severity.ERROR if found.is_error else Severity.WARNING,
            )


def _prose(text: str, role: Role) -> str:
    """The text with spaces in place of code and of what else was written to be shown as it is."""
    meant = [match.span() for match in _MEANT.finditer(text)]
    if role in (Role.INLINE, Role.MARKDOWN):
        return blanked(without_code(text, inline=role is Role.INLINE), meant)
    return blanked(text, meant)


def _cross_out(text: str, start: int, end: int) -> str:
    """The text with letters in place of what is a problem already, so that it is none for Markdown."""
    return text[:start] + re.sub(r"[^\n]", "x", text[start:end]) + text[end:]


def check_people(content: Content, slots: Slots) -> Iterator[Problem]:
    """The same in the names and bios of the issue's authors in people.yaml."""
    for author in content.authors:
        texts = (("name", author.name, Role.WORDS), ("bio", author.bio, Role.INLINE)) if author.id else ()
        for what, text, role in texts:
            for found in (*_found(text, role, slots), *_braces(_prose(text, role))):
                message = f"in the {what} of {author.id}: {slots.unmark(found.message)}"
                severity = Severity.ERROR if found.is_error else Severity.WARNING
                yield Problem("leftover-markup", message, content.place("author"), severity, "author", found.hint)


def _found(value: str, role: Role, slots: Slots, *, contributors: bool = False) -> Iterator[Leftover]:
    if role in (Role.INLINE, Role.MARKDOWN):
        yield from leftovers(value, slots, inline=role is Role.INLINE, contributors=contributors)
    elif match := _MARKDOWN_SIGNS.search(value):
        yield Leftover(
            f"{match.group()} would be shown as it is: there is no Markdown here", match.start(), is_error=False
        )


def _braces(prose: str) -> Iterator[Leftover]:
    """Braces that are no merge field and were not written to be seen."""
    for match in _BRACES.finditer(blanked(prose, [field.span() for field in FIELD.finditer(prose)])):
        hint = f"A merge field looks like {{{{ subscriber.name }}}}. {LITERAL}"
        yield Leftover(f"{match.group()} would be shown as it is", match.start(), hint=hint)
