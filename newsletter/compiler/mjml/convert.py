"""Convert: MJML → HTML by mjml-python, in the child. mjml-python's door.

It raises bare sentences with byte offsets, which here become a failure with the line of the MJML; on deep nesting it
ends the whole process, of which the worker tells.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from newsletter.compiler.mjml.finish import StylesheetError, finish, take_inline_css
from newsletter.compiler.mjml.limits import OUTPUT, FailedError, TooLongError

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_OFFSETS = re.compile(r" at position (\d+):\d+")


def convert(mjml: str, language: str, direction: str) -> str:
    """The finished HTML of an MJML document. Raises FailedError with what is wrong, each with its line or 0."""
    from mjml import mjml2html

    plain, css = take_inline_css(mjml)
    try:
        html = mjml2html(plain, fonts={})  # or every mail links a font server
    except (TooLongError, MemoryError):
        raise
    except BaseException as error:  # a panic of the Rust library is a BaseException
        raise FailedError("mjml", faults=[_explain(str(error), plain)]) from error
    if unknown := dict.fromkeys(re.findall(r"<(mj-[a-z-]+)", html, re.IGNORECASE)):
        raise FailedError("mjml", faults=[(f"MJML has no element <{name}>", _line_of(plain, name)) for name in unknown])
    if len(html) > OUTPUT:
        raise FailedError("mjml", faults=[(f"it makes more than {OUTPUT >> 20} MiB of HTML", 0)])
    try:
        return finish(html, language=language, direction=direction, css=css)
    except StylesheetError as error:
        raise FailedError("style", str(error), hint=error.hint) from error


def _line_of(mjml: str, tag: str) -> int:
    at = mjml.lower().find(f"<{tag.lower()}")
    return mjml.count("\n", 0, at) + 1 if at >= 0 else 0


def _explain(complaint: str, mjml: str) -> tuple[str, int]:
    """The complaint with a line; where we find the mistake ourselves, we say it better."""
    found = next(mistakes(mjml), None)
    if found:
        return found
    match = _OFFSETS.search(complaint)
    if match is None:
        return complaint, 0
    return _OFFSETS.sub("", complaint), mjml.encode()[: int(match[1])].count(b"\n") + 1


def mistakes(mjml: str) -> Iterator[tuple[str, int]]:
    """Tags that are not balanced, and what XML does not allow: most complaints are about one of these."""
    yield from unbalanced(mjml)
    for number, text in enumerate(mjml.split("\n"), 1):
        if re.search(r"<(?![A-Za-z/!])", text):
            yield "a bare < must be written &lt;", number
        if re.search(r"<[A-Za-z][^<>\"']*=[^\"'\s<>]", text):
            yield "the value of an attribute must be in quotes", number


def unbalanced(mjml: str) -> Iterator[tuple[str, int]]:
    """Tags that are closed in the wrong place or not at all."""
    reader = _Balance(mjml)
    if reader.fault:
        yield reader.fault
    for tag, line in reversed(reader.open):
        yield f"<{tag}> is never closed", line


def deepest(mjml: str) -> int:
    """The line of what stands in the most tags."""
    return _Balance(mjml).deepest[1]


class _Balance(HTMLParser):
    """Which tags are open; all must be closed but those that HTML knows to be empty."""

    def __init__(self, mjml: str) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.deepest = (0, 0)
        self.fault: tuple[str, int] | None = None
        self.feed(mjml)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _VOID:
            return
        self.open.append((tag, self.getpos()[0]))
        self.deepest = max(self.deepest, (len(self.open), self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opened and closed at once."""

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        elif self.fault is None:
            line = self.getpos()[0]
            if self.open:
                opened, at = self.open[-1]
                self.fault = f"</{tag}> stands where <{opened}> of line {at} must be closed", line
            else:
                self.fault = f"</{tag}> closes nothing", line
