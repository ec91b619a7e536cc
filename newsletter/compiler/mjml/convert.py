"""MJML: MJML → HTML by mjml-python, in a child process that may die without harm. mjml-python's door.

mjml-python ends the whole process on deep nesting and raises bare sentences with byte offsets; here both become a
`NoHtml` with the line of the MJML.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

from newsletter.errors import NewsletterError

_REFUSED = 3
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_CHILD = Path(__file__).with_name("child.py")
_OFFSETS = re.compile(r" at position (\d+):\d+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversion may use; an issue takes about a millisecond and a few megabytes."""

    seconds: int = 10
    memory: int = 1 << 30
    """Bytes of address space."""
    stack: int = 8 << 20


@dataclass(frozen=True, slots=True)
class NoHtml:
    """Why there is no HTML. `line` counts from 1 in the MJML; 0 when nobody knows."""

    message: str
    line: int = 0


def to_html(mjml: str, limits: Limits | None = None) -> str | NoHtml:
    """The HTML of an MJML document, or what is wrong with it. Raises NewsletterError when the child cannot run."""
    limits = limits or Limits()
    command = [sys.executable, "-I", "-S", str(_CHILD), _packages()]
    command += [str(limits.seconds), str(limits.memory), str(limits.stack)]
    try:
        done = subprocess.run(command, input=mjml.encode(), capture_output=True, timeout=limits.seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return NoHtml(f"compiling the MJML took longer than {limits.seconds} seconds")
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        return done.stdout.decode()
    if done.returncode == _REFUSED:
        return _explain(said, mjml)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return NoHtml(f"the MJML compiler died ({name}): tags are nested too deeply, or too many", _deepest(mjml))
    raise NewsletterError(f"The MJML compiler cannot run: {said or f'exit code {done.returncode}'}")


@cache
def _packages() -> str:
    """The folder that mjml-python is installed in, found without importing it."""
    spec = find_spec("mjml")
    if spec is None or not spec.origin:
        raise ModuleNotFoundError("mjml-python is not installed", name="mjml")
    return str(Path(spec.origin).parents[1])


def _explain(complaint: str, mjml: str) -> NoHtml:
    """The complaint with a line; where we find the mistake ourselves, we say it better."""
    found = next(_mistakes(mjml), None)
    if found:
        return found
    match = _OFFSETS.search(complaint)
    if match is None:
        return NoHtml(complaint)
    return NoHtml(_OFFSETS.sub("", complaint), mjml.encode()[: int(match[1])].count(b"\n") + 1)


def _mistakes(mjml: str) -> Iterator[NoHtml]:
    """Tags that are not balanced, and what XML does not allow: most complaints are about one of these."""
    reader = _Balance(mjml)
    if reader.fault:
        yield reader.fault
    for tag, line in reversed(reader.open):
        yield NoHtml(f"<{tag}> is never closed", line)
    for number, text in enumerate(mjml.split("\n"), 1):
        if re.search(r"<(?![A-Za-z/!])", text):
            yield NoHtml("a bare < must be written &lt;", number)
        if re.search(r"<[A-Za-z][^<>\"']*=[^\"'\s<>]", text):
            yield NoHtml("the value of an attribute must stand in quotes", number)


def _deepest(mjml: str) -> int:
    return _Balance(mjml).deepest[1]


class _Balance(HTMLParser):
    """Which tags are open; all must be closed but those that HTML knows to be empty."""

    def __init__(self, mjml: str) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.deepest = (0, 0)
        self.fault: NoHtml | None = None
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
                self.fault = NoHtml(f"</{tag}> stands where <{opened}> of line {at} must be closed", line)
            else:
                self.fault = NoHtml(f"</{tag}> closes nothing", line)
