"""Mark: an issue's content → the same with markers for its merge fields. The first step of compiling."""

from html import escape, unescape

from newsletter.authoring.fields.mjml import HREF
from newsletter.authoring.fields.prose import without_code
from newsletter.authoring.fields.rewrite import rewrite
from newsletter.authoring.fields.url import normalise_url, url_fault
from newsletter.authoring.fields.values import Role
from newsletter.authoring.issue import Content
from newsletter.compiler.slots import Slots
from newsletter.errors import ExpressionError
from newsletter.expression import FIELD, LITERAL, unescaped
from newsletter.problem import Problem


def mark(content: Content, slots: Slots) -> tuple[Content, list[Problem]]:
    """The content with markers for its merge fields and URLs as they may travel; and what is wrong with the fields."""
    problems: list[Problem] = []

    def change(path: str, role: Role, value: str) -> str:
        try:
            if (role is Role.FACT or path.startswith("corrections[")) and FIELD.search(value):
                message = "a merge field cannot be used here: this text is the same for every recipient"
                raise ExpressionError(message, hint=LITERAL)
            is_markdown = role in (Role.INLINE, Role.MARKDOWN)
            marked = slots.mark(value, without_code(value, inline=role is Role.INLINE) if is_markdown else value)
            if role is Role.MJML:
                return HREF.sub(lambda link: f'{link["before"]}"{_in_href(link["url"], slots)}"', marked)
            if role is not Role.URL:
                return marked if is_markdown else unescaped(marked)
            url = slots.in_url(normalise_url(marked))
        except ExpressionError as error:
            problems.append(_problem(content, path, value, error))
            return "" if role is Role.URL else value
        fault = None if url in slots.own_links else url_fault(url)
        if fault:
            message = f"{fault.message} ({value})"
            problems.append(Problem("bad-link", message, content.place(path), path=path, hint=fault.hint))
        return "" if fault else url

    return rewrite(content, change), problems


def _in_href(written: str, slots: Slots) -> str:
    return escape(slots.in_url(normalise_url(unescape(written))))


def _problem(content: Content, path: str, value: str, error: ExpressionError) -> Problem:
    return Problem(
        id="merge-field",
        message=str(error),
        place=content.place(path),
        path=path,
        hint=error.hint,
        quote=_line_of(value, error.position),
    )


def _line_of(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    return text[start:].split("\n", 1)[0]
